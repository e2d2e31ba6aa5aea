"""Intervals against other computations of them."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from bench.leaderboard.proportions import over_stimuli, sem, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 10), (7, 10), (10, 10), (250, 500)])
def test_wilsons_formula(k: int, n: int) -> None:
    z = 1.959963984540054
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    found = wilson(k, n)
    assert found is not None
    assert found.value == pytest.approx(p, abs=1e-6)
    assert found.low == pytest.approx(max(0, centre - half), abs=1e-6)
    assert found.high == pytest.approx(min(1, centre + half), abs=1e-6)


def test_nothing_measured_is_nothing() -> None:
    assert wilson(0, 0) is None
    assert over_stimuli([pd.Series(dtype=float)]) is None
    assert sem([0.5]) is None


def test_one_table_is_an_ordinary_bootstrap() -> None:
    values = np.random.default_rng(0).random(200)
    found = over_stimuli([pd.Series(values)])
    expected = bootstrap(
        (values,), np.mean, n_resamples=4000, confidence_level=0.95, method="percentile"
    )
    assert found is not None
    assert found.value == pytest.approx(values.mean(), abs=1e-6)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.01)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.01)


def test_stages_count_alike_and_missing_stimuli_are_left_out() -> None:
    first = pd.Series({"a": 1.0, "b": 0.0, "c": 0.0, "d": 0.0})
    second = pd.Series({"a": 1.0})  # only one metamer of this stage passed
    found = over_stimuli([first, second])
    assert found is not None
    assert found.value == pytest.approx((0.25 + 1.0) / 2)
    assert found.n == 4


def test_sem_of_the_paper() -> None:
    values = [0.2, 0.4, 0.9]
    assert sem(values) == pytest.approx(np.std(values, ddof=0) / math.sqrt(3), abs=1e-6)
