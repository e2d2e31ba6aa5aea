"""Permutation tests against all permutations of small data, and the rules of the paper."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

import bench.stats
from bench.errors import BenchError
from bench.stats.arrangements import CHUNK

N = 10_000


def mixed_table(x: np.ndarray) -> pd.DataFrame:
    """Return a long table of values (observer, person, stage)."""
    index = np.indices(x.shape).reshape(3, -1)
    return pd.DataFrame(dict(zip(["observer", "person", "stage"], index, strict=True))).assign(
        score=x.ravel()
    )


def permute_mixed(table: pd.DataFrame, **options: object) -> pd.DataFrame:
    options = {"n_permutations": N, "seed": 0, "rule": "feather2023"} | options
    return bench.stats.permute_mixed(
        table, dv="score", within="stage", between="observer", subject="person", **options
    ).set_index("effect")


def permute_within(table: pd.DataFrame, within: list[str], **options: object) -> pd.DataFrame:
    options = {"n_permutations": N, "seed": 0, "rule": "feather2023"} | options
    return bench.stats.permute_within(
        table, dv="score", within=within, subject="person", **options
    ).set_index("effect")


def assert_close_to(p: float, exact: float) -> None:
    """Hold a Monte Carlo p within 4.5 standard errors of the exact one."""
    assert abs(p - exact) < 4.5 * np.sqrt(exact * (1 - exact) / N) + 1e-9


def test_observer_effect_tends_to_the_exact_p_of_all_relabelings() -> None:
    x = np.random.default_rng(4).normal(size=(2, 4, 3))
    x[1] += 0.9
    means = x.mean(axis=2).ravel()
    t = []
    for chosen in itertools.combinations(range(8), 4):
        other = [i for i in range(8) if i not in chosen]
        t.append(abs(scipy_stats.ttest_ind(means[list(chosen)], means[other]).statistic))
    exact = np.mean(np.array(t) >= t[0] * (1 - 1e-9))  # the first split is the observed one
    row = permute_mixed(mixed_table(x)).loc["observer"]
    assert 0.01 < exact < 0.5
    assert_close_to(row["p_permutation"], exact)
    assert row["count"] == row["p_permutation"] * N
    assert (row["rule"], row["counted"]) == ("feather2023", ">=")
    proper = permute_mixed(mixed_table(x), rule=None).loc["observer"]
    assert proper["p_permutation"] == pytest.approx(exact, rel=1e-12)
    assert (proper["n_permutations"], proper["exact"]) == (70, True)


def test_observer_by_stage_interaction_tends_to_its_exact_p() -> None:
    # two stages: the interaction is a t test of differences, a shuffle of stages flips a sign
    x = np.random.default_rng(1).normal(size=(2, 3, 2))
    x[1, :, 0] += 1.5
    d = (x[..., 0] - x[..., 1]).ravel()
    t = []
    for chosen in itertools.combinations(range(6), 3):
        other = [i for i in range(6) if i not in chosen]
        for signs in itertools.product((1, -1), repeat=6):
            flipped = d * signs
            t.append(scipy_stats.ttest_ind(flipped[list(chosen)], flipped[other]).statistic)
    t = np.abs(t)
    observed = abs(scipy_stats.ttest_ind(d[:3], d[3:]).statistic)
    exact = np.mean(t >= observed * (1 - 1e-9))
    row = permute_mixed(mixed_table(x)).loc["observer * stage"]
    assert_close_to(row["p_permutation"], exact)
    proper = permute_mixed(mixed_table(x), rule="phipson2010").loc["observer * stage"]
    assert proper["n_permutations"] == 20 * 2**6
    assert proper["p_permutation"] == pytest.approx(exact, rel=1e-12)


def test_ties_count_unless_the_rule_is_strict() -> None:
    # five against five, perfectly apart: 2 of 252 splits give the observed F, none a larger one
    x = np.linspace(0, 0.1, 5)[None, :, None] + np.array([0.0, 5.0])[:, None, None]
    x = x + np.random.default_rng(0).normal(size=(2, 5, 3)) * 1e-3
    table = mixed_table(x)
    loose = permute_mixed(table).loc["observer"]
    strict = permute_mixed(table, strict=True).loc["observer"]
    assert_close_to(loose["p_permutation"], 2 / 252)
    assert strict["count"] == 0
    assert strict["p_permutation"] == 1 / N  # the floor
    assert strict["counted"] == ">"
    # "strict" alone asks for the authors' rule, as it always did
    alone = permute_mixed(table, rule=None, strict=True).loc["observer"]
    pd.testing.assert_series_equal(alone, strict)
    # the supplement's wording: all 252 are taken, none is larger, and the floor is one of them
    worded = permute_mixed(table, rule="feather2023-supplement", strict=True).loc["observer"]
    assert (worded["count"], worded["p_permutation"]) == (0, 1 / 252)
    # what it should be
    proper = permute_mixed(table, rule="phipson2010").loc["observer"]
    assert (proper["count"], proper["p_permutation"]) == (2, 2 / 252)


def test_model_effect_tends_to_the_exact_p_of_all_sign_flips_strictly() -> None:
    x = np.random.default_rng(6).normal(size=(2, 9, 4))  # model, person, stage
    x[1] += 0.9
    table = mixed_table(x).rename(columns={"observer": "model"})
    d = x.mean(axis=2)[0] - x.mean(axis=2)[1]
    sums = np.abs([np.dot(signs, d) for signs in itertools.product((1, -1), repeat=9)])
    exact = np.mean(sums > abs(d.sum()) * (1 + 1e-9))  # F of two levels grows with |sum|
    result = permute_within(table, ["stage", "model"])
    assert list(result.index) == ["stage", "model", "stage * model"]
    assert set(result["counted"]) == {">"}
    assert 0.01 < exact < 0.5
    assert_close_to(result.loc["model", "p_permutation"], exact)


def test_cells_are_shuffled_for_the_interaction() -> None:
    # two people, two by two cells: all 24 x 24 arrangements, by the definition of the interaction
    x = np.random.default_rng(3).normal(size=(2, 3, 2))
    table = mixed_table(x).rename(columns={"observer": "model"})
    cells = [x[:, i].T.ravel() for i in range(3)]  # stage-major, as in the design below
    contrasts = [
        [a - b - c + d for a, b, c, d in itertools.permutations(person)] for person in cells
    ]

    def f(values: np.ndarray) -> np.ndarray:  # of (..., people)
        return scipy_stats.ttest_1samp(values, 0, axis=-1).statistic ** 2

    observed = f(np.array([a - b - c + d for a, b, c, d in cells]))
    # the contrast of a person takes 24 values, every one as likely
    exact = np.mean(f(np.array(list(itertools.product(*contrasts)))) > observed * (1 + 1e-9))
    result = permute_within(table, ["stage", "model"])
    assert result.loc["stage * model", "F"] == pytest.approx(observed)
    assert_close_to(result.loc["stage * model", "p_permutation"], exact)


def test_one_factor_counts_ties() -> None:
    # two levels and three people: 2 of 8 sign flips give the observed F when all agree
    x = np.array([[0.1, 0.2, 0.3], [1.0, 1.4, 1.1]])[:, :, None].transpose(2, 1, 0)
    table = mixed_table(x).drop(columns="observer")
    row = permute_within(table, ["stage"]).loc["stage"]
    assert row["counted"] == ">="
    assert_close_to(row["p_permutation"], 2 / 8)
    proper = permute_within(table, ["stage"], rule="phipson2010").loc["stage"]
    assert (proper["count"], proper["n_permutations"], proper["exact"]) == (2, 8, True)


def test_a_seed_fixes_the_count_and_another_changes_it() -> None:
    table = mixed_table(np.random.default_rng(0).normal(size=(2, 6, 3)))
    first, again = permute_mixed(table, seed=3), permute_mixed(table, seed=3)
    other = permute_mixed(table, seed=4)
    pd.testing.assert_frame_equal(first, again)
    assert list(first["count"]) != list(other["count"])
    assert set(first["seed"]) == {3}
    assert set(first["n"]) == {12}


def test_as_many_permutations_as_asked_are_counted() -> None:
    # F of identical groups is 0 and every permuted F is >= 0: all are counted
    x = np.random.default_rng(0).normal(size=(1, 5, 3)).repeat(2, axis=0)
    result = permute_mixed(mixed_table(x), n_permutations=CHUNK + 7)
    assert list(result["count"]) == [CHUNK + 7] * 2
    assert list(result["p_permutation"]) == [1.0, 1.0]


def test_impossible_requests_are_refused() -> None:
    table = mixed_table(np.random.default_rng(0).normal(size=(2, 3, 3)))
    with pytest.raises(BenchError, match="0 permutations are too few"):
        permute_mixed(table, n_permutations=0)
    with pytest.raises(BenchError, match="one or two within factors, not 3"):
        permute_within(table, ["stage", "observer", "person"])
    with pytest.raises(BenchError, match="cannot be computed"):
        permute_mixed(table.assign(score=0.5))
    with pytest.raises(BenchError, match="no rule 'fisher'"):
        permute_within(table.drop(columns="observer").drop_duplicates(["person", "stage"]),
                       ["stage"], rule="fisher")  # fmt: skip
    with pytest.raises(BenchError, match="'phipson2010' counts ties"):
        permute_mixed(table, rule="phipson2010", strict=True)


def test_random_permutations_are_counted_with_the_observed_one() -> None:
    # 10 against 10: 184,756 splits, too many to take all
    x = np.random.default_rng(0).normal(size=(2, 10, 2))
    x[1] += 9
    row = permute_mixed(mixed_table(x), rule=None, n_permutations=400, seed=1).loc["observer"]
    assert (row["count"], row["exact"]) == (0, False)
    assert row["p_permutation"] == 1 / 401
    # the same draws as those of the authors' rule
    noise = mixed_table(np.random.default_rng(5).normal(size=(2, 10, 2)))
    mine, theirs = (permute_mixed(noise, rule=r, n_permutations=400) for r in (None, "feather2023"))
    assert list(mine["count"]) == list(theirs["count"])
    np.testing.assert_allclose(mine["p_permutation"], (1 + theirs["count"]) / 401)


def test_three_groups_of_unequal_size_are_dealt_in_every_way() -> None:
    x = np.random.default_rng(2).normal(size=(6, 2))
    group = np.array([0, 1, 1, 2, 0, 2])[:, None] * np.ones(2, dtype=int)
    group[5] = 1  # sizes 2, 3, 1
    index = np.indices(x.shape).reshape(2, -1)
    table = pd.DataFrame({"person": index[0], "stage": index[1], "observer": group.ravel()})
    row = permute_mixed(table.assign(score=x.ravel()), rule=None).loc["observer"]
    means = x.mean(axis=1)
    f = []
    for labels in set(itertools.permutations(group[:, 0])):
        parts = [means[np.array(labels) == g] for g in range(3)]
        f.append(scipy_stats.f_oneway(*parts).statistic)
    observed = scipy_stats.f_oneway(*(means[group[:, 0] == g] for g in range(3))).statistic
    assert row["n_permutations"] == 60 == len(f)
    assert row["p_permutation"] == pytest.approx(np.mean(np.array(f) >= observed * (1 - 1e-9)))


@functools.cache
def p_values(n: int, factor: str, data_sets: int = 300) -> pd.DataFrame:
    """Return p of data sets of uniform noise, a column an effect.

    ``n`` people (in each group, if ``factor`` is the observer), two models (or observers), two
    stages.
    """
    rng = np.random.default_rng(7)
    found = []
    for seed in range(data_sets):
        table = mixed_table(rng.uniform(size=(2, n, 2))).rename(columns={"observer": factor})
        options = {"rule": "phipson2010", "n_permutations": 199, "seed": seed}
        if factor == "model":
            result = permute_within(table, ["stage", "model"], **options)
        else:
            result = permute_mixed(table, **options)
        found.append(result["p_permutation"])
    return pd.DataFrame(found)


@pytest.mark.parametrize("n", [3, 4, 6])
@pytest.mark.parametrize("factor", ["observer", "model"])
def test_without_an_effect_small_p_are_as_rare_as_they_say(factor: str, n: int) -> None:
    for _, p in p_values(n, factor).items():
        for level in (0.05, 0.1, 0.25, 0.5):
            # more often than 3.5 standard errors above the level has a chance of 1 in 4,000
            assert (p <= level).mean() <= level + 3.5 * np.sqrt(level * (1 - level) / len(p))
        # nor are they too large: the mean of an exact p of k equal steps is (k + 1) / 2k
        assert abs(p.mean() - (0.5 + p.min() / 2)) < 3.5 * np.sqrt(1 / 12 / len(p))


@pytest.mark.parametrize("effect", ["observer * stage", "stage * model"])
def test_without_an_effect_p_is_uniform_where_it_takes_many_values(effect: str) -> None:
    p = p_values(6, "model" if "model" in effect else "observer")[effect]
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01


def test_what_has_no_f_is_counted() -> None:
    # the differences of three people's two stages are 0.1, 0.1, -0.1: six of the eight choices of
    # signs give the observed F, and the two that are all alike have no error to divide by
    x = np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.2]])[:, :, None].transpose(2, 1, 0)
    table = mixed_table(x).drop(columns="observer")
    row = permute_within(table, ["stage"], rule="phipson2010").loc["stage"]
    assert row["p_permutation"] == 1.0
