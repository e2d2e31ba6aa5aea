"""Permutation tests of F ratios, by rules that have names.

``phipson2010`` (unless another is asked for)
    Where no more arrangements of the data exist than permutations were asked for, all are taken and
    p is the share whose F is at least the observed one. Otherwise p is
    ``(1 + count) / (1 + permutations)`` of random ones (Phipson & Smyth 2010). Such a p is never
    smaller than chance allows: if there is no effect, p <= a in at most a share a of data sets.
``feather2023``
    The published code of Feather et al. (2023): ``max(count, 1) / permutations`` of random ones.
    It counts a permuted F that equals the observed one in some tests (``>=``) and not in others
    (``>``).
``feather2023-supplement``
    As their supplement words it: where fewer arrangements exist than permutations were asked for,
    all are taken and divided by; counted as in their code.

Ratios that differ by rounding only are equal here, so that a count does not depend on the order of
a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.stats.arrangements import Arrangements, of_cells, of_labels, of_labels_and_levels
from bench.stats.design import ROUNDING, complete_design
from bench.stats.f_ratios import (
    Array,
    Sums,
    between_by_within_effect,
    between_effect,
    require_mixed_variance,
    require_within_variance,
    within_effect,
)

Rule = Literal["phipson2010", "feather2023", "feather2023-supplement"]
RULES: tuple[Rule, ...] = get_args(Rule)
DEFAULT_RULE: Rule = "phipson2010"
PERMUTATIONS = 10_000
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
    rule: Rule | None = None,
    strict: bool | None = None,
) -> pd.DataFrame:
    """Test the between factor and its interaction with the within factor.

    For the main effect the group labels are shuffled, the data being averaged over ``within``; for
    the interaction the labels are shuffled and, in each subject, the levels of ``within``.

    Parameters
    ----------
    df, dv, within, between, subject
        As in `bench.stats.mixed_anova`.
    rule
        How p follows from the permutations: one of `RULES`, described in
        `bench.stats.permutation`; ``phipson2010`` unless ``strict`` is given.
    strict
        For the authors' rules (given alone it means ``feather2023``). False counts permuted ratios
        >= the observed one (human against model); True counts only larger ones (the authors' test
        of adversarial accuracies).

    Returns
    -------
    DataFrame
        One row an effect: effect, F, count, n_permutations, p_permutation, rule, counted (``>=`` or
        ``>``), exact (whether all arrangements were taken; then ``n_permutations`` is their
        number), seed, n.
    """
    design = complete_design(df, dv=dv, within=[within], between=between, subject=subject)
    groups, x = design.groups, design.values
    names = [between, within, f"{between} * {within}"]
    require_mixed_variance(x, groups, names)
    means = x.mean(axis=1, keepdims=True)
    tests = [
        _Test(names[0], means, of_labels(means, groups), lambda v: between_effect(v, groups)),
        _Test(
            names[2],
            x,
            of_labels_and_levels(x, groups),
            lambda v: between_by_within_effect(v, groups),
        ),
    ]
    if rule is None:
        rule = DEFAULT_RULE if strict is None else "feather2023"
    elif rule == DEFAULT_RULE and strict is not None:
        raise BenchError(f"rule {rule!r} counts ties", fix="leave strict out")
    return _table(tests, _Counting(rule, n_permutations, seed, bool(strict)), design.n)


def permute_within(
    df: pd.DataFrame,
    *,
    dv: str,
    within: str | Sequence[str],
    subject: str,
    n_permutations: int = PERMUTATIONS,
    seed: int = 0,
    rule: Rule = DEFAULT_RULE,
) -> pd.DataFrame:
    """Test one within factor, or each of two and their interaction.

    One factor: its levels are shuffled in each subject. Two factors: for a main effect the data
    are averaged over the other factor and its levels shuffled in each subject; for the interaction
    all cells of a subject are shuffled. The authors' rules count ratios >= the observed one for one
    factor, and only larger ones for two. Returns the columns of `permute_mixed`.
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
        tests.append(_Test(name, averaged, of_cells(averaged), _one_way))
    if len(factors) == 2:
        tests.append(_Test(" * ".join(factors), x, of_cells(x), _interaction))
    strict = len(factors) == 2 and rule != DEFAULT_RULE
    return _table(tests, _Counting(rule, n_permutations, seed, strict), design.n)


@dataclass(frozen=True)
class _Test:
    """One effect: observed values, what is as likely as these, and the F ratio of either."""

    name: str
    values: Array
    arrangements: Arrangements
    effect: Callable[[Array], Sums]


@dataclass(frozen=True)
class _Counting:
    """How permutations are drawn and counted."""

    rule: Rule
    n: int
    seed: int
    strict: bool

    def takes_all(self, total: int) -> bool:
        """Return whether all of so many arrangements are taken."""
        if self.rule == "feather2023":
            return False
        return total <= self.n if self.rule == DEFAULT_RULE else total < self.n

    def p(self, count: int, n: int, exact: bool) -> float:
        """Return the p value of a count among ``n``."""
        if self.rule != DEFAULT_RULE:
            return max(count, 1) / n
        return count / n if exact else (1 + count) / (1 + n)


def _one_way(values: Array) -> Sums:
    return within_effect(values, 1, (0,))


def _interaction(values: Array) -> Sums:
    return within_effect(values, 2, (0, 1))


def _table(tests: Sequence[_Test], counting: _Counting, n: int) -> pd.DataFrame:
    if counting.n < 1:
        raise BenchError(f"{counting.n} permutations are too few", fix="give 1 or more")
    if counting.rule not in RULES:
        raise BenchError(
            f"no rule {counting.rule!r} for permutation tests", fix=f"rules: {', '.join(RULES)}"
        )
    return pd.DataFrame([_row(number, test, counting, n) for number, test in enumerate(tests)])


def _row(number: int, test: _Test, counting: _Counting, n: int) -> dict[str, object]:
    observed = float(test.effect(test.values).f)
    slack = max(TIE * observed, ZERO)
    bound = observed + slack if counting.strict else observed - slack
    exact = counting.takes_all(test.arrangements.total)
    if exact:
        n_permutations, chunks = test.arrangements.total, test.arrangements.one_by_one()
    else:
        # a stream of its own for each effect: leaving one out changes no other
        rng = np.random.default_rng([counting.seed, number])
        n_permutations, chunks = counting.n, test.arrangements.at_random(counting.n, rng)
    undefined = ROUNDING * float(((test.values - test.values.mean()) ** 2).sum())
    count = 0
    for values in chunks:
        sums = test.effect(values)
        beyond = sums.f > bound if counting.strict else sums.f >= bound
        if counting.rule == DEFAULT_RULE:
            # without an error there is no F: counted, or p would come out too small
            beyond |= sums.error <= undefined
        count += int(beyond.sum())
    return {
        "effect": test.name,
        "F": observed,
        "count": count,
        "n_permutations": n_permutations,
        "p_permutation": counting.p(count, n_permutations, exact),
        "rule": counting.rule,
        "counted": ">" if counting.strict else ">=",
        "exact": exact,
        "seed": counting.seed,
        "n": n,
    }
