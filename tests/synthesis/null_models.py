"""Small networks whose activations are known."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from bench.models.staged import StagedModel
from bench.spec import AudioInput, ModelSpec
from bench.stimuli.sets import Stimuli

SAMPLES = 60


class Counted(nn.Module):
    """Passes its input on and counts the stimuli that it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += len(x)
        return x


def relu_model(samples: int = SAMPLES, weights_id: str = "w1") -> StagedModel:
    """``same`` is the stimulus, ``relu`` its positive part, ``final`` ten sums of that."""
    readout = nn.Linear(samples, 10)
    with torch.no_grad():  # in place: a test of memory counts what is allocated here
        readout.weight.normal_(generator=torch.Generator().manual_seed(5))
        readout.bias.zero_()
    net = nn.Sequential(Counted(), nn.ReLU(), readout)
    spec = ModelSpec(
        id="relu",
        family="tests",
        build=lambda weights: net,
        input=AudioInput(rate_hz=1000, samples=samples),
        labels="digits",
        stages={"same": "0", "relu": "1", "final": ""},
    )
    return StagedModel(spec, net, torch.device("cpu"), weights_id)


def shown(model: StagedModel) -> int:
    """Return how many stimuli the network has seen."""
    first = model.module[0]
    assert isinstance(first, Counted)
    return first.seen


def sounds(n: int, samples: int = SAMPLES, seed: int = 0) -> torch.Tensor:
    """Noise in steps of 0.25: many ties, half of them zeros after a ReLU."""
    values = np.random.default_rng(seed).integers(-4, 5, (n, samples)) / 4
    return torch.as_tensor(values, dtype=torch.float32)


def stimuli(x: torch.Tensor) -> Stimuli:
    """Return sounds as a stimulus set's content."""
    ids = tuple(f"s{i}" for i in range(len(x)))
    return Stimuli(ids, x.numpy(), np.zeros(len(x), np.int64), "digits")
