"""F ratios of many data sets at once, for permutation tests, which need thousands of them.

The tables that people read come from pingouin and statsmodels (`bench.stats.anova`); the tests
hold the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.stats.design import require_variance

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """Sums of squares of an effect and of its error, shape ``(...,)``, and degrees of freedom."""

    effect: Array
    error: Array
    df1: int
    df2: int

    @property
    def f(self) -> Array:
        """F ratios; infinite where the error is 0, NaN where the effect is 0 too."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((self.effect / self.df1) / (self.error / self.df2))


def within_effect(values: Array, n_factors: int, effect: Iterable[int]) -> Sums:
    """Return the sums of one effect of a repeated-measures design.

    Parameters
    ----------
    values
        ``(..., subjects, levels of factor 0, levels of factor 1, ...)``.
    n_factors
        How many of the last axes are factors.
    effect
        Numbers of the factors that make the effect: ``(0,)`` a main effect, ``(0, 1)`` an
        interaction. Its error is the interaction of the effect with subjects.
    """
    chosen = set(effect)
    x = values
    copies, df1 = 1, 1
    for factor in range(n_factors):
        axis = factor - n_factors
        mean = x.mean(axis=axis, keepdims=True)
        if factor in chosen:
            x = x - mean
            df1 *= values.shape[axis] - 1
        else:
            x = mean
            copies *= values.shape[axis]
    subjects = -n_factors - 1
    n = values.shape[subjects]
    mean = x.mean(axis=subjects, keepdims=True)
    last = tuple(range(subjects, 0))
    return Sums(
        effect=np.asarray(copies * n * (mean**2).sum(axis=last)),
        error=np.asarray(copies * ((x - mean) ** 2).sum(axis=last)),
        df1=df1,
        df2=df1 * (n - 1),
    )


def between_effect(values: Array, groups: NDArray[np.int64]) -> Sums:
    """Return the sums of a between factor; ``values`` ``(..., subjects, levels)`` are averaged."""
    return _grouped(values.mean(axis=-1, keepdims=True), groups, values.shape[-1], 1)


def between_by_within_effect(values: Array, groups: NDArray[np.int64]) -> Sums:
    """Return the sums of the interaction of a between with a within factor.

    ``values`` are ``(..., subjects, levels)``, ``groups`` ``(subjects,)`` counts from 0.
    """
    centred = values - values.mean(axis=-1, keepdims=True)
    return _grouped(centred, groups, 1, values.shape[-1] - 1)


def _grouped(x: Array, groups: NDArray[np.int64], copies: int, df: int) -> Sums:
    member = np.equal.outer(np.arange(groups.max() + 1), groups).astype(np.float64)
    size = member.sum(axis=1)
    means = (member @ x) / size[:, None]
    grand = x.mean(axis=-2, keepdims=True)
    return Sums(
        effect=np.asarray(copies * ((means - grand) ** 2 * size[:, None]).sum(axis=(-2, -1))),
        error=np.asarray(copies * ((x - means[..., groups, :]) ** 2).sum(axis=(-2, -1))),
        df1=(len(size) - 1) * df,
        df2=(len(groups) - len(size)) * df,
    )


def require_mixed_variance(values: Array, groups: NDArray[np.int64], names: Sequence[str]) -> None:
    """Raise a `BenchError` where an error term of a mixed design is only rounding."""
    total = float(((values - values.mean()) ** 2).sum())
    between, _, interaction = names
    require_variance(float(between_effect(values, groups).error), total, between)
    require_variance(float(between_by_within_effect(values, groups).error), total, interaction)


def require_within_variance(values: Array, names: Sequence[str]) -> None:
    """Raise a `BenchError` where an error term of a within design is only rounding."""
    total = float(((values - values.mean()) ** 2).sum())
    for size in range(1, len(names) + 1):
        for effect in combinations(range(len(names)), size):
            sums = within_effect(values, len(names), effect)
            require_variance(float(sums.error), total, " * ".join(names[i] for i in effect))
