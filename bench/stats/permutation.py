"""Permutation tests of F ratios, as in the published statistics of Feather et al. (2023).

All p values are ``count / permutations``, never below ``1 / permutations``. The authors count a
permuted F that equals the observed one in some tests (``>=``) and not in others (``>``); which rule
holds is in the output. Ratios that differ by rounding only are equal here, so that a count does not
depend on the order of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.stats.design import complete_design
from bench.stats.f_ratios import (
    Array,
    Sums,
    between_by_within_effect,
    between_effect,
    require_mixed_variance,
    require_within_variance,
    within_effect,
)

PERMUTATIONS = 10_000
CHUNK = 1_000  # permutations held in memory at once; part of what a seed means
TIE = 1e-9  # relative difference below which two F ratios are equal
ZERO = 1e-12  # an F ratio below this is rounding


def permute_mixed(
    df: pd.DataFrame,
    *,
    dv: str,
    within: str,
    between: str,
    subject: str,
    n_permutations: int = PERMUTATIONS,
    seed: int = 0,
    strict: bool = False,
) -> pd.DataFrame:
    """Test the between factor and its interaction with the within factor.

    For the main effect the group labels are shuffled, the data being averaged over ``within``; for
    the interaction the labels are shuffled and, in each subject, the levels of ``within``.

    Parameters
    ----------
    df, dv, within, between, subject
        As in `bench.stats.mixed_anova`.
    strict
        False counts permuted ratios >= the observed one (human against model); True counts only
        larger ones (the authors' test of adversarial accuracies).

    Returns
    -------
    DataFrame
        One row an effect: effect, F, count, n_permutations, p_permutation, rule, seed, n.
    """
    design = complete_design(df, dv=dv, within=[within], between=between, subject=subject)
    groups, x = design.groups, design.values
    names = [between, within, f"{between} * {within}"]
    require_mixed_variance(x, groups, names)
    means = x.mean(axis=1, keepdims=True)

    def shuffle_labels(rng: np.random.Generator, size: int) -> Array:
        return np.asarray(means[_orders(rng, size, design.n)])

    def shuffle_labels_and_levels(rng: np.random.Generator, size: int) -> Array:
        return rng.permuted(x[_orders(rng, size, design.n)], axis=-1)

    tests: list[tuple[str, Array, _Draw, _Effect]] = [
        (names[0], means, shuffle_labels, lambda v: between_effect(v, groups)),
        (names[2], x, shuffle_labels_and_levels, lambda v: between_by_within_effect(v, groups)),
    ]
    return _table(tests, n_permutations, seed, strict, design.n)


def permute_within(
    df: pd.DataFrame,
    *,
    dv: str,
    within: str | Sequence[str],
    subject: str,
    n_permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> pd.DataFrame:
    """Test one within factor, or each of two and their interaction.

    One factor: its levels are shuffled in each subject and ratios >= the observed one are counted.
    Two factors: for a main effect the data are averaged over the other factor and its levels
    shuffled in each subject; for the interaction all cells of a subject are shuffled; only ratios
    > the observed one are counted. Returns the columns of `permute_mixed`.
    """
    factors = [within] if isinstance(within, str) else list(within)
    if len(factors) not in (1, 2):
        raise BenchError(f"permutation tests take one or two within factors, not {len(factors)}")
    design = complete_design(df, dv=dv, within=factors, subject=subject)
    x = design.values
    require_within_variance(x, factors)
    tests = []
    for i, name in enumerate(factors):
        averaged = x.mean(axis=2 - i) if len(factors) == 2 else x
        tests.append((name, averaged, _shuffle_cells(averaged), _one_way))
    if len(factors) == 2:
        tests.append((" * ".join(factors), x, _shuffle_cells(x), _interaction))
    return _table(tests, n_permutations, seed, len(factors) == 2, design.n)


_Draw = Callable[[np.random.Generator, int], Array]
_Effect = Callable[[Array], Sums]


def _one_way(values: Array) -> Sums:
    return within_effect(values, 1, (0,))


def _interaction(values: Array) -> Sums:
    return within_effect(values, 2, (0, 1))


def _shuffle_cells(values: Array) -> _Draw:
    """Return a function that shuffles the cells of each subject, as often as asked."""
    flat = values.reshape(len(values), -1)

    def draw(rng: np.random.Generator, size: int) -> Array:
        repeated = np.broadcast_to(flat, (size, *flat.shape))
        return rng.permuted(repeated, axis=-1).reshape(size, *values.shape)

    return draw


def _orders(rng: np.random.Generator, size: int, n: int) -> NDArray[np.int64]:
    return rng.permuted(np.broadcast_to(np.arange(n), (size, n)), axis=-1)


def _table(
    tests: Sequence[tuple[str, Array, _Draw, _Effect]],
    n_permutations: int,
    seed: int,
    strict: bool,
    n: int,
) -> pd.DataFrame:
    if n_permutations < 1:
        raise BenchError(f"{n_permutations} permutations are too few", fix="give 1 or more")
    rows = []
    for number, (name, values, draw, effect) in enumerate(tests):
        observed = float(effect(values).f)
        # a stream of its own for each effect: leaving one out changes no other
        rng = np.random.default_rng([seed, number])
        slack = max(TIE * observed, ZERO)
        bound = observed + slack if strict else observed - slack
        count = 0
        for start in range(0, n_permutations, CHUNK):
            f = effect(draw(rng, min(CHUNK, n_permutations - start))).f
            count += int((f > bound if strict else f >= bound).sum())
        rows.append(
            {
                "effect": name,
                "F": observed,
                "count": count,
                "n_permutations": n_permutations,
                "p_permutation": max(count, 1) / n_permutations,
                "rule": ">" if strict else ">=",
                "seed": seed,
                "n": n,
            }
        )
    return pd.DataFrame(rows)
