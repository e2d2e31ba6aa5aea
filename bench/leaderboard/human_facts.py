"""What others published of models with human data: training, accuracy, accuracy under attack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.human.delimited import parse_numbers, read_delimited
from bench.leaderboard.human_result import HumanModel, PublishedAccuracy, PublishedRobustness
from bench.leaderboard.proportions import sem, wilson
from bench.store.files import read_json

MODELS_JSON = "models.json"
ATTACKS_CSV = "adversarial.csv"
ATTACK_COLUMNS = ["model", "norm", "epsilon", "evaluation_subset", "n_images", "n_correct"]
# Supplementary Tables 3 and 4: what the printed accuracies are of, and how many stimuli those are.
ACCURACY_OF = {
    "vision": ("top-1 of 1000 classes, ImageNet validation", 50_000, "Supplementary Table 3"),
    "audio": ("top-1 of 794 word classes, one crop a test clip", 40_650, "Supplementary Table 4"),
}
PAPER = "Feather et al. 2023, doi 10.1038/s41593-023-01442-0"
ATTACK_STEPS = 64  # Feather et al. 2023, supplement, "Adversarial evaluation"

ROBUSTBENCH_N = 5_000  # images of its ImageNet evaluation (Croce et al. 2021)
ROBUSTBENCH = "RobustBench, model_info/imagenet/Linf/{}.json (commit 5e8980a)"
LIBRARY = "README of github.com/MadryLab/robustness, 100 steps of 2.5 eps / 100; n is not stated"
SAME_STANDARD = "torchvision's pretrained ResNet-50 (IMAGENET1K_V1): 76.13 %, as in the paper"
SAME_LIBRARY = (
    "the paper names this library; the library's accuracy, {} %, is the paper's, {} %, rounded"
)
# Model: why it is the attacked checkpoint, and what the README prints by norm and eps (in percent,
# the second of two values: 100 steps).
LIBRARY_FIGURES: dict[str, tuple[str, dict[tuple[str, float], float]]] = {
    "resnet50": (
        SAME_STANDARD,
        {
            ("l2", 0.5): 2.98, ("l2", 1): 0.37, ("l2", 2): 0.14, ("l2", 3): 0.12,
            ("linf", 4 / 255): 0.03, ("linf", 8 / 255): 0.01, ("linf", 16 / 255): 0.01,
        },
    ),
    "resnet50_l2_3_robust": (
        SAME_LIBRARY.format("57.90", "57.900"),
        {("l2", 0.5): 54.42, ("l2", 1): 50.67, ("l2", 2): 43.02, ("l2", 3): 35.09},
    ),
    "resnet50_linf_4_robust": (
        SAME_LIBRARY.format("62.42", "62.424"),
        {("linf", 4 / 255): 33.38, ("linf", 8 / 255): 12.73, ("linf", 16 / 255): 1.37},
    ),
    "resnet50_linf_8_robust": (
        SAME_LIBRARY.format("47.91", "47.906"),
        {("linf", 4 / 255): 33.03, ("linf", 8 / 255): 19.52, ("linf", 16 / 255): 4.82},
    ),
}  # fmt: skip
# Model: RobustBench's id, images right under AutoAttack of ROBUSTBENCH_N, why it is the same.
ROBUSTBENCH_FIGURES = {
    "resnet50": ("Standard_R50", 0, SAME_STANDARD),
    "resnet50_linf_4_robust": (
        "Engstrom2019Robustness",
        1461,  # 29.22 %
        "RobustBench repeats the library's 33.38 % of PGD-100 for it; "
        + SAME_LIBRARY.format("62.42", "62.424"),
    ),
}


@dataclass(frozen=True)
class Facts:
    """Published facts by the name of the model; what is absent is unknown."""

    models: Mapping[str, HumanModel] = field(default_factory=dict)
    accuracy: Mapping[str, PublishedAccuracy] = field(default_factory=dict)
    robustness: Mapping[str, tuple[PublishedRobustness, ...]] = field(default_factory=dict)


def feather2023_facts(folder: Path) -> Facts:
    """Read the facts beside the public data of Feather et al. (2023).

    Parameters
    ----------
    folder
        Holds ``models.json`` (training, and accuracies of Supplementary Tables 3 and 4) and
        ``adversarial.csv`` (three AlexNets under attack). To those come published figures of the
        public checkpoints that the paper used.

    Raises
    ------
    BenchError
        A file is missing or malformed.
    """
    entries = _entries(folder / MODELS_JSON)
    robustness: dict[str, list[PublishedRobustness]] = {}
    for model, figure in (*_autoattack(), *_csv_figures(folder / ATTACKS_CSV), *_library()):
        robustness.setdefault(model, []).append(figure)
    return Facts(
        models={e["model"]: _described(e) for e in entries},
        accuracy={e["model"]: _accuracy(e) for e in entries if e.get("top1_accuracy_percent")},
        robustness={model: tuple(figures) for model, figures in robustness.items()},
    )


def _entries(path: Path) -> list[dict[str, Any]]:
    entries = read_json(path)
    needed = {"model", "modality", "family", "architecture"}
    for i, entry in enumerate(entries if isinstance(entries, list) else [None]):
        if not isinstance(entry, dict) or not needed <= set(entry):
            raise BenchError(f"{path}, entry {i + 1}: no {', '.join(sorted(needed))}")
    return list(entries)


def _described(entry: Mapping[str, Any]) -> HumanModel:
    training = str(entry["family"]).replace("_", " ")
    if entry.get("perturbation_norm"):
        training += f", {entry['perturbation_norm']} {entry['perturbation_epsilon']}"
        space = str(entry.get("perturbation_space") or "")
        training += "" if space.startswith("image") else f" {space}"
    return HumanModel(
        id=entry["model"], architecture=str(entry["architecture"]), training=training.strip()
    )


def _accuracy(entry: Mapping[str, Any]) -> PublishedAccuracy:
    of, n, table = ACCURACY_OF[entry["modality"]]
    value = float(entry["top1_accuracy_percent"]) / 100
    found = wilson(round(value * n), n)
    assert found is not None  # n > 0
    accuracy = found.model_copy(update={"value": round(value, 6)})
    return PublishedAccuracy(accuracy=accuracy, of=of, source=f"{PAPER}, {table}")


def _autoattack() -> list[tuple[str, PublishedRobustness]]:
    figures = []
    for model, (name, correct, checkpoint) in ROBUSTBENCH_FIGURES.items():
        found = wilson(correct, ROBUSTBENCH_N)
        assert found is not None  # n > 0
        figure = PublishedRobustness(
            attack="autoattack",
            steps=None,
            norm="linf",
            eps=4 / 255,
            **found.model_dump(),
            source=ROBUSTBENCH.format(name),
            checkpoint=checkpoint,
        )
        figures.append((model, figure))
    return figures


def _library() -> list[tuple[str, PublishedRobustness]]:
    return [
        (
            model,
            PublishedRobustness.model_validate(
                {
                    "attack": "pgd",
                    "steps": 100,
                    "norm": norm,
                    "eps": eps,
                    "value": round(percent / 100, 6),
                    "source": LIBRARY,
                    "checkpoint": checkpoint,
                }
            ),
        )
        for model, (checkpoint, printed) in LIBRARY_FIGURES.items()
        for (norm, eps), percent in printed.items()
    ]


def _csv_figures(path: Path) -> list[tuple[str, PublishedRobustness]]:
    table = read_delimited(path, ATTACK_COLUMNS)
    for name in ATTACK_COLUMNS[2:]:
        numbers = parse_numbers(table[name])
        if numbers.isna().any():
            row = table.index[int(numbers.isna().to_numpy().argmax())]
            raise BenchError(f"{path}, row {row}, column {name!r}: not a number")
        table[name] = numbers
    figures = []
    for (model, norm, eps), cell in table.groupby(["model", "norm", "epsilon"], sort=True):
        figures.append((str(model), _attacked(cell, str(norm), float(str(eps)))))
    return figures


def _attacked(cell: pd.DataFrame, norm: str, eps: float) -> PublishedRobustness:
    found = wilson(int(cell["n_correct"].sum()), int(cell["n_images"].sum()))
    assert found is not None  # every row has images
    return PublishedRobustness.model_validate(
        {
            **found.model_dump(),
            "attack": "pgd",
            "steps": ATTACK_STEPS,
            "norm": norm,
            "eps": eps,
            "subsets": len(cell),
            "sem": sem(list(cell["n_correct"] / cell["n_images"])),
            "source": f"{PAPER}: log of the public repository, folder EXP9_ANALYSIS",
            "checkpoint": "the authors' own log of the networks that made the metamers",
        }
    )
