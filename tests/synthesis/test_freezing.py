"""One stimulus that cannot go on is frozen with its reason; the others do not notice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import bench
from bench.errors import ItemError
from bench.models.staged import StagedModel
from bench.synthesis.engine import synthesize
from bench.synthesis.protocols import Protocol

PROTOCOL = Protocol.named("feather2023").replace(steps=10, repetitions=2, step_size=0.05)


class Sick(nn.Module):
    """Its middle is the images', but rows marked by their first pixel turn bad."""

    def __init__(self) -> None:
        super().__init__()
        self.middle = nn.Identity()
        self.readout = nn.Linear(75, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(start_dim=1)
        mark = x[:, :1].detach()
        x = torch.where(mark > 0.99, torch.nan, x)  # 1: not finite
        x = torch.where(mark < 0.01, x * 0, x)  # 0: all zero, and no gradient
        return self.readout(self.middle(x))


@pytest.fixture(scope="module")
def sick(load: Callable[..., StagedModel]) -> StagedModel:
    entrance = bench.ImageInput(size_px=5, mean=(0.0,) * 3, std=(1.0,) * 3)
    return load(Sick, {"middle": "middle", "final": ""}, entrance)


def start(x: torch.Tensor, marks: dict[int, float]) -> torch.Tensor:
    begin = 0.5 + 0 * x
    begin[:, 0, 1, 1] = 0.4
    for i, mark in marks.items():
        begin[i, 0, 0, 0] = mark
    return begin


def natural(images: Callable[[int], torch.Tensor], n: int) -> torch.Tensor:
    return images(n).clamp(0.1, 0.9)


def test_a_gradient_that_is_not_finite_or_zero_freezes_its_stimulus_alone(
    sick: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x = natural(images, 4)
    init = start(x, {1: 1.0, 2: 0.0})
    run = synthesize(sick, x, "middle", PROTOCOL, ids=["a", "b", "c", "d"], init=init)
    assert run.reasons == {"b": "the gradient is not finite", "c": "zero gradient"}
    assert torch.equal(run.stimuli[[1, 2]], init[[1, 2]])
    assert run.gradients.tolist() == [20, 0, 0, 20]
    others = synthesize(sick, x[[0, 3]], "middle", PROTOCOL, ids=["a", "d"], init=init[[0, 3]])
    assert torch.equal(run.stimuli[[0, 3]], others.stimuli)
    assert run.match["loss"].isna().tolist() == [False, True, False, False]
    assert run.match["label_metamer"].isna().tolist() == [False, True, False, False]
    assert not run.match["label_match"][1]


def test_a_target_that_is_zero_or_not_finite_freezes_its_stimulus_alone(
    sick: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x = natural(images, 3)
    x[0, 0, 0, 0], x[2, 0, 0, 0] = 0.0, 1.0
    run = synthesize(sick, x, "middle", PROTOCOL)
    assert set(run.reasons) == {"0", "2"}
    assert "is zero" in run.reasons["0"]
    assert "not finite" in run.reasons["2"]
    assert run.gradients.tolist() == [0, 20, 0]


def test_nothing_to_match_is_one_line(
    sick: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x = natural(images, 2)
    x[:, 0, 0, 0] = 0.0
    with pytest.raises(ItemError, match=r"tiny, stage middle: nothing to match.*is zero"):
        synthesize(sick, x, "middle", PROTOCOL)


def test_a_stimulus_that_starts_at_its_target_is_done_without_a_reason(
    two_layers: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x = images(2)
    init = torch.stack([x[0], 0 * x[1]])
    run = synthesize(two_layers, x, "final", PROTOCOL, init=init)
    assert run.reasons == {}
    assert torch.equal(run.stimuli[0], x[0])
    assert run.gradients.tolist() == [0, 20]
    assert run.match["loss"][0] == 0


def test_a_zero_gradient_of_a_subset_does_not_end_a_stimulus(
    two_layers: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    """Units that are matched already have no gradient, the next ones do."""
    protocol = PROTOCOL.replace(subsets={"kind": "coarse-to-fine", "every": 5})
    x = images(1)
    dead = int((two_layers.activations(x, ["hidden"])["hidden"][0] == 0).nonzero()[0])
    run = synthesize(two_layers, x, "hidden", protocol, unit_sets=[[dead], slice(0, 40)])
    assert run.gradients.tolist() == [20]
    assert run.losses[0, -1] < run.losses[0, 0]
