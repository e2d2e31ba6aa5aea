"""The names that notebooks rely on, reached through ``import bench`` alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from scipy.stats import spearmanr

import bench

DOTTED = [
    "stats.mixed_anova",
    "stats.rm_anova",
    "synthesis.similarity.snr_db",
    "testing.check_model",
]


@pytest.mark.parametrize("name", DOTTED)
def test_it_is_there_in_a_fresh_interpreter(name: str) -> None:
    """Nothing else has imported the module that the name lies in."""
    code = f"import bench; assert callable(bench.{name})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_resolves() -> None:
    assert [name for name in bench.__all__ if not callable(getattr(bench, name))] == []
    assert all(callable(getattr(bench.synthesis.similarity, n)) for n in ("spearman", "pearson"))


def test_the_whole_vocabulary_on_one_network() -> None:
    model = bench.load("digits-standard-seed0", device="cpu")
    digits = bench.load_stimuli("digits-scenes-test", limit=6)
    x = torch.as_tensor(digits.values)
    assert (model.id, model.stages[0]) == ("digits-standard-seed0", "conv1")
    assert model.activations(x, stages=["conv4", "logits"])["logits"].shape == (6, 10)
    assert torch.equal(model.logits(x), model.activations(x)["logits"])
    protocol = bench.Protocol.named("feather2023").replace(steps=5, repetitions=2)
    run = bench.synthesize(model, x, stage="conv4", protocol=protocol, seed=0)
    assert run.stimuli.shape == run.initial.shape == x.shape
    assert run.losses.shape == (6, len(run.steps))
    assert list(run.match["id"]) == [str(i) for i in range(6)]
    wanted = ["loss", "spearman", "pearson", "snr_db", "logits_spearman", "label_natural"]
    wanted += ["label_metamer", "label_match", "beyond_null", "passed"]
    assert set(wanted) <= set(run.match.columns)
    a, b = (model.activations(v, ["conv4"])["conv4"].flatten(1) for v in (x, run.stimuli))
    expected = [spearmanr(p, q).statistic for p, q in zip(a.numpy(), b.numpy(), strict=True)]
    assert list(run.match["spearman"]) == pytest.approx(expected, abs=1e-6)
    null = bench.null_distribution(model, ["conv4"], x, pairs=10, seed=0)
    assert {"stage", "measure", "value"} <= set(null.columns)
    found = bench.recognize(model, x, digits.labels)
    assert list(found["predicted"]) == model.logits(x).argmax(1).tolist()
