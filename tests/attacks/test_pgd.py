"""PGD against what it must give on a linear network, in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import bench
from bench.errors import BenchError
from bench.models.staged import StagedModel

SHAPE = (3, 4, 4)
SIZE = 48


def linear(weight: torch.Tensor) -> StagedModel:
    """Logits (w.x, 0, ..., 0): of class 0, every attack must go along -w."""
    head = nn.Linear(SIZE, 10, bias=False)
    with torch.no_grad():
        head.weight.zero_()
        head.weight[0] = weight
    net = nn.Sequential(nn.Flatten(), head)
    spec = bench.ModelSpec(
        id="linear",
        family="f",
        build=lambda weights: net,
        input=bench.ImageInput(size_px=4),
        labels="digits",
        stages={"logits": ""},
    )
    return StagedModel(spec, net, torch.device("cpu"), "fixed")


@pytest.fixture
def weight() -> torch.Tensor:
    return torch.randn(SIZE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def x() -> torch.Tensor:
    """Far enough from 0 and 1 that clipping does not interfere."""
    return 0.4 + 0.2 * torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(1))


def test_linf_goes_to_the_corner(weight, x) -> None:
    found = bench.attack(linear(weight), x, [0] * 6, norm="linf", eps=0.1, steps=8)
    torch.testing.assert_close(found, x - 0.1 * weight.sign().view(SHAPE))


def test_l2_goes_to_the_sphere(weight, x) -> None:
    found = bench.attack(linear(weight), x, [0] * 6, norm="l2", eps=0.5, steps=8)
    torch.testing.assert_close(found, x - 0.5 * (weight / weight.norm()).view(SHAPE))


def test_the_range_and_the_ball_hold_together(weight) -> None:
    x = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(2))
    for norm, size in (("linf", 0.3), ("l2", 2.0)):
        found = bench.attack(
            linear(weight), x, [0] * 6, norm=norm, eps=size, steps=10, random_start=True
        )
        offset = (found - x).flatten(1)
        length = offset.abs().amax(1) if norm == "linf" else offset.norm(dim=1)
        assert float(length.max()) <= size * (1 + 1e-5)
        assert float(found.min()) >= 0
        assert float(found.max()) <= 1


def test_the_iterate_with_the_largest_loss_is_kept(weight, x) -> None:
    """One huge step along a curved loss overshoots: the start itself is then the best."""

    class Valley(nn.Module):
        """Logit 0 falls for a while, then rises: small steps raise the loss, huge ones lower it."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            along = (x.flatten(1) - 0.5) @ weight / weight.norm()
            logits = torch.zeros(len(x), 10)
            return torch.cat([(along**2 * 100)[:, None] - 5 * along[:, None], logits[:, 1:]], dim=1)

    model = linear(weight)
    model.module = Valley()
    start = x[:1] * 0 + 0.5
    found = bench.attack(model, start, [0], norm="l2", eps=0.4, steps=3, step_size=0.4)
    assert torch.equal(found, start)


def test_no_eps_no_change(weight, x) -> None:
    assert torch.equal(bench.attack(linear(weight), x, [0] * 6, norm="l2", eps=0.0, steps=2), x)


def test_a_stimulus_alone_is_attacked_as_in_a_batch(weight, x) -> None:
    kwargs = {"norm": "linf", "eps": 0.1, "steps": 4, "random_start": True}
    ids = [f"s{i}" for i in range(6)]
    together = bench.attack(linear(weight), x, [0] * 6, ids=ids, **kwargs)
    alone = bench.attack(linear(weight), x[4:5], [0], ids=ids[4:5], **kwargs)
    torch.testing.assert_close(alone[0], together[4])


def test_wrong_budgets_are_refused(weight, x) -> None:
    with pytest.raises(BenchError, match="norm 'l7' is not one of linf, l2"):
        bench.attack(linear(weight), x, [0] * 6, norm="l7", eps=0.1)
    with pytest.raises(BenchError, match="eps >= 0"):
        bench.attack(linear(weight), x, [0] * 6, norm="l2", eps=-1.0)


def test_the_budget_may_be_given_in_order_or_not_at_all() -> None:
    weight = torch.randn(SIZE, generator=torch.Generator().manual_seed(0))
    x = torch.full((2, *SHAPE), 0.5)
    by_order = bench.attack(linear(weight), x, [0, 0], "pgd", "l2", 0.25, 3)
    by_name = bench.attack(linear(weight), x, [0, 0], norm="l2", eps=0.25, steps=3)
    assert torch.equal(by_order, by_name)
    left_open = bench.attack(linear(weight), x, [0, 0])
    assert float((left_open - x).abs().amax()) == pytest.approx(4 / 255)
