"""Standard errors and percentile intervals by resampling rows (participants, stimuli)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import BenchError

RESAMPLES = 1_000  # Feather et al. 2023, Supplementary Figs. 3 and 4


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap standard error and percentile interval."""

    estimate: float
    sem: float
    low: float
    high: float
    n: int
    level: float
    n_resamples: int
    seed: int
    method: str = "percentile bootstrap"


def mean(rows: NDArray[np.float64]) -> float:
    """Return the mean over all that was given."""
    return float(np.mean(rows))


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], float] = mean,
    *,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
    strata: ArrayLike | None = None,
) -> Interval:
    """Resample rows with replacement and recompute a statistic.

    Parameters
    ----------
    values
        ``(n, ...)``, one row a participant (or stimulus).
    statistic
        Called with as many resampled rows as there are; returns a number.
    level
        Share of the resampled values inside the interval, between 0 and 1.
    strata
        Where given, ``(n,)``: rows are resampled within equal values (experiments, say).

    Returns
    -------
    Interval
        ``sem`` is the standard deviation (ddof 0) over resamples, as in the paper.

    Raises
    ------
    BenchError
        Fewer than two rows, a value that is no finite number, or ``level`` outside (0, 1).
    """
    rows = np.asarray(values, dtype=np.float64)
    _check(rows, n_resamples, level)
    groups = [np.arange(len(rows))] if strata is None else _strata(strata, len(rows))
    rng = np.random.default_rng(seed)
    draws = np.empty(n_resamples)
    for i in range(n_resamples):
        picked = np.concatenate([rng.choice(group, size=len(group)) for group in groups])
        draws[i] = statistic(rows[picked])
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        estimate=float(statistic(rows)),
        sem=float(draws.std()),
        low=float(low),
        high=float(high),
        n=len(rows),
        level=level,
        n_resamples=n_resamples,
        seed=seed,
    )


def sem(values: ArrayLike) -> float:
    """Return std (ddof 0) / sqrt(n) of a series, the paper's error bar over participants."""
    rows = np.asarray(values, dtype=np.float64)
    _check(rows, 1, 0.5)
    return float(rows.std() / np.sqrt(len(rows)))


def _check(rows: NDArray[np.float64], n_resamples: int, level: float) -> None:
    if len(rows) < 2:
        raise BenchError(f"a standard error needs two or more rows, not {len(rows)}")
    if np.isinf(rows).any() or np.isnan(rows).all(axis=tuple(range(1, rows.ndim))).any():
        raise BenchError("a row to resample holds no finite number")
    if n_resamples < 1 or not 0 < level < 1:
        raise BenchError(
            f"n_resamples={n_resamples}, level={level} make no interval",
            fix="n_resamples >= 1 and 0 < level < 1",
        )


def _strata(strata: ArrayLike, n: int) -> list[NDArray[Any]]:
    names = np.asarray(strata)
    if len(names) != n:
        raise BenchError(f"{len(names)} strata for {n} rows")
    return [np.flatnonzero(names == name) for name in np.unique(names)]
