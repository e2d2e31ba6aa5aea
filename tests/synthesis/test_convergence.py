"""Unfinished metamers are told from finished ones, whatever their loss curves look like."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from bench.models.staged import StagedModel
from bench.synthesis.convergence import UNFINISHED, headroom
from bench.synthesis.engine import synthesize
from bench.synthesis.protocols import Protocol


def test_what_is_left_is_what_a_longer_run_gains(
    load: Callable[..., StagedModel], images: Callable[[int], torch.Tensor]
) -> None:
    """A linear stage can be matched exactly: all that is left of the loss can still be gained."""
    model = load(lambda: nn.Sequential(nn.Flatten(), nn.Linear(75, 10)), {"final": ""})
    for step_size in (0.01, 0.03):
        protocol = Protocol.named("feather2023").replace(steps=4, step_size=step_size)
        run = synthesize(model, images(5), "final", protocol)
        left = headroom(model, images(5), run.stimuli, "final")
        np.testing.assert_allclose(left, run.losses[:, -1], atol=2e-3)
        assert left.median() > UNFINISHED
        fell = 1 - run.losses[:, -1] / run.losses[:, -3]
        assert fell.median() < 0.05, "the curve flattens all the same: steps shrink"


def test_a_metamer_at_its_minimum_has_nothing_left(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    run = synthesize(convolutional, images(4), "relu1", Protocol.named("fast"))
    left = headroom(convolutional, images(4), run.stimuli, "relu1")
    assert (left >= 0).all()
    assert (left < UNFINISHED).all()
    short = Protocol.named("feather2023").replace(steps=3)
    run = synthesize(convolutional, images(4), "relu1", short)
    left = headroom(convolutional, images(4), run.stimuli, "relu1")
    assert (left > UNFINISHED).all()
    alone = headroom(convolutional, images(4)[2:3], run.stimuli[2:3], "relu1")
    np.testing.assert_allclose(alone, left[2:3], atol=1e-4)


def test_what_is_not_finite_has_no_headroom(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    broken = images(2)
    broken[1] = torch.nan
    left = headroom(convolutional, images(2), broken, "relu1")
    assert torch.isfinite(left[0])
    assert torch.isnan(left[1])
