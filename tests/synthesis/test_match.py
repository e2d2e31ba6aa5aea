"""The evidence against scipy and plain formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from bench.models.staged import StagedModel
from bench.synthesis import similarity
from bench.synthesis.engine import synthesize
from bench.synthesis.match import stage_table
from bench.synthesis.protocols import Protocol

PROTOCOL = Protocol.named("feather2023").replace(steps=20, repetitions=3)


def test_measures_are_scipys(two_layers: StagedModel) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(6, 500)).astype(np.float32)
    b = (a + rng.normal(size=a.shape)).astype(np.float32)
    a[1], b[1] = a[1].round(), b[1].round()  # ties
    a[2], b[2] = a[2].clip(0), b[2].clip(0)  # rectified: half of it one tie
    rho, r = (
        f(torch.tensor(a), torch.tensor(b)) for f in (similarity.spearman, similarity.pearson)
    )
    for i in range(6):
        assert float(rho[i]) == pytest.approx(spearmanr(a[i], b[i]).statistic, abs=1e-12)
        assert float(r[i]) == pytest.approx(pearsonr(a[i], b[i].astype(np.float64))[0], abs=1e-6)
    a64, b64 = a.astype(np.float64), b.astype(np.float64)
    ratio = np.linalg.norm(a64, axis=1) / np.linalg.norm(a64 - b64, axis=1)
    np.testing.assert_allclose(similarity.snr_ratio(torch.tensor(a), torch.tensor(b)), ratio)
    np.testing.assert_allclose(
        similarity.snr_db(torch.tensor(a), torch.tensor(b)), 20 * np.log10(ratio)
    )


def test_undefined_measures_are_nan() -> None:
    constant, other = torch.ones(1, 4), torch.arange(4.0)[None]
    assert similarity.spearman(constant, other).isnan().all()
    assert similarity.pearson(other, constant).isnan().all()
    assert similarity.snr_db(other, other).isinf().all()


@pytest.fixture(scope="module")
def natural() -> torch.Tensor:
    return torch.rand(5, 3, 5, 5, generator=torch.Generator().manual_seed(7))


def test_match_compares_the_matched_stage_and_the_logits(
    convolutional: StagedModel, natural: torch.Tensor
) -> None:
    run = synthesize(convolutional, natural, "relu2", PROTOCOL, ids=list("abcde"), batch_size=2)
    module = convolutional.module
    with torch.no_grad():  # the network by hand: its door is (x - 0.5) / 0.25
        a, b = (module[:6]((x - 0.5) / 0.25).flatten(1) for x in (natural, run.stimuli))
        logits = [module((x - 0.5) / 0.25).numpy() for x in (natural, run.stimuli)]
    table = run.match
    assert list(table["id"]) == list("abcde")
    for i in range(5):
        assert table["spearman"][i] == pytest.approx(spearmanr(a[i], b[i]).statistic, abs=1e-5)
        assert table["logits_spearman"][i] == pytest.approx(
            spearmanr(logits[0][i], logits[1][i]).statistic, abs=1e-5
        )
        ratio = float(a[i].norm() / (a[i] - b[i]).norm())
        assert table["snr_ratio"][i] == pytest.approx(ratio, rel=1e-3)
        assert table["snr_db"][i] == pytest.approx(20 * np.log10(ratio), rel=1e-3)
        assert table["loss"][i] == pytest.approx(1 / ratio, rel=1e-3)
    assert list(table["label_natural"]) == logits[0].argmax(axis=1).tolist()
    assert list(table["label_metamer"]) == logits[1].argmax(axis=1).tolist()
    assert list(table["label_match"]) == (logits[0].argmax(1) == logits[1].argmax(1)).tolist()
    assert table["beyond_null"].isna().all()
    assert torch.equal(run.losses[:, -1], torch.tensor(table["loss"], dtype=torch.float32))
    assert run.losses.shape == (5, len(run.steps))
    assert run.steps[-1] == 60


def test_losses_are_of_the_whole_stage_without_regulariser(
    convolutional: StagedModel, natural: torch.Tensor
) -> None:
    protocol = PROTOCOL.replace(subsets={"kind": "random", "every": 3}, regulariser={"tv": 1.0})
    run = synthesize(
        convolutional, natural, "relu2", protocol, unit_sets=[slice(0, 1), slice(1, 8)]
    )
    a, b = (
        convolutional.activations(x, ["relu2"])["relu2"].flatten(1) for x in (natural, run.initial)
    )
    expected = (a - b).norm(dim=1) / a.norm(dim=1)
    assert torch.allclose(run.losses[:, 0], expected, rtol=1e-5)


def test_stage_by_stage(convolutional: StagedModel, natural: torch.Tensor) -> None:
    run = synthesize(convolutional, natural, "relu2", PROTOCOL.replace(steps=400))
    table = stage_table(convolutional, natural, run.stimuli, list("abcde"), batch_size=2)
    assert list(table.columns[:2]) == ["id", "stage"]
    assert len(table) == 5 * 4
    assert set(table["stage"]) == set(convolutional.stages)
    for name, rows in table.groupby("stage"):
        a, b = (
            convolutional.activations(x, [name])[name].flatten(1) for x in (natural, run.stimuli)
        )
        by_id = rows.set_index("id")["pearson"]
        for i, stimulus in enumerate("abcde"):
            assert by_id[stimulus] == pytest.approx(pearsonr(a[i], b[i])[0], abs=1e-5)
    means = table.groupby("stage")["spearman"].mean()
    # What the matched stage holds, later ones keep; the first one is free to differ.
    assert means["relu2"] > 0.95
    assert means["final"] > 0.95
    assert means["relu1"] < 0.9
    some = stage_table(convolutional, natural, run.stimuli, stages=["final"])
    pd.testing.assert_series_equal(
        some["spearman"], table.loc[table["stage"] == "final", "spearman"].reset_index(drop=True)
    )


def test_fast_stops_each_stimulus_beyond_the_margin(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    stop = {"spearman": 0.98, "snr_db": 20, "every": 5}
    run = synthesize(convolutional, images(6), "relu2", Protocol.named("fast").replace(stop=stop))
    assert (run.gradients < run.protocol.total_steps).all()
    assert (run.match["spearman"] >= 0.98).all()
    assert (run.match["snr_db"] >= 20 - 0.01).all()
    assert run.reasons == {}
    assert not run.losses.isnan().any()
