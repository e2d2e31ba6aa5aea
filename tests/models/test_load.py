"""From a description to a network with its weights."""

from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import bench
from bench.errors import BenchError, ItemError


def spec(build=lambda weights: nn.Sequential(nn.Flatten(), nn.Linear(12, 10)), **changes):
    return bench.ModelSpec(
        **{
            "id": "net",
            "family": "f",
            "build": build,
            "input": bench.ImageInput(size_px=2),
            "labels": "digits",
            "stages": {"logits": ""},
            **changes,
        }
    )


X = torch.linspace(0, 1, 24).view(2, 3, 2, 2)


def test_random_weights_hang_on_the_seed_and_leave_the_global_generator_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    a, b, c = (bench.load(spec(), weights=None, device="cpu", seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(a.logits(X), b.logits(X))
    assert not torch.equal(a.logits(X), c.logits(X))


@pytest.mark.parametrize("prefix", ["", "module.model."])
def test_a_checkpoint_from_a_path(tmp_path, prefix) -> None:
    state = {"1.weight": torch.eye(10, 12), "1.bias": torch.arange(10.0)}
    path = tmp_path / "net.safetensors"
    save_file({prefix + name: value for name, value in state.items()}, path)
    rules = {"default": bench.Weights(file=path, prefix=("module.model.",))}
    model = bench.load(spec(weights=rules), weights=path, device="cpu")
    expected = X.flatten(1)[:, :10] + torch.arange(10.0)
    torch.testing.assert_close(model.logits(X), expected)
    assert model.weights_id == hashlib.sha256(path.read_bytes()).hexdigest()


def test_another_file_than_the_published_one_is_refused(tmp_path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"1.weight": torch.zeros(10, 12), "1.bias": torch.zeros(10)}, path)
    wrong = spec(weights={"default": bench.Weights(file=path, sha256="0" * 64)})
    with pytest.raises(BenchError, match="is not the published one"):
        bench.load(wrong, device="cpu")


def test_weights_that_do_not_fit_are_named(tmp_path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"1.weight": torch.zeros(9, 12), "1.bias": torch.zeros(10)}, path)
    with pytest.raises(BenchError, match=r"model net: the weights do not fit.*1\.weight"):
        bench.load(spec(), weights=path, device="cpu")


def test_a_missing_package_says_how_to_install_it() -> None:
    needs = spec(requires={"surely_absent": "metamer-bench[clip]"})
    with pytest.raises(BenchError, match=r"pip install metamer-bench\[clip\]"):
        bench.load(needs, device="cpu")


def test_a_builder_that_fails_is_named() -> None:
    def build(weights):
        raise KeyError("layer9")

    with pytest.raises(ItemError, match="model net could not be built: KeyError"):
        bench.load(spec(build), device="cpu")
    with pytest.raises(ItemError, match="build returned str, not a Module"):
        bench.load(spec(lambda weights: "net"), device="cpu")


def test_unknown_weights_and_devices(tmp_path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"1.weight": torch.zeros(10, 12), "1.bias": torch.zeros(10)}, path)
    known = spec(weights={"default": bench.Weights(file=path)})
    with pytest.raises(BenchError, match=r"no weights called 'best'.*there are: default"):
        bench.load(known, weights="best", device="cpu")
    with pytest.raises(BenchError, match="device 'tpu9' cannot be used"):
        bench.load(known, device="tpu9")
