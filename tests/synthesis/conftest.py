"""Tiny networks whose every value can be computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import nn

import bench
from bench.models.staged import StagedModel
from bench.spec import Stage

SIDE_PX = 5


@pytest.fixture(scope="session")
def load() -> Callable[..., StagedModel]:
    """Load a network of your own under stages of your own."""

    def load(
        build: Callable[[], nn.Module],
        stages: Mapping[str, str | Stage],
        entrance: Any = None,
        seed: int = 0,
    ) -> StagedModel:
        entrance = entrance or bench.ImageInput(size_px=SIDE_PX, mean=(0.5,) * 3, std=(0.25,) * 3)
        spec = bench.ModelSpec(
            id="tiny", family="test", build=lambda weights: build(), input=entrance,
            labels="digits", stages=stages,
        )  # fmt: skip
        return bench.load(spec, weights=None, device="cpu", seed=seed)

    return load


@pytest.fixture(scope="session")
def two_layers(load: Callable[..., StagedModel]) -> StagedModel:
    """75 pixels -> 40 hidden units, ReLU -> 10 outputs; stages ``hidden`` and ``final``."""
    return load(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(75, 40), nn.ReLU(), nn.Linear(40, 10)),
        {"linear": "1", "hidden": "2", "final": ""},
    )


@pytest.fixture(scope="session")
def convolutional(load: Callable[..., StagedModel]) -> StagedModel:
    """Two convolutions with batch norms of real statistics, ReLUs, and a readout."""

    def build() -> nn.Module:
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
            nn.Conv2d(8, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Flatten(), nn.Linear(8 * 4, 10),
        )  # fmt: skip
        for norm in (network[1], network[4]):
            norm.running_mean.normal_(0, 0.3)
            norm.running_var.uniform_(0.5, 2)
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.normal_(norm.bias, 0, 0.3)
        return network

    return load(build, {"relu1": "2", "norm2": "4", "relu2": "5", "final": ""})


@pytest.fixture
def images() -> Callable[[int], torch.Tensor]:
    """Return so many images, each the same however many are asked for."""

    def make(n: int) -> torch.Tensor:
        return torch.stack(
            [
                torch.rand(3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(100 + i))
                for i in range(n)
            ]
        )

    return make
