"""The shipped weights: each network is as good as recorded, and training makes such networks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file

import bench
from bench_plugins.digits import catalogue, scenes, train

# A little under what each network reached when it was trained (accuracy on 500 test scenes).
FLOORS = {
    "digits-standard-seed0": 0.93,
    "digits-standard-seed1": 0.93,
    "digits-l2-adversarial": 0.91,
    "digits-linf-adversarial": 0.91,
    "digits-random-perturbation": 0.93,
    "digits-lowpass": 0.93,
    "digits-gabor": 0.95,
    "digits-vit": 0.84,
    "digits-simclr": 0.84,
    "digits-hmax": 0.84,
}


def test_every_model_has_a_floor_and_a_record() -> None:
    ids = [entry.id for entry in catalogue.ENTRIES]
    assert list(FLOORS) == ids
    assert list(catalogue.records()) == ids


@pytest.mark.parametrize("name", FLOORS)
def test_a_shipped_network_is_as_accurate_as_recorded(name: str) -> None:
    model = bench.load(name, device="cpu")
    stimuli = scenes.load_test(None)
    logits = model.logits(torch.from_numpy(stimuli.values[:]))
    right = logits.argmax(dim=1).numpy() == stimuli.labels
    assert right.mean() == pytest.approx(catalogue.records()[name]["accuracy"], abs=0.01)
    assert right.mean() > FLOORS[name]


def test_the_shipped_files_are_the_recorded_ones_in_half_precision_and_small() -> None:
    total = 0
    for name, record in catalogue.records().items():
        path = catalogue.WEIGHTS_DIR / record["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == record["sha256"], name
        kinds = {value.dtype for value in load_file(path).values()}
        assert kinds <= {torch.float16, torch.int64}, name
        total += path.stat().st_size
    assert total < 2_000_000


def test_the_two_standard_networks_differ_in_their_seed_alone() -> None:
    zero, one = catalogue.ENTRIES[:2]
    same = ("network", "method", "training", "family", "stages")
    assert all(getattr(zero, name) == getattr(one, name) for name in same)
    assert (zero.seed, one.seed) == (0, 1)
    first, second = (load_file(catalogue.WEIGHTS_DIR / entry.file) for entry in (zero, one))
    assert not torch.equal(first["conv1.conv.weight"], second["conv1.conv.weight"])


def test_weights_of_another_name_are_refused() -> None:
    with pytest.raises(bench.BenchError, match=r"digits-gabor has no weights called 'best'"):
        bench.load("digits-gabor", weights="best", device="cpu")


def test_training_the_quickest_network_again_gives_its_accuracy(tmp_path: Path) -> None:
    name = "digits-gabor"
    state = torch.random.get_rng_state()
    done = CliRunner().invoke(train.main, ["--only", name, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "gabor.safetensors",
        "weights.json",
    ]
    record = json.loads((tmp_path / "weights.json").read_text(encoding="utf-8"))[name]
    shipped = catalogue.records()[name]
    assert record["accuracy"] == pytest.approx(shipped["accuracy"], abs=0.03)
    assert record["parameters"] == shipped["parameters"]
    assert torch.equal(torch.random.get_rng_state(), state)  # no global seed was touched
