"""The conformance kit finds what it promises to find."""

from __future__ import annotations

import dataclasses
import functools

import pytest
import torch
from torch import nn

import bench
from bench.testing import check_model
from bench.testing.conformance import check_light

LAYERS = (nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


class Noisy(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.randn_like(x)


class LooksAround(nn.Module):
    """Subtracts the batch's mean: a stimulus' result hangs on its neighbours."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0, keepdim=True)


class Deaf(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.detach()


def spec(*layers: nn.Module, **changes):
    return bench.ModelSpec(
        **{
            "id": "net",
            "family": "f",
            "build": lambda weights: nn.Sequential(*layers),
            "input": bench.ImageInput(size_px=8),
            "labels": "digits",
            "stages": {"relu": "1", "logits": ""},
            **changes,
        }
    )


def test_a_sound_model_has_no_problem() -> None:
    report = check_model(spec(*LAYERS))
    assert report.problems == []
    facts = [(s.name, s.shape, s.features, s.modified_relu) for s in report.stages]
    assert facts == [("relu", (4, 6, 6), 144, True), ("logits", (10,), 10, False)]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (spec(*LAYERS[:3], nn.Linear(144, 7)), "digits has 10 classes"),
        (spec(*LAYERS, stages={"logits": "", "relu": "1"}), "in the order relu, logits"),
        (spec(*LAYERS, Noisy()), "two passes differ"),
        (spec(*LAYERS, LooksAround()), "logits differs by"),
        (spec(Deaf(), *LAYERS, stages={"logits": ""}), "logits: none"),
        (spec(*LAYERS, stages={"relu": "1", "x": bench.Stage("1", call=3)}), "never reached x"),
    ],
    ids=["classes", "order", "noise", "batch", "gradient", "unreached"],
)
def test_a_broken_model_is_found_out(broken, problem) -> None:
    assert problem in " | ".join(check_model(broken).problems)


@pytest.mark.parametrize(("room", "shown"), [(10**6, 8), (3 * 616, 3), (1, 2)])
def test_large_stages_are_checked_with_fewer_stimuli(monkeypatch, room, shown) -> None:
    """A stimulus has 144 and 10 float32 values at the two stages: 616 bytes."""
    monkeypatch.setattr("bench.models.checks.STAGES_BYTES", room)
    report = check_model(spec(*LAYERS))
    (check,) = [c for c in report.checks if c.question.startswith("a stimulus alone")]
    assert check.found.endswith(f"{shown} stimuli")
    assert check.problem == ""


def test_a_builder_inside_a_partial_is_asked_too() -> None:
    """Importing torch's own modules imports torch, whatever is wrapped around what they define."""
    heavy = functools.partial(torch.nn.modules.linear.Linear, 432, 10)
    check = check_light(dataclasses.replace(spec(*LAYERS), build=heavy))
    assert "not at the top of torch.nn.modules.linear" in check.problem
