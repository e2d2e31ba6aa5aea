"""What the page of a run says in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.pages.markup import Markup, element, joined, linked
from bench.report.pictures import CURVES, LATE, MATRIX, SCATTER
from bench.synthesis.convergence import GRADIENTS, UNFINISHED
from bench.synthesis.fidelity import in_words

ALONE = (
    "This run has one model only, so no other model could be shown its metamers: what others "
    "recognise is missing, not zero. Run again with more models in the same directory."
)
NO_PICTURES = (
    "None: the matrix and the curves need two models or more, the scatter also robust accuracies."
)
UNDER_BOARD = (
    "In brackets: 95 % intervals (over stimuli), then n, the number of stimuli. A rank is one more "
    "than the number of models whose interval lies wholly above; = marks a shared one. A dash is a "
    "number that was not measured. A click on a heading sorts. The mark is the model's in "
    "the pictures."
)
MATCH = (
    "How closely the metamers reproduce the natural stimuli's activations at their stage: median "
    "over stimuli, below it the quartiles. High values are the point of a metamer: where they are "
    "low, synthesis did not succeed, and recognition there says little."
)
CONVERGED = (
    "Loss of the metamers against gradients, a panel a model, a line a stage",
    "Median loss over stimuli during synthesis, from the first stage (dark) to the last (light). A "
    f"mark at the end: unfinished, for {GRADIENTS} more gradients would lower the loss by more "
    f"than {UNFINISHED:g}. A flat curve alone proves nothing, since steps that shrink come to rest "
    "anywhere.",
)
SOURCES = (
    "Model metamers, recognition by other models: Feather, Leclerc, Mądry and McDermott 2023, "
    "Model metamers reveal divergent invariances between biological and artificial neural "
    "networks, Nature Neuroscience 26, 10.1038/s41593-023-01442-0; code: "
    "https://github.com/jenellefeather/model_metamers_pytorch",
    "Two-alternative forced choice (2AFC): Nanda, Majumdar, Kolling, Dickerson, Gummadi, Love and "
    "Weller 2023, Do invariances in deep neural networks align with human perception?, AAAI 37, "
    "10.1609/aaai.v37i8.26112",
    "Projected gradient descent (PGD): Mądry, Makelov, Schmidt, Tsipras and Vladu 2018, Towards "
    "deep learning models resistant to adversarial attacks, ICLR, https://arxiv.org/abs/1706.06083",
    "HaarPSI, a perceptual distance: Reisenhofer, Bosse, Kutyniok and Wiegand 2018, Signal "
    "Processing: Image Communication 61, 10.1016/j.image.2017.11.001",
)
FILES = {"CSV": "csv", "JSON": "json", "Markdown": "md"}


def other_files() -> list[Any]:
    """Return links to the same numbers in other files of the run."""
    links = [element("a", kind, href=f"leaderboard.{end}") for kind, end in FILES.items()]
    return [
        "The same as ",
        joined(links, ", "),
        "; a row a stimulus in ",
        element("code", "tables/*.parquet"),
        ".",
    ]


def sources() -> Markup:
    """Return what the methods' papers are."""
    return element("ul", *(element("li", linked(source)) for source in SOURCES))


def galleries(n: int, whole: int) -> str:
    """Say how to read the tables of metamers, and how many of the stimuli they show."""
    return (
        f"Top row: natural stimuli, {n} of {whole}, the same for every model. Below, a row a "
        "stage, from the input to the output: metamers that give this model nearly the same "
        "activations at that stage. A click enlarges one beside its natural stimulus. “others”: "
        "the proportion that the other models recognise. “own label”: how many of all its metamers "
        "keep the label that the model itself gives the natural stimulus; those that do not are "
        "framed, and are left out of every recognition number."
    )


def headings(suite: Mapping[str, Any], attack: str) -> dict[str, str]:
    """Return the heading of each of the board's measures."""
    rule = suite["board"]
    return {
        "alignment": "recognised by others",
        "late": f"last {rule['late_stages']} stages",
        "two_afc": f"2AFC {rule.get('alignment_metric') or ''}".strip(),
        "accuracy": "accuracy",
        "robust": f"under attack ({attack})",
    }


def protocol(suite: Mapping[str, Any]) -> str:
    """Return a suite's protocol with what is changed of it."""
    choice = suite["protocol"]
    changes = ", ".join(f"{k} = {v}" for k, v in choice["replace"].items())
    return str(choice["name"]) + (f" ({changes})" if changes else "")


def fidelity_note(suite: Mapping[str, Any]) -> str:
    """Say how far the suite's protocol is from the paper's rule."""
    choice = suite["protocol"]
    changes = (f"{name}={value}" for name, value in sorted(choice["replace"].items()))
    return in_words("+".join([choice["name"], *changes])).replace("`", "")


def n_metamers(record: Mapping[str, Any]) -> str:
    """Return how many stimuli got metamers, in words."""
    sizes = {
        name: facts["n"]
        for name, facts in record["stimuli"].items()
        if name.startswith(f"{record['suite']['stimuli']}[")
    }
    n = min(record["suite"]["limit"], *sizes.values()) if sizes else record["suite"]["limit"]
    return f"metamers of {n} stimuli ({record['suite']['stimuli']})"


def pictures(record: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the alternative text and the caption of each picture."""
    late = record["suite"]["board"]["late_stages"]
    cells = (
        "Row: the model that made the metamers; column: the model that was asked; mean over {} of "
        "the proportion recognised of the metamers that keep their maker's own label. Outlined: a "
        "model's own metamers; by that rule, this is its accuracy on their natural stimuli."
    )
    return {
        SCATTER: (
            "Scatter of metamer recognition by other models against accuracy under attack",
            "One point a model, with 95 % intervals. Dotted line, where it is in range: chance.",
        ),
        MATRIX: ("Heat map of recognition, all stages", cells.format("all stages")),
        LATE: (
            f"Heat map of recognition, last {late} stages",
            cells.format(f"the last {late} stages"),
        ),
        CURVES: (
            "Curves of metamer recognition by stage, a panel a model",
            "A panel a model that made metamers; left the natural stimuli, then its stages by "
            "depth. Thick: other models, mean and standard error over them, of metamers that keep "
            "the maker's own label. Thin: the maker itself, of all its metamers.",
        ),
    }


def how_to_read(suite: Mapping[str, Any], attack: str) -> Markup:
    """Return a short guide to the numbers."""
    items = {
        "Metamer": "a stimulus, made from noise by gradient descent, that a model cannot tell from "
        "a natural one at one of its stages.",
        "Recognised by others": "the proportion of a model's metamers whose true class the other "
        "models of this run name. If only the model itself recognises them, its invariances are "
        "its own; people, too, tend not to recognise such metamers. It depends on which other "
        "models took part.",
        f"Last {suite['board']['late_stages']} stages": "the same where models differ most: close "
        "to the output, a stage has thrown away the most.",
        "2AFC": "the proportion of metamers that a perceptual distance finds nearer to the natural "
        "stimulus than to the noise they started from. A distance is a stand-in for people.",
        "Under attack": f"the proportion of stimuli still classified correctly after {attack}.",
        "Caution": "these are stand-ins for experiments with people, over few stimuli. Read the "
        "intervals before the ranks.",
    }
    return element(
        "dl",
        *(joined([element("dt", name), element("dd", text)]) for name, text in items.items()),
        class_="facts",
    )


def facts(record: Mapping[str, Any]) -> dict[str, str]:
    """Return where the numbers come from: settings, versions, machine, time."""
    suite = record["suite"]
    found = {
        "suite": suite["id"],
        "protocol": protocol(suite),
        "seed": str(suite["seed"]),
        "stages": ", ".join(suite["stages"]),
        "command": record["command"],
        "started": record["started"],
        "ended": record.get("ended", "–"),
        "status": record["status"],
        "device": record["device"],
        "shard": record["shard"] or "–",
    }
    for name, stimuli in record["stimuli"].items():
        found[f"stimuli {name}"] = f"n {stimuli['n']}, SHA-256 {stimuli['sha256'][:16]}"
    found["epochs"] = ", ".join(f"{kind} {epoch}" for kind, epoch in record["epochs"].items())
    found["versions"] = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    return found
