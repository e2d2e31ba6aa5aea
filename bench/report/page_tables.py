"""The tables of a run's page: leaderboard, match of the metamers, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.pages.markup import Cell, Column, Markup, element, joined, linked, table
from bench.report.drawing import Look, share
from bench.report.recognition import made_stages

DASH = "–"
PROGRAM = "metamer-bench"
SHAPES = {  # matplotlib's markers as paths in a square of 10
    "o": "M5 .5a4.5 4.5 0 1 0 .01 0z",
    "s": "M1 1h8v8h-8z",
    "^": "M5 .5l4.7 9h-9.4z",
    "D": "M5 0l5 5l-5 5l-5 -5z",
    "v": "M5 9.5l4.7 -9h-9.4z",
    "P": "M3.3 .3h3.4v3h3v3.4h-3v3h-3.4v-3h-3v-3.4h3z",
    "X": "M0 2.5l2.5 -2.5l2.5 2.5l2.5 -2.5l2.5 2.5l-2.5 2.5l2.5 2.5l-2.5 2.5l-2.5 -2.5l-2.5 2.5"
    "l-2.5 -2.5l2.5 -2.5z",
}


def board_table(
    board: pd.DataFrame, headings: Mapping[str, str], looks: Mapping[str, Look]
) -> Markup:
    """Return the leaderboard; each number with its interval and n, a dash where it is missing.

    Parameters
    ----------
    headings
        The board's measures to show, each with its heading.
    """
    columns = [
        Column("rank", "number"),
        Column("model"),
        *(Column(heading, "number") for heading in headings.values()),
    ]
    rows = []
    for place, (_, row) in enumerate(board.iterrows()):
        name = [_chip(looks[row["model"]]), row["model"], element("small", row["training"])]
        cells = [
            Cell(row["rank"], place, "number"),
            Cell(joined(name), row["model"], "name"),
        ]
        rows.append([*cells, *(_measure(row, name) for name in headings)])
    return table(columns, rows, sortable=True)


def _chip(look: Look) -> Markup:
    """Return a model's mark as the pictures have it."""
    shape = element("path", d=SHAPES[look.marker], fill=look.colour)
    return element("svg", shape, class_="chip", viewBox="0 0 10 10", aria_hidden="true")


def _measure(row: pd.Series, name: str) -> Cell:
    value = row[name]
    if pd.isna(value):
        return Cell(DASH, "", "number")
    low, high, n = (row.get(f"{name}_{end}", np.nan) for end in ("low", "high", "n"))
    about = "" if pd.isna(low) or pd.isna(high) else f"[{low:.2f}, {high:.2f}]"
    about += "" if pd.isna(n) else f" n {int(n)}"
    content = [share(value), element("small", about.strip())] if about else [share(value)]
    return Cell(joined(content), f"{value:.6f}", "number")


def match_table(
    synthesis: pd.DataFrame,
    record: Mapping[str, Any],
    order: Sequence[str],
    judged: pd.DataFrame | None = None,
) -> Markup:
    """Return how well each model's and stage's metamers match: medians with quartiles.

    ``judged`` is the table of verdicts, where null distributions were built.
    """
    measures = {
        "loss": "loss",
        "spearman": "Spearman ρ",
        "pearson": "Pearson r",
        "snr_db": "SNR, dB",
        **({"headroom": "more gradients gain"} if "headroom" in synthesis else {}),
    }
    columns = [
        Column("model"),
        Column("stage"),
        *(Column(heading, "number") for heading in measures.values()),
        Column("own label kept", "number"),
        *([] if judged is None else [Column("and beyond the nulls", "number")]),
    ]
    verdicts = {} if judged is None else dict(iter(judged.groupby(["model", "stage"], sort=False)))
    rows = []
    made = dict(iter(synthesis.groupby(["model", "stage"], sort=False)))
    for model in order:
        for depth, stage in enumerate(made_stages(record, model)):
            part = made.get((model, stage))
            cells = [Cell(model, f"{model} {depth:04d}", "name"), Cell(stage, stage, "name")]
            if part is None:
                rows.append([*cells, *(Cell(DASH, "", "number") for _ in columns[2:])])
                continue
            cells += [_median(part[name], 1 if name == "snr_db" else 3) for name in measures]
            cells.append(_share(part["label_match"]))
            if judged is not None:
                verdict = verdicts.get((model, stage))
                missing = Cell(DASH, "", "number")
                cells.append(missing if verdict is None else _share(verdict["passed"]))
            rows.append(cells)
    return table(columns, rows, sortable=True)


def _share(yes: pd.Series) -> Cell:
    kept = yes.fillna(False).astype(bool)
    return Cell(f"{kept.sum()} of {len(kept)}", f"{kept.mean():.6f}", "number")


def _median(values: pd.Series, decimals: int) -> Cell:
    present = values.astype(float).dropna()
    if present.empty:
        return Cell(DASH, "", "number")
    # an identical metamer's SNR is infinite: quartiles that are data, not between two of them
    low, high = (float(present.quantile(q, interpolation="nearest")) for q in (0.25, 0.75))
    middle = float(present.median())
    about = element("small", f"{_number(low, decimals)} to {_number(high, decimals)}")
    value = str(middle).replace("inf", "Infinity")
    return Cell(joined([_number(middle, decimals), about]), value, "number")


def _number(value: float, decimals: int) -> str:
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.{decimals}f}".replace("-", "−")


def failure_table(failures: Sequence[tuple[str, str]]) -> Markup:
    """Return what failed and why."""
    rows = [[Cell(title, title), Cell(reason, reason, "reason")] for title, reason in failures]
    return table([Column("what"), Column("why")], rows, sortable=False)


def sources_table(record: Mapping[str, Any]) -> Markup:
    """Return where each model comes from: package and commit, weights, licence, publication."""
    headings = ("model", "family", "from", "weights, SHA-256", "licence", "source")
    rows = [
        [
            Cell(model["id"], model["id"], "name"),
            Cell(model["family"]),
            Cell(joined([f"{model['distribution']} {model['version']}", *_commit(record, model)])),
            Cell(element("code", str(_weights(record, model))[:12])),
            Cell(linked(model["license"] or DASH)),
            Cell(linked(model["reference"] or DASH)),
        ]
        for model in record["models"]
    ]
    return table([Column(name) for name in headings], rows, sortable=False)


def _commit(record: Mapping[str, Any], model: Mapping[str, Any]) -> list[Markup]:
    """Return the commit of the program that a built-in model came with, where it is known."""
    commit = record["versions"].get("commit", "-")
    own = model["distribution"] == PROGRAM and commit != "-"
    return [element("small", "commit ", element("code", commit[:12]))] if own else []


def _weights(record: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    return str(record.get("weights", {}).get(model["id"]) or model["weights"])
