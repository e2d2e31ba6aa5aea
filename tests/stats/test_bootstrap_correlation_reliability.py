"""Resampling, correlations and reliability against closed forms."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import bench.stats
from bench.errors import BenchError


def test_bootstrap_of_a_mean_has_its_known_error() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, size=50)
    found = bench.stats.bootstrap_interval(values, n_resamples=4_000, seed=1)
    sem = values.std() / np.sqrt(50)
    assert found.estimate == pytest.approx(values.mean())
    assert found.sem == pytest.approx(sem, rel=0.05)
    assert bench.stats.sem(values) == pytest.approx(sem)
    assert found.low == pytest.approx(values.mean() - 1.96 * sem, abs=0.1 * sem + 0.02)
    assert found.high == pytest.approx(values.mean() + 1.96 * sem, abs=0.1 * sem + 0.02)
    assert (found.n, found.n_resamples, found.seed) == (50, 4_000, 1)


def test_bootstrap_is_seeded() -> None:
    values = np.random.default_rng(0).normal(size=20)
    first, again, other = (bench.stats.bootstrap_interval(values, seed=s) for s in (0, 0, 1))
    assert first == again
    assert first.sem != other.sem


def test_rows_are_resampled_within_strata_only() -> None:
    # no variance within a stratum: the mean never moves, however the rows are drawn
    values, strata = [0.0] * 5 + [1.0] * 5, ["a"] * 5 + ["b"] * 5
    assert bench.stats.bootstrap_interval(values, strata=strata).sem == 0
    assert bench.stats.bootstrap_interval(values).sem > 0.1


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        ([1.0], {}, "two or more rows, not 1"),
        ([1.0, np.nan], {}, "no finite number"),
        ([1.0, 2.0], {"level": 1.0}, "make no interval"),
        ([1.0, 2.0], {"n_resamples": 0}, "make no interval"),
        ([1.0, 2.0], {"strata": ["a"]}, "1 strata for 2 rows"),
    ],
)
def test_bootstrap_refuses(values: list[float], options: dict[str, object], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        bench.stats.bootstrap_interval(values, **options)


def test_correlation_of_known_series() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    y = np.array([0.0, 1.0, 8.0, 27.0])  # monotone, not linear
    found = bench.stats.correlate(x, y)
    assert found.rho == pytest.approx(1.0)
    # by hand: covariance 11.0, variances 1.25 and 117.5 (means 1.5 and 9)
    assert found.r2 == pytest.approx(11.0**2 / (1.25 * 117.5))
    assert found.n == 4


def test_rounding_does_not_break_ties_in_ranks() -> None:
    x = [1.0, 2.0, 3.0, 4.0]
    tied = [1.0, 2.0, 2.0, 3.0]
    nearly = [1.0, 2.0 + 4e-16, 2.0, 3.0]
    # midranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: r = 4.5 / sqrt(5 x 4.5)
    for y in (tied, nearly):
        assert bench.stats.correlate(x, y).rho == pytest.approx(4.5 / np.sqrt(5 * 4.5), rel=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([1, 2], [1, 2], "three or more points, not 2"),
        ([1, 2, 3], [1, 1, 1], "the second series is 1 throughout"),
        ([1, 2, 3], [1, 2], "cannot be correlated"),
        ([1, 2, np.nan], [1, 2, 3], "not a finite number"),
    ],
)
def test_correlation_refuses(x: list[float], y: list[float], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        bench.stats.correlate(x, y)


def test_human_points_pool_participants_and_leave_out_self_and_natural() -> None:
    humans = pd.DataFrame(
        [
            ("vision", "A", "natural", 0, "human", 1.0),
            ("vision", "A", "conv", 1, "human", 0.2),
            ("vision", "A", "conv", 1, "human", 0.4),
            ("vision", "A", "conv", 1, "human", 0.9),
            ("vision", "A", "conv", 1, "model", 1.0),
            ("vision", "B", "conv", 1, "human", 0.7),
        ],
        columns=["modality", "model", "stage", "stage_index", "observer", "proportion_correct"],
    )
    recognition = pd.DataFrame(
        [
            ("vision", "A", 0, "B", 40, 40),
            ("vision", "A", 1, "A", 40, 40),  # itself
            ("vision", "A", 1, "B", 10, 40),
            ("vision", "A", 1, "C", 15, 20),
            ("vision", "D", 1, "B", 1, 40),  # no people saw it
        ],
        columns=[
            "modality", "generation_model", "stage_index", "recognition_model", "n_correct",
            "n_stimuli",
        ],
    )  # fmt: skip
    points = bench.stats.human_vs_models(humans, recognition)
    assert points.to_dict("records") == [
        {
            "modality": "vision",
            "model": "A",
            "stage": "conv",
            "stage_index": 1,
            "human": pytest.approx(0.5),
            "other_models": pytest.approx((0.25 + 0.75) / 2),
            "n_participants": 3,
            "n_models": 2,
        }
    ]


def test_spearman_brown() -> None:
    assert bench.stats.spearman_brown(0.5) == pytest.approx(2 / 3)
    assert bench.stats.spearman_brown(0.5, factor=4) == pytest.approx(0.8)
    assert bench.stats.spearman_brown(1.0) == 1.0


def test_split_half_finds_the_reliability_of_simulated_means() -> None:
    rng = np.random.default_rng(0)
    people, conditions, noise = 20, 4_000, 3.0
    truth = rng.normal(size=conditions)
    x = truth + noise * rng.normal(size=(people, conditions))
    found = bench.stats.split_half(x, n_splits=50, seed=0)
    assert found.reliability == pytest.approx(1 / (1 + noise**2 / people), abs=0.02)
    assert found.half == pytest.approx(1 / (1 + noise**2 / (people / 2)), abs=0.02)
    assert found.ceiling_r == pytest.approx(np.sqrt(found.reliability))
    # what a ceiling means: the R2 of the truth itself
    assert np.corrcoef(truth, x.mean(axis=0))[0, 1] ** 2 == pytest.approx(
        found.reliability, abs=0.02
    )
    assert found.low <= found.reliability <= found.high
    assert (found.n, found.n_conditions, found.n_splits) == (people, conditions, 50)


def test_halves_are_drawn_within_experiments_and_leave_gaps_out() -> None:
    # two experiments that share no condition: each condition's halves must both have people
    rng = np.random.default_rng(1)
    x = np.full((8, 6), np.nan)
    x[:4, :3] = np.array([0.0, 1.0, 2.0]) + 1e-6 * rng.normal(size=(4, 3))
    x[4:, 3:] = np.array([3.0, 4.0, 5.0]) + 1e-6 * rng.normal(size=(4, 3))
    found = bench.stats.split_half(x, strata=[0] * 4 + [1] * 4, n_splits=20)
    assert found.half == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "strata", "said"),
    [
        (np.ones((1, 4)), None, "two or more participants"),
        (np.ones((3, 4)), [0, 0, 1], "1 has one"),
        (np.ones((4, 4)), None, "means do not vary"),
        (np.arange(8.0).reshape(4, 2), None, "three or more conditions"),
        (np.where(np.eye(4), 1.0, np.nan), None, "too few participants"),
    ],
)
def test_split_half_refuses(values: np.ndarray, strata: list[int] | None, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        bench.stats.split_half(values, strata=strata)


def test_importing_the_package_loads_no_library() -> None:
    heavy = ["numpy", "pandas", "scipy", "pingouin", "statsmodels", "torch"]
    code = f"import bench.stats, sys; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_exported_name_is_there() -> None:
    for name in bench.stats.__all__:
        assert callable(getattr(bench.stats, name))
    with pytest.raises(AttributeError, match="no attribute 'anovas'"):
        _ = bench.stats.anovas
