"""Proportions with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from bench.leaderboard.result import Proportion

CONFIDENCE = 0.95
RESAMPLES = 1000  # as many as Feather et al. 2023 take for their standard errors
BOOTSTRAP_SEED = 0
DECIMALS = 6  # published numbers are rounded, so that boards do not hang on the last bit


def wilson(correct: int, n: int) -> Proportion | None:
    """Return a binomial proportion with Wilson's interval; None if ``n`` is 0."""
    if n == 0:
        return None
    interval = binomtest(correct, n).proportion_ci(CONFIDENCE, method="wilson")
    return _rounded(correct / n, interval.low, interval.high, n)


def over_stimuli(tables: Sequence[pd.Series]) -> Proportion | None:
    """Return the mean over several tables of the mean over stimuli, with a bootstrap interval.

    Parameters
    ----------
    tables
        One a stage: stimulus id to proportion (0 to 1); a stimulus that is left out is missing
        or NaN. The same stimuli are resampled, with replacement, in all tables together.

    Returns
    -------
    None if no table has a value. ``n`` is the number of stimuli that have one anywhere.
    """
    frame = pd.DataFrame(dict(enumerate(tables))).sort_index()
    values = frame.to_numpy(dtype=float)
    values = values[:, ~np.isnan(values).all(axis=0)] if values.size else values
    values = values[~np.isnan(values).all(axis=1)] if values.size else values
    if not values.size:
        return None
    n = len(values)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    counts = generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float)
    means = _weighted_means(values, counts)
    low, high = np.nanquantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return _rounded(float(_weighted_means(values, np.ones((1, n)))[0]), low, high, n)


def _weighted_means(
    values: NDArray[np.floating], weights: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return, for each row of weights, the mean over columns of the weighted mean over rows."""
    present = ~np.isnan(values)
    total = weights @ present
    sums = weights @ np.where(present, values, 0.0)
    with np.errstate(invalid="ignore"):
        columns = np.where(total > 0, sums / total, np.nan)
    means: NDArray[np.floating] = np.nanmean(columns, axis=1)
    return means


def _rounded(value: float, low: float, high: float, n: int) -> Proportion:
    value, low, high = (float(np.clip(round(float(x), DECIMALS), 0, 1)) for x in (value, low, high))
    return Proportion(value=value, low=min(low, value), high=max(high, value), n=n)


def sem(values: Sequence[float], ddof: int = 0) -> float | None:
    """Return the standard error of a mean; None for fewer than two values.

    With ``ddof`` 0 it is that of Feather et al. 2023: std / sqrt(number of values).
    """
    if len(values) < 2:
        return None
    return round(float(np.std(values, ddof=ddof) / np.sqrt(len(values))), DECIMALS)
