"""Maximally different metamers match as others do, and lie further apart."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from bench.models.staged import StagedModel
from bench.synthesis.different import mean_log_distance, nearest_rms, synthesize_different
from bench.synthesis.protocols import Protocol

PROTOCOL = Protocol.named("feather2023").replace(steps=60, repetitions=8)


def test_they_lie_apart_and_match(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x = images(3)
    near, far = (
        synthesize_different(convolutional, x, "final", PROTOCOL, count=3, weight=weight)
        for weight in (0.0, 1.0)
    )
    assert far.ids == tuple(f"{i}#{j}" for i in range(3) for j in range(3))
    assert list(far.match["target"]) == ["0"] * 3 + ["1"] * 3 + ["2"] * 3
    assert (far.match["apart"] > 1.3 * near.match["apart"]).all()
    assert (far.match["spearman"] > 0.97).all()
    assert torch.equal(far.initial, near.initial)


def test_siblings_stay_together_whatever_the_batch(
    two_layers: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x, protocol = images(3), PROTOCOL.replace(steps=5)
    runs = [
        synthesize_different(two_layers, x, "final", protocol, count=2, batch_size=size)
        for size in (1, 3, 6)
    ]
    for run in runs[1:]:
        assert (run.stimuli - runs[0].stimuli).abs().max() < 1e-4


def test_distances_are_of_the_definition() -> None:
    a = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 8.0], [1.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    logs = mean_log_distance(a, count=3)
    assert float(logs[0]) == pytest.approx((math.log(5) + math.log(8)) / 2)
    assert float(logs[1]) == pytest.approx((math.log(5) + math.log(5)) / 2)
    rms = nearest_rms(a, count=3)
    expected = [5, 5, 5, 0, 0, 1]
    assert torch.allclose(rms, torch.tensor(expected) / math.sqrt(2))
    x = torch.tensor([[1.0, 2.0], [1.0, 4.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(mean_log_distance(x, 2).sum(), x)
    assert torch.allclose(gradient, torch.tensor([[0.0, -0.5], [0.0, 0.5]]))  # 1 / distance
