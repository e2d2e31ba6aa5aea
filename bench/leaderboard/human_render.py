"""A board of human data as people read it."""

from __future__ import annotations

from dataclasses import asdict
from string import ascii_lowercase
from typing import Any

import pandas as pd

from bench.leaderboard.human_board import LEAST_MODELS, Attack, AttackCorrelation, HumanBoard
from bench.leaderboard.human_result import PublishedRobustness
from bench.leaderboard.view import DASH, View, count, shown

ACCURACY = {"vision": "ImageNet accuracy", "audio": "word accuracy"}


def human_view(board: HumanBoard) -> View:
    """Return what any of the board's files shows."""
    name = board.picture
    picture = (
        None if name is None else (name, "Human recognition of metamers, accuracy under attack")
    )
    return View(
        title=board.suite.title,
        table=_table(board),
        notes=_notes(board),
        rows=board.rows,
        about={"kind": "human", "suite": board.suite.model_dump(mode="json")},
        found=_found(board),
        more=_published(board),
        picture=picture,
    )


def _headings(board: HumanBoard) -> dict[str, str]:
    late = f"last {board.suite.late_stages}"
    return {
        "alignment": "people, all stages",
        "late": f"people, {late}",
        "natural": "people, natural",
        "others": "other models, all stages",
        "late_others": f"other models, {late}",
        "accuracy": ACCURACY[board.suite.modality],
    }


def _table(board: HumanBoard) -> pd.DataFrame:
    rows = board.rows
    columns: dict[str, list[str]] = {
        "rank": list(rows["rank"]),
        "rank late": list(rows["rank_late"]),
        "model": list(rows["model"]),
        "training": [text or DASH for text in rows["training"]],
        "n people": [str(n) for n in rows["participants"]],
        "stages": [str(n) for n in rows["stages"]],
    }
    for measure, heading in _headings(board).items():
        columns[heading] = [shown(row, measure) for _, row in rows.iterrows()]
    columns["under attack"] = [_under_attack(board, row) for _, row in rows.iterrows()]
    return pd.DataFrame(columns)


def _under_attack(board: HumanBoard, row: pd.Series[Any]) -> str:
    cells = [
        f"{letter} {shown(row, attack.column)}"
        for letter, attack in zip(ascii_lowercase, board.attacks, strict=False)
        if pd.notna(row[attack.column])
    ]
    return "; ".join(cells) or DASH


def _notes(board: HumanBoard) -> list[str]:
    suite, rows = board.suite, board.rows
    chance = "" if suite.chance is None else f"; chance {suite.chance:.4f}"
    lines = [
        f"Data: {suite.reference or suite.id}{chance}. {len(rows)} models, "
        f"{count(rows['participants'])} people a model, pooled over its experiments.",
        f"People: share of a model's metamers that people recognise, mean over stages (natural "
        f"stimuli left out); last {suite.late_stages}: the same over the model's last "
        f"{suite.late_stages} stages. In brackets are 95 % intervals: percentile bootstrap of "
        f"participants within experiments, {suite.resamples} times, seed {suite.seed}.",
        "A model's rank is one more than the number of models whose interval lies wholly above "
        "its own; = marks a rank that is shared.",
        "People of one experiment saw none of the others; stages differ between architectures. "
        "The column of natural stimuli tells how well the same people do without metamers.",
        _others(board),
        _accuracy(board),
        *_attacks(board),
    ]
    return [line for line in lines if line]


def _others(board: HumanBoard) -> str:
    n = board.rows["others_n"].dropna()
    if n.empty:
        return "Recognition by other models is not public for these data."
    return (
        f"Other models: the same of recognition by {count(n)} other models, the generator left "
        f"out; intervals by bootstrap of these models. Public for {len(n)} of {len(board.rows)}."
    )


def _accuracy(board: HumanBoard) -> str:
    n = board.rows["accuracy_n"].dropna()
    if n.empty:
        return ""
    heading = ACCURACY[board.suite.modality]
    heading = heading[0].upper() + heading[1:]
    return f"{heading}: as published, of {count(n)} stimuli; Wilson's intervals."


def _attacks(board: HumanBoard) -> list[str]:
    if not board.attacks:
        return [
            "Accuracy under attack is not public for any of these models: there is neither a "
            "scatter of alignment against robustness nor a correlation."
        ]
    titles = [
        f"{letter}: {attack.title}, {_n(board, attack.column)}"
        for letter, attack in zip(ascii_lowercase, board.attacks, strict=False)
    ]
    return [
        f"Under attack ({'; '.join(titles)}): as published of the same checkpoint, Wilson's "
        "intervals where the number of stimuli is. Figures of different attacks do not compare.",
        *(_correlated(c) for c in board.correlations),
    ]


def _n(board: HumanBoard, column: str) -> str:
    n = board.rows[f"{column}_n"].dropna()
    return "n not published" if n.empty else f"n {count(n)}"


def _correlated(found: AttackCorrelation) -> str:
    start = f"People (all stages) against {found.attack.title}"
    if found.n < LEAST_MODELS:
        return f"{start}: {found.n} models have both, no correlation ({LEAST_MODELS} are needed)."
    if found.correlation is None:
        return f"{start}: no correlation of {found.n} models, one of the two does not vary."
    c = found.correlation
    values = f"Spearman's rho {c.rho:.2f}, Pearson's r {c.r:.2f} (p {c.p_r:.2g})"
    return f"{start}: {values}, n {c.n} models."


def _published(board: HumanBoard) -> dict[str, pd.DataFrame]:
    """Return every published robust accuracy, and in a second table where they come from."""
    origins = list(dict.fromkeys((f.source, f.checkpoint) for _, f in board.figures))
    figures = [
        {
            "model": model,
            "attack": Attack.of(figure).title,
            "accuracy": shown(pd.Series(_flat(figure)), "value"),
            "n": _or_dash(figure.n),
            "subsets": _or_dash(figure.subsets),
            "SEM over subsets": DASH if figure.sem is None else f"{figure.sem:.4f}",
            "source": str(1 + origins.index((figure.source, figure.checkpoint))),
        }
        for model, figure in board.figures
    ]
    sources = [
        {"source": str(i), "published in": source, "same checkpoint, because": checkpoint}
        for i, (source, checkpoint) in enumerate(origins, start=1)
    ]
    if not figures:
        return {}
    return {
        "All published accuracies under attack": pd.DataFrame(figures),
        "Sources of these": pd.DataFrame(sources),
    }


def _flat(figure: PublishedRobustness) -> dict[str, float | None]:
    return {"value": figure.value, "value_low": figure.low, "value_high": figure.high}


def _or_dash(value: int | None) -> str:
    return DASH if value is None else str(value)


def _found(board: HumanBoard) -> dict[str, Any]:
    """Return what the JSON file says beside the rows."""
    return {
        "measures": [*_headings(board), *(a.column for a in board.attacks)],
        "attacks": {a.column: asdict(a) for a in board.attacks},
        "correlations": [
            {
                "attack": c.attack.column,
                "n": c.n,
                "rho": None if c.correlation is None else round(c.correlation.rho, 4),
                "r": None if c.correlation is None else round(c.correlation.r, 4),
                "p_r": None if c.correlation is None else round(c.correlation.p_r, 6),
            }
            for c in board.correlations
        ],
        "published": [{"model": model, **f.model_dump()} for model, f in board.figures],
        "picture": None
        if board.picture is None
        else {"file": board.picture, "stamp": board.stamp()},
    }
