"""Bad input: one line that says what to do, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import bench
from bench.errors import BenchError, ItemError
from bench.models.staged import StagedModel
from bench.spec import Stage
from bench.synthesis.different import synthesize_different
from bench.synthesis.engine import synthesize
from bench.synthesis.noise import noise_targets
from bench.synthesis.protocols import Protocol

PROTOCOL = Protocol.named("feather2023").replace(steps=2, repetitions=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"stage": "hiden"}, ["tiny", "hiden", "did you mean hidden"]),
        ({"stage": "zzz"}, ["zzz", "linear, hidden, final"]),
        ({"x": torch.rand(2, 3, 5)}, ["(2, 3, 5)", "(N, 3, 5, 5)"]),
        ({"x": torch.rand(2, 4, 5, 5)}, ["(2, 4, 5, 5)"]),
        ({"x": torch.rand(0, 3, 5, 5)}, ["(0, 3, 5, 5)"]),
        ({"x": np.full((2, 3, 5, 5), 200, dtype=np.uint8)}, ["[200, 200]", "divide by 255"]),
        ({"x": torch.full((2, 3, 5, 5), -0.5)}, ["-0.5", "not in [0, 1]"]),
        ({"x": torch.full((2, 3, 5, 5), torch.nan)}, ["NaN"]),
        ({"ids": ["a"]}, ["1 ids for 2"]),
        ({"ids": ["a", "a"]}, ["'a'", "more than once"]),
        ({"init": torch.rand(2, 3, 4, 4)}, ["init", "(2, 3, 4, 4)"]),
        ({"batch_size": "huge"}, ["batch size", "huge"]),
        ({"protocol": Protocol.named("nanda2023-adversarial")}, ["lpips-alex", "distance="]),
        ({"distance": lambda a, b: a}, ["no use for a perceptual distance"]),
    ],
)  # fmt: skip
def test_a_wrong_call_is_one_line(
    two_layers: StagedModel, change: dict[str, Any], words: list[str]
) -> None:
    call = {"x": torch.rand(2, 3, 5, 5), "stage": "hidden", "protocol": PROTOCOL, **change}
    with pytest.raises(BenchError) as caught:
        synthesize(two_layers, **call)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_sounds_name_their_length_and_rate(load: Callable[..., StagedModel]) -> None:
    entrance = bench.AudioInput(rate_hz=20_000, samples=40)
    model = load(lambda: nn.Linear(40, 10), {"final": ""}, entrance)
    with pytest.raises(BenchError, match=r"\(N, 40\) at 20000 Hz"):
        synthesize(model, torch.zeros(2, 44), "final", PROTOCOL)
    with pytest.raises(BenchError, match=r"not in \[-1, 1\]"):
        synthesize(model, torch.full((2, 40), 32767.0), "final", PROTOCOL)
    with pytest.raises(BenchError, match="is for images"):
        synthesize(model, torch.zeros(2, 40), "final", Protocol.named("nanda2023-blur"))
    run = synthesize(model, torch.linspace(-0.1, 0.1, 40)[None], "final", PROTOCOL.replace(steps=1))
    assert run.initial.abs().max() < 1e-6
    assert float((run.stimuli - run.initial).norm()) == pytest.approx(1, rel=1e-5)


def test_a_stage_that_is_not_for_synthesis_or_ignores_the_input(
    load: Callable[..., StagedModel],
) -> None:
    class Deaf(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fixed = nn.Identity()
            self.readout = nn.Linear(75, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.fixed(torch.ones(len(x), 7))
            return self.readout(x.flatten(start_dim=1))

    model = load(Deaf, {"fixed": "fixed", "shown": Stage("readout", synthesis=False), "final": ""})
    with pytest.raises(ItemError, match="stage fixed does not depend on the input"):
        synthesize(model, torch.rand(2, 3, 5, 5), "fixed", PROTOCOL)
    with pytest.raises(BenchError, match=r"shown is not meant for synthesis \(take one of fixed"):
        synthesize(model, torch.rand(2, 3, 5, 5), "shown", PROTOCOL)


def test_noise_may_be_a_target_where_the_protocol_says_so(two_layers: StagedModel) -> None:
    targets = noise_targets(["a", "b"], (3, 5, 5), mean=0.5, std=2.0)
    assert targets.std() == pytest.approx(2, abs=0.5)
    assert targets.min() < 0
    with pytest.raises(BenchError, match="not in"):
        synthesize(two_layers, targets, "final", PROTOCOL)
    run = synthesize(two_layers, targets, "final", Protocol.named("nanda2023").replace(steps=50))
    assert (run.losses[:, -1] < run.losses[:, 0]).all()
    assert run.stimuli.min() >= 0  # the metamer stays an image
    assert run.initial.min() < 0  # its start is N(0, 1), unclipped


def test_uniform_pixels_fill_the_range(two_layers: StagedModel) -> None:
    start = {"mean": 0, "std": 0, "low": 0, "high": 1, "distribution": "uniform"}
    protocol = PROTOCOL.replace(image_start=start)
    pixels = synthesize(two_layers, torch.rand(40, 3, 5, 5), "final", protocol).initial.flatten()
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert float(pixels.var()) == pytest.approx(1 / 12, rel=0.05)


def test_different_metamers_want_two_and_no_early_stop(two_layers: StagedModel) -> None:
    with pytest.raises(BenchError, match="want 2"):
        synthesize_different(two_layers, torch.rand(1, 3, 5, 5), "final", PROTOCOL, count=1)
    with pytest.raises(BenchError, match=r"replace\(stop=None, polish=0\)"):
        synthesize_different(
            two_layers, torch.rand(1, 3, 5, 5), "final", Protocol.named("fast"), count=2
        )
