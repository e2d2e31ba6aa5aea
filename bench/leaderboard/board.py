"""Ranks the models of a suite: human-alignment proxies beside adversarial robustness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from bench.errors import BenchError
from bench.leaderboard.result import ModelResult, Proportion
from bench.suites.suite import Suite

MEASURES = ("alignment", "late", "two_afc", "accuracy", "robust")


@dataclass(frozen=True)
class Correlation:
    """Spearman's correlation over models of alignment and robust accuracy."""

    rho: float
    p: float
    n: int


@dataclass(frozen=True)
class Board:
    """A ranked table.

    Attributes
    ----------
    rows
        One row a model, best first: ``rank`` (``"2="`` where it is shared), ``model``,
        ``training``, and for each of `MEASURES` its value, ``_low``, ``_high`` and ``_n``. What was
        not measured is NaN. ``alignment`` is the share of metamers that other models recognise,
        averaged over stages; ``late`` the same over the deepest stages.
    """

    suite: Suite
    rows: pd.DataFrame
    correlation: Correlation | None


def make_board(results: Sequence[ModelResult]) -> Board:
    """Rank results of one suite.

    A model's rank is one more than the number of models whose interval lies wholly above its own:
    models whose intervals overlap share a rank. Those without metamers come last, unranked.

    Raises
    ------
    BenchError
        If there are none, or they are not of the same suite and settings.
    """
    if not results:
        raise BenchError("there are no results to rank", fix="`bench publish RUN` makes some")
    _refuse_mixtures(results)
    suite = results[0].suite
    rows = pd.DataFrame([_row(suite, result) for result in results])
    rows.insert(0, "rank", ranks(rows["alignment_low"], rows["alignment_high"]))
    order = rows["rank"].map(rank_number)
    rows = rows.assign(_order=order).sort_values(
        ["_order", "alignment", "model"], ascending=[True, False, True], na_position="last"
    )
    rows = rows.drop(columns="_order").reset_index(drop=True)
    return Board(suite, rows, _correlation(rows))


def _refuse_mixtures(results: Sequence[ModelResult]) -> None:
    """Numbers of other code, stimuli or settings are never ranked together."""
    first = results[0]
    for other in results[1:]:
        for name, a, b in (
            ("suite", _comparable(first.suite), _comparable(other.suite)),
            ("epochs", first.epochs, other.epochs),
            ("stimuli", first.stimuli, other.stimuli),
            ("panel of models", first.panel, other.panel),
        ):
            if a != b:
                raise BenchError(
                    f"results of {first.model.id} and {other.model.id} cannot be ranked together",
                    why=f"they differ in {name}",
                    fix="run both in one directory, and publish again",
                )


def _comparable(suite: Suite) -> dict[str, Any]:
    return suite.model_dump(exclude={"models", "title", "description"})


def _row(suite: Suite, result: ModelResult) -> dict[str, Any]:
    metric = suite.board.alignment_metric
    measures: dict[str, Proportion | None] = {
        "alignment": result.mean_others,
        "late": result.late_others,
        "two_afc": result.mean_two_afc.get(metric) if metric else None,
        "accuracy": result.accuracy,
        "robust": next(
            (
                r.accuracy
                for r in result.robustness
                if r.norm == suite.board.robustness_norm
                and np.isclose(r.eps, suite.board.robustness_eps)
            ),
            None,
        ),
    }
    row: dict[str, Any] = {"model": result.model.id, "training": result.model.training}
    for name in MEASURES:
        found = measures[name]
        row[name] = found.value if found else np.nan
        row[f"{name}_low"] = found.low if found else np.nan
        row[f"{name}_high"] = found.high if found else np.nan
        row[f"{name}_n"] = float(found.n) if found else np.nan
    return row


def ranks(lows: pd.Series[float], highs: pd.Series[float]) -> list[str]:
    """Return each interval's rank: ``"2="`` where it is shared, ``"-"`` where there is none."""
    low, high = lows.to_numpy(), highs.to_numpy()
    numbers = [
        None if np.isnan(mine) else 1 + int(np.sum(low[~np.isnan(low)] > mine)) for mine in high
    ]
    shared = Counter(number for number in numbers if number is not None)
    return ["-" if n is None else f"{n}=" if shared[n] > 1 else str(n) for n in numbers]


def rank_number(rank: str) -> float:
    """Return a rank as a number to sort by; infinity where there is none."""
    return np.inf if rank == "-" else float(rank.rstrip("="))


def _correlation(rows: pd.DataFrame) -> Correlation | None:
    pairs = rows[["alignment", "robust"]].dropna()
    if len(pairs) < 3 or (pairs.nunique() < 2).any():
        return None
    found = spearmanr(pairs["alignment"], pairs["robust"])
    return Correlation(round(float(found.statistic), 4), round(float(found.pvalue), 6), len(pairs))
