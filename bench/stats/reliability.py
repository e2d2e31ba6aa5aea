"""How reliable the participants' means are, and how well a model could predict them at best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import BenchError

SPLITS = 1_000


@dataclass(frozen=True)
class Reliability:
    """Split-half reliability of the mean over participants of each condition.

    ``half`` is the mean Pearson r of two halves; ``reliability`` is the mean of the r corrected to
    the full number of participants, with the interval that holds 95% of the splits. Being the
    share of the means' variance that is not noise, it is also the noise ceiling of an R2;
    ``ceiling_r`` is its square root, the ceiling of a correlation.
    """

    half: float
    reliability: float
    low: float
    high: float
    ceiling_r: float
    n: int
    n_conditions: int
    n_splits: int
    seed: int
    method: str = "split halves of participants, Spearman-Brown"


def spearman_brown(r: ArrayLike, factor: float = 2.0) -> NDArray[np.float64]:
    """Return the reliability of a measurement ``factor`` times as long as one of reliability r."""
    half = np.asarray(r, dtype=np.float64)
    return np.asarray(factor * half / (1 + (factor - 1) * half))


def split_half(
    values: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    n_splits: int = SPLITS,
    seed: int = 0,
) -> Reliability:
    """Split participants at random into halves and correlate the halves' means over conditions.

    Parameters
    ----------
    values
        ``(participants, conditions)``; NaN where a participant did not see a condition.
    strata
        ``(participants,)``: halves are drawn within equal values (experiments). Of an odd number
        one participant, drawn anew for each split, is left out.

    Raises
    ------
    BenchError
        A stratum with one participant, fewer than three conditions, a condition without
        participants, or halves whose means do not vary over conditions.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 3:
        raise BenchError("split halves need participants by three or more conditions")
    labels = np.zeros(len(x), dtype=np.int64) if strata is None else np.asarray(strata)
    halves = _halves(labels, n_splits, np.random.default_rng(seed))
    first, second = _means(x, halves == 0), _means(x, halves == 1)
    r = _row_correlations(first, second)
    if np.isnan(r).any():
        raise BenchError("split-half reliability cannot be computed: means do not vary")
    corrected = spearman_brown(r)
    low, high = np.quantile(corrected, [0.025, 0.975])
    reliability = float(corrected.mean())
    return Reliability(
        half=float(r.mean()),
        reliability=reliability,
        low=float(low),
        high=float(high),
        ceiling_r=float(np.sqrt(max(reliability, 0.0))),
        n=len(x),
        n_conditions=x.shape[1],
        n_splits=n_splits,
        seed=seed,
    )


def _halves(
    labels: NDArray[np.generic], n_splits: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return 0 or 1 for the half of each participant in each split, 2 for one left out."""
    if n_splits < 1:
        raise BenchError(f"{n_splits} splits are too few", fix="give 1 or more")
    halves = np.full((n_splits, len(labels)), 2, dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise BenchError(
                "split halves need two or more participants"
                + (f" in each group, {label} has one" if len(labels) > 1 else "")
            )
        size = len(members) // 2
        sides = np.repeat([0, 1, 2], [size, size, len(members) - 2 * size])
        halves[:, members] = rng.permuted(np.broadcast_to(sides, (n_splits, len(sides))), axis=1)
    return halves


def _means(x: NDArray[np.float64], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return means over the chosen rows, ``(splits, conditions)``, leaving NaN out."""
    seen = np.isfinite(x)
    count = chosen.astype(np.float64) @ seen.astype(np.float64)
    if (count == 0).any():
        raise BenchError("a condition was seen by too few participants to be split in halves")
    return (chosen.astype(np.float64) @ np.where(seen, x, 0.0)) / count


def _row_correlations(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))
