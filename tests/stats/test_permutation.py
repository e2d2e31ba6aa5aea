"""Permutation tests against all permutations of small data, and the rules of the paper."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

import bench.stats
from bench.errors import BenchError
from bench.stats.permutation import CHUNK

N = 10_000


def mixed_table(x: np.ndarray) -> pd.DataFrame:
    """Return a long table of values (observer, person, stage)."""
    index = np.indices(x.shape).reshape(3, -1)
    return pd.DataFrame(dict(zip(["observer", "person", "stage"], index, strict=True))).assign(
        score=x.ravel()
    )


def permute_mixed(table: pd.DataFrame, **options: object) -> pd.DataFrame:
    options = {"n_permutations": N, "seed": 0} | options
    return bench.stats.permute_mixed(
        table, dv="score", within="stage", between="observer", subject="person", **options
    ).set_index("effect")


def permute_within(table: pd.DataFrame, within: list[str], **options: object) -> pd.DataFrame:
    options = {"n_permutations": N, "seed": 0} | options
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
    assert row["rule"] == ">="


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
    assert strict["rule"] == ">"


def test_model_effect_tends_to_the_exact_p_of_all_sign_flips_strictly() -> None:
    x = np.random.default_rng(6).normal(size=(2, 9, 4))  # model, person, stage
    x[1] += 0.9
    table = mixed_table(x).rename(columns={"observer": "model"})
    d = x.mean(axis=2)[0] - x.mean(axis=2)[1]
    sums = np.abs([np.dot(signs, d) for signs in itertools.product((1, -1), repeat=9)])
    exact = np.mean(sums > abs(d.sum()) * (1 + 1e-9))  # F of two levels grows with |sum|
    result = permute_within(table, ["stage", "model"])
    assert list(result.index) == ["stage", "model", "stage * model"]
    assert set(result["rule"]) == {">"}
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
    assert row["rule"] == ">="
    assert_close_to(row["p_permutation"], 2 / 8)


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
