"""Null distributions equal the pair-by-pair ones, in bounded memory."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from null_models import SAMPLES, relu_model, shown, sounds, stimuli

from bench.errors import BenchError, ItemError
from bench.synthesis.null_plan import PAPER_PAIRS, plan_layout, plan_pairs
from bench.synthesis.nulls import null_distribution, summarize, table_from_wide, wide_from_table
from bench.synthesis.pairwise import _centred_ranks_torch, centred_ranks

STAGES = ["same", "relu", "final"]
FLOAT32 = 1e-6  # values are kept in float32


def directly(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Compare two activations by scipy, in float64."""
    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return {
        "spearman": scipy.stats.spearmanr(a, b).statistic,
        "pearson": scipy.stats.pearsonr(a, b).statistic,
        "snr_db": snr_db(a, b),
    }


def snr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(20 * np.log10(np.linalg.norm(a) / np.linalg.norm(a - b)))


def values(null: pd.DataFrame, stage: str, measure: str) -> np.ndarray:
    return null[(null["stage"] == stage) & (null["measure"] == measure)]["value"].to_numpy()


def assert_equals_scipy(null: pd.DataFrame, x: torch.Tensor, pairs: int, seed: int) -> None:
    activations = relu_model().activations(x)
    positions = plan_pairs(len(x), pairs, seed).positions()
    for stage in STAGES:
        a = activations[stage].numpy()
        expected = pd.DataFrame([directly(a[i], a[j]) for i, j in positions])
        for measure in expected:
            np.testing.assert_allclose(
                values(null, stage, measure), expected[measure], rtol=FLOAT32, atol=FLOAT32
            )


# -- which pairs


@given(n=st.integers(2, 40), share=st.floats(0, 1), seed=st.integers(0, 5))
def test_no_pair_comes_twice_and_all_stimuli_are_used_alike(
    n: int, share: float, seed: int
) -> None:
    most = n * (n - 1) // 2
    pairs = max(1, round(share * most))
    positions = plan_pairs(n, pairs, seed).positions()
    assert positions.shape == (pairs, 2)
    assert len({frozenset(pair) for pair in positions.tolist()}) == pairs
    assert all(len(set(pair)) == 2 for pair in positions.tolist())
    uses = np.bincount(positions.ravel(), minlength=n)
    if 2 * pairs <= n:
        assert uses.max() == 1
    else:
        assert uses.max() - uses.min() <= 2


def test_the_seed_decides_the_pairs() -> None:
    first, again, other = (plan_pairs(1000, 700, seed).positions() for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_papers_number_of_pairs_is_the_default_where_there_are_as_many() -> None:
    assert len(plan_pairs(10, None, 0)) == 45
    assert len(plan_pairs(3_000_000, None, 0)) == PAPER_PAIRS == 1_000_000


@pytest.mark.parametrize(("n", "pairs"), [(10, 46), (10, 0), (1, None), (0, None)])
def test_more_pairs_than_there_are_is_a_mistake(n: int, pairs: int | None) -> None:
    with pytest.raises(BenchError, match="different stimuli make"):
        plan_pairs(n, pairs, 0)


# -- their values


@pytest.mark.parametrize(
    ("n", "pairs"), [(12, 66), (13, 78), (13, 40), (12, 3)], ids=["all", "odd", "some", "disjoint"]
)
@pytest.mark.parametrize("memory_bytes", [9_000, 14_000, 1 << 30], ids=["tight", "tiles", "ample"])
def test_values_equal_scipys_pair_by_pair(n: int, pairs: int, memory_bytes: int) -> None:
    x = sounds(n)
    null = null_distribution(relu_model(), STAGES, x, pairs, seed=1, memory_bytes=memory_bytes)
    assert len(null) == pairs * 3 * len(STAGES)
    assert null["value"].notna().all()
    assert_equals_scipy(null, x, pairs, seed=1)


def test_tight_memory_holds_less_than_all_stimuli() -> None:
    """The parametrisation above means what its names say."""
    plan = plan_pairs(12, 66, 1)
    tiles = [plan_layout([SAMPLES, SAMPLES, 10], plan, m).tile for m in (9_000, 14_000, 1 << 30)]
    assert 1 <= tiles[0] < tiles[1] < tiles[2] == 12


def test_all_stages_come_from_one_pass() -> None:
    model, x = relu_model(), sounds(50)
    null = null_distribution(model, STAGES, x, pairs=600)
    assert shown(model) == 50 + 1  # one tells the size of the stages
    assert list(null["stage"].cat.categories) == STAGES


def test_few_pairs_show_only_their_stimuli() -> None:
    model = relu_model()
    null_distribution(model, "relu", sounds(500), pairs=20)
    assert shown(model) == 2 * 20 + 1


def test_the_same_seed_gives_the_same_values() -> None:
    first, again, other = (
        null_distribution(relu_model(), STAGES, sounds(30), 100, seed) for seed in (2, 2, 3)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not np.array_equal(first["value"], other["value"])


def test_near_equal_activations_keep_their_snr() -> None:
    """||a||^2 + ||b||^2 - 2ab would leave no digit at 120 dB in float32, and few in float64."""
    rng = np.random.default_rng(0)
    one = rng.normal(size=SAMPLES).clip(-3, 3) / 4
    x = torch.as_tensor(np.stack([one, one + 1e-6 * rng.normal(size=SAMPLES)]), dtype=torch.float32)
    null = null_distribution(relu_model(), "same", x)
    first, second = plan_pairs(2, 1, 0).positions()[0]
    expected = directly(x[first].numpy(), x[second].numpy())
    assert expected["snr_db"] > 100
    assert values(null, "same", "snr_db")[0] == pytest.approx(expected["snr_db"], rel=FLOAT32)


def test_large_means_do_not_blur_pearson() -> None:
    x = torch.as_tensor(0.9 + 1e-5 * np.random.default_rng(1).normal(size=(6, SAMPLES)))
    null = null_distribution(relu_model(), "same", x.float())
    positions = plan_pairs(6, None, 0).positions()
    expected = [directly(x.float()[i].numpy(), x.float()[j].numpy()) for i, j in positions]
    np.testing.assert_allclose(
        values(null, "same", "pearson"), [e["pearson"] for e in expected], atol=1e-6
    )


@pytest.mark.parametrize("ranked", [centred_ranks, _centred_ranks_torch])
@pytest.mark.parametrize("units", [1, 2, 1001])
def test_ranks_equal_scipys(ranked: Any, units: int) -> None:
    rng = np.random.default_rng(units)
    samples = (rng.integers(-3, 3, units), rng.normal(size=units), np.zeros(units))
    for row in (sample.astype(np.float32) for sample in samples):
        expected = scipy.stats.rankdata(row) - (units + 1) / 2
        np.testing.assert_array_equal(ranked(torch.as_tensor(row)).numpy(), expected)


# -- what has no value


def test_all_zero_identical_and_constant_activations_are_left_out_and_counted() -> None:
    x = sounds(8)
    x[0] = -0.25 * torch.arange(1, SAMPLES + 1) / SAMPLES  # after the ReLU all zero
    x[1] = -x[2].abs() - 0.125  # another
    x[3] = 0.5  # constant
    x[5] = x[4]  # the same stimulus twice
    null = null_distribution(relu_model(), ["relu"], x)
    summary = summarize(null).set_index("measure")
    # Of 28 pairs 13 have one of the two zero stimuli; 1 is of a stimulus with itself;
    # of the others the constant one is in 5.
    assert summary["all_zero"].tolist() == [13, 13, 13]
    assert summary["identical"].tolist() == [1, 1, 1]
    assert summary["constant"].tolist() == [5, 5, 0]
    assert summary["n"].tolist() == [9, 9, 14]
    activations = relu_model().activations(x)["relu"].numpy()
    positions = plan_pairs(8, None, 0).positions()
    expected = {
        (i, j): snr_db(activations[i], activations[j])
        for i, j in positions
        if not {0, 1} & {i, j} and {i, j} != {4, 5}
    }
    assert len(expected) == 14
    assert summary.loc["snr_db", "max"] == pytest.approx(max(expected.values()), rel=FLOAT32)


def test_a_null_of_nothing_has_no_maximum() -> None:
    null = null_distribution(relu_model(), "relu", -sounds(4).abs() - 0.1)
    summary = summarize(null)
    assert summary["n"].tolist() == [0, 0, 0]
    assert summary["max"].isna().all()


def test_equal_activations_of_different_stimuli_have_infinite_snr() -> None:
    x = sounds(2)
    x[1] = torch.where(x[0] <= 0, x[0] - 0.125, x[0])
    null = null_distribution(relu_model(), "relu", x)
    assert values(null, "relu", "snr_db")[0] == np.inf
    assert values(null, "relu", "spearman")[0] == pytest.approx(1)


def test_activations_that_are_not_finite_are_an_error() -> None:
    x = sounds(6)
    x[4, 3] = torch.inf
    with pytest.raises(ItemError, match=r"model relu, stage same: .* not finite"):
        null_distribution(relu_model(), STAGES, x)


def test_mistakes_are_named() -> None:
    with pytest.raises(BenchError, match="no stage 'relu2'"):
        null_distribution(relu_model(), ["relu2"], sounds(4))
    with pytest.raises(BenchError, match="no stage is named"):
        null_distribution(relu_model(), [], sounds(4))


# -- tables


def test_summary_equals_numpys() -> None:
    null = null_distribution(relu_model(), ["relu"], sounds(40))
    row = summarize(null).set_index("measure").loc["pearson"]
    v = values(null, "relu", "pearson").astype(np.float64)
    assert row["pairs"] == row["n"] == 780
    assert row["max"] == v.max()
    assert row["mean"] == pytest.approx(v.mean())
    for q in (50, 95, 99, 99.9):
        assert row[f"q{q:g}"] == pytest.approx(np.percentile(v, q))


def test_a_stage_survives_its_wide_form() -> None:
    x = sounds(8)
    x[0] = -0.5 - sounds(1)[0].abs()
    x[1] = 0.5
    null = null_distribution(relu_model(), STAGES, x)
    for stage in STAGES:
        part = null[null["stage"] == stage].reset_index(drop=True)
        part["stage"] = part["stage"].cat.remove_unused_categories()
        pd.testing.assert_frame_equal(table_from_wide(stage, wide_from_table(null, stage)), part)


# -- memory


class ReadOnDemand:
    """Stimuli that are made when they are asked for."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.most = 0

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, positions: list[int]) -> np.ndarray:
        self.most = max(self.most, len(positions))
        return np.concatenate([sounds(1, seed=position).numpy() for position in positions])


def test_stimuli_are_read_in_small_batches() -> None:
    x = ReadOnDemand(100_000)
    null = null_distribution(relu_model(), "relu", x, pairs=200)
    assert null["value"].notna().all()
    assert x.most <= 32


def test_stimuli_of_a_set_are_taken_as_they_are() -> None:
    x = sounds(9)
    pd.testing.assert_frame_equal(
        null_distribution(relu_model(), STAGES, stimuli(x)),
        null_distribution(relu_model(), STAGES, x),
    )


def test_too_little_memory_says_how_much_is_needed() -> None:
    with pytest.raises(BenchError, match="give at least") as caught:
        null_distribution(relu_model(), STAGES, sounds(9), memory_bytes=2_000)
    needed = int(re.search(r"at least ([\d,]+)", caught.value.fix)[1].rstrip(",").replace(",", ""))
    null = null_distribution(relu_model(), STAGES, sounds(9), memory_bytes=needed)
    assert_equals_scipy(null, sounds(9), 36, seed=0)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux reports it")
def test_memory_is_bounded_whatever_the_stages_size() -> None:
    """24 stimuli of 600,000 units are 115 MB as values and ranks; 45 MB are allowed."""
    program = """
        import resource, sys
        import numpy as np, torch
        sys.path.insert(0, sys.argv[1])
        from null_models import relu_model
        from bench.synthesis.nulls import null_distribution
        torch.set_num_threads(1)
        units = 600_000
        class Noise:
            def __len__(self): return 24
            def __getitem__(self, at):
                return np.stack([np.random.default_rng(i).random(units, np.float32) for i in at])
        model = relu_model(units)
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        null_distribution(relu_model(1000), "same", torch.rand(20, 1000))
        model.activations(torch.as_tensor(Noise()[[0]]), ["same"])
        before = peak()
        null_distribution(model, "same", Noise(), pairs=30, memory_bytes=45_000_000)
        print(peak() - before)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(Path(__file__).parent)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    grown = int(ran.stdout)
    assert grown < 45_000_000 + 10_000_000  # the stimuli shown and the allocator's slack
