"""Stimuli that do not fit into memory together are shown fewer at a time, to the same result."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import bench
from bench.errors import BenchError
from bench.models.staged import StagedModel

ROOM = 5  # stimuli that fit at once


class Narrow(nn.Module):
    """A linear network on a device that has room for few stimuli."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(48, 10)
        self.sizes: list[int] = []
        self.room: int | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        if self.room is not None and len(x) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return self.head(x.flatten(start_dim=1))


@pytest.fixture
def model() -> StagedModel:
    torch.manual_seed(0)
    spec = bench.ModelSpec(
        id="narrow",
        family="f",
        build=lambda weights: Narrow(),
        input=bench.ImageInput(size_px=4),
        labels="digits",
        stages={"logits": ""},
    )
    return StagedModel(spec, Narrow(), torch.device("cpu"), "fixed")


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(23, 3, 4, 4, generator=torch.Generator().manual_seed(1))


def test_recognition(model: StagedModel, x: torch.Tensor) -> None:
    whole = bench.recognize(model, x, [0] * len(x))
    model.module.room, model.module.sizes = ROOM, []
    parts = bench.recognize(model, x, [0] * len(x), batch_size=16)
    assert parts.equals(whole)
    # 16 and 8 do not fit, and are not tried again.
    assert model.module.sizes == [16, 8, 4, 4, 4, 4, 4, 3]


def test_attack(model: StagedModel, x: torch.Tensor) -> None:
    whole = bench.attack(model, x, [0] * len(x), steps=2)
    model.module.room = ROOM
    parts = bench.attack(model, x, [0] * len(x), steps=2)
    torch.testing.assert_close(parts, whole)


def test_null_distribution(model: StagedModel, x: torch.Tensor) -> None:
    whole = bench.null_distribution(model, ["logits"], x, pairs=100)
    model.module.room = ROOM
    parts = bench.null_distribution(model, ["logits"], x, pairs=100)
    assert list(parts["measure"]) == list(whole["measure"])
    np.testing.assert_allclose(parts["value"], whole["value"], rtol=1e-4, atol=1e-5)


def test_one_that_does_not_fit_alone_is_an_error(model: StagedModel, x: torch.Tensor) -> None:
    model.module.room = 0
    with pytest.raises(torch.cuda.OutOfMemoryError):
        bench.recognize(model, x, [0] * len(x))


@pytest.mark.parametrize("size", [0, -1, "auto"])
def test_a_senseless_batch_size_is_one_line(model: StagedModel, x: torch.Tensor, size) -> None:
    with pytest.raises(BenchError, match="batch size"):
        bench.recognize(model, x, [0] * len(x), batch_size=size)


def test_no_stimuli_are_one_line(model: StagedModel, x: torch.Tensor) -> None:
    with pytest.raises(BenchError, match="no stimuli"):
        bench.attack(model, x[:0], [])
