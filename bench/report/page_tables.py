"""The tables of a run's page: leaderboard, match of the metamers, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.pages.markup import Cell, Column, Markup, element, joined, table
from bench.report.drawing import Look, share
from bench.report.recognition import made_stages

DASH = "–"


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
        chip = element("span", class_="chip", style=f"background:{looks[row['model']].colour}")
        name = [chip, row["model"], element("small", row["training"])]
        cells = [
            Cell(row["rank"], place, "number"),
            Cell(joined(name), row["model"], "name"),
        ]
        rows.append([*cells, *(_measure(row, name) for name in headings)])
    return table(columns, rows, sortable=True)


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
    measures = {"spearman": "Spearman ρ", "pearson": "Pearson r", "snr_db": "SNR, dB"}
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
