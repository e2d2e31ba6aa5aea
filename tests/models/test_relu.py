"""The modified ReLU: which call it is, its values, its gradient, wherever the ReLU stands."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import bench
from bench.errors import BenchError
from bench.models.relu import ReluWatcher, pass_through_relu
from bench.models.staged import StagedModel
from bench.spec import Stage

INPUT = bench.ImageInput(size_px=4, mean=(0.5,) * 3, std=(0.25,) * 3)


def load(build: Callable[[], nn.Module], **stages: str | Stage) -> StagedModel:
    spec = bench.ModelSpec(
        id="tiny", family="test", build=lambda weights: build(), input=INPUT, labels="digits",
        stages=stages,
    )  # fmt: skip
    return bench.load(spec, weights=None, device="cpu")


def test_forward_is_a_relus_and_backward_the_identitys() -> None:
    x = torch.tensor([-2.0, -0.0, 0.0, 3.0], requires_grad=True)
    y = pass_through_relu(x)
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    (gradient,) = torch.autograd.grad((y * weights).sum(), x)
    assert torch.equal(y, torch.tensor([0.0, 0.0, 0.0, 3.0]))
    assert torch.equal(gradient, weights)


class Block(nn.Module):
    """A residual block that uses one ReLU module twice, as ResNet's does."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(48, 48), nn.Linear(48, 48)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.two(self.relu(self.one(x))) + x)


def functional() -> nn.Module:
    class Functional(Block):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.two(F.relu(self.one(x), inplace=True)) + x)

    return Functional()


@pytest.mark.parametrize("block", [Block, functional])
def test_only_the_blocks_last_relu_changes(block: Callable[[], nn.Module]) -> None:
    model = load(
        lambda: nn.Sequential(nn.Flatten(), block(), nn.Linear(48, 10)), block="1", final=""
    )
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    a = model.at_stage(x, "block", modified_relu=True)
    weights = torch.randn(a.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((a * weights).sum(), x)
    inner = model.module[1]
    v = ((x.detach() - 0.5) / 0.25).flatten(1)
    one = inner.one(v)
    # By hand: the last ReLU is the identity, the first one lets through where it was positive.
    through = (weights @ inner.two.weight * (one > 0)) @ inner.one.weight
    expected = (weights + through).view_as(x) / 0.25
    assert torch.allclose(gradient, expected, atol=1e-5)
    plain = model.at_stage(x, "block")
    assert torch.equal(a, plain)  # forward values never change
    (true,) = torch.autograd.grad((plain * weights).sum(), x)
    assert not torch.allclose(true, expected, atol=1e-2)


def test_a_stage_that_does_not_end_in_a_relu_has_its_true_gradient() -> None:
    model = load(
        lambda: nn.Sequential(nn.Flatten(), Block(), nn.Linear(48, 10)), block="1", final=""
    )
    x = torch.rand(1, 3, 4, 4)
    assert model.modified_relu_call("final", x) is None
    assert model.modified_relu_call("block", x) == 1


def test_a_description_may_forbid_or_demand_it() -> None:
    build = lambda: nn.Sequential(nn.Flatten(), Block(), nn.Linear(48, 10))  # noqa: E731
    model = load(build, block=Stage("1", modified_relu=False), final=Stage("", modified_relu=True))
    x = torch.rand(1, 3, 4, 4)
    assert model.modified_relu_call("block", x) is None
    with pytest.raises(BenchError, match="tiny, stage final: its output is not a ReLU's"):
        model.modified_relu_call("final", x)


def test_a_relu_in_place_stays_in_place() -> None:
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    for relu in (
        lambda v: F.relu(v, inplace=True),
        lambda v: F.relu(v, True),
        torch.relu_,
        lambda v: v.relu_(),
    ):
        leaf = x.clone().requires_grad_(True)
        before = leaf * 1
        with ReluWatcher(modify=0):
            after = relu(before)
        (gradient,) = torch.autograd.grad((3 * after).sum(), leaf)
        assert after.data_ptr() == before.data_ptr()
        assert torch.equal(after, x.clamp(min=0))
        assert torch.equal(gradient, torch.full_like(x, 3.0))
    kept = x.clone()
    with ReluWatcher(modify=0):
        assert torch.relu(kept).min() == 0
    assert torch.equal(kept, x)
