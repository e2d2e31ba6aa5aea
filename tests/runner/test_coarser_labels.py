"""Attacks on stimuli whose labels are coarser than the model's own classes."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn

import bench
from bench.labels.imagenet import CATEGORIES, classes
from bench.plugins import Plugins
from bench.runner.backends import Workers
from bench.runner.run import run
from bench.store.run_dir import RunDir

TABBY, BEAGLE = 281, 162
CAT, DOG = CATEGORIES.index("cat"), CATEGORIES.index("dog")
N = 10


class Contrast(nn.Module):
    """A tabby is brighter on the left, a beagle on the right; 998 other classes tell nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left = x[..., :6].mean((1, 2, 3)) - x[..., 6:].mean((1, 2, 3))
        logits = torch.full((len(x), 1000), -9.0)
        return logits.index_copy(
            1, torch.tensor([TABBY, BEAGLE]), 20 * torch.stack([left, -left], dim=1)
        )


def stimuli(limit: int | None, data: Path | None) -> bench.Stimuli:
    values = np.full((N, 3, 12, 12), 0.5, dtype=np.float32)
    values[::2, :, :, :6] += 0.05  # cats
    values[1::2, :, :, 6:] += 0.05
    labels = np.array([CAT, DOG] * (N // 2))
    return bench.Stimuli(tuple(f"s{i}" for i in range(N)), values, labels, "imagenet16")


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    register(
        bench.ModelSpec(
            id="contrast",
            family="contrast",
            build=lambda weights: Contrast(),
            input=bench.ImageInput(size_px=12),
            labels="imagenet1k",
            stages={"logits": ""},
        )
    )


@bench.hookimpl
def bench_register_stimuli(register: Any) -> None:
    register(bench.StimulusSet(id="pets", label_space="imagenet16", load=stimuli))


def test_an_attack_is_of_the_categories_that_stimuli_have(toy_settings: Any) -> None:
    assert (classes()[TABBY].category, classes()[BEAGLE].category) == ("cat", "dog")
    entries = {"own": __name__, "attacks": "bench_plugins.attacks", "tasks": "bench_plugins.tasks"}
    plugins = Plugins([EntryPoint(name, value, "bench") for name, value in entries.items()])
    settings = toy_settings(
        stimuli="pets", label_space="imagenet16", models=["contrast"], nulls=None, alignment=None,
        robustness={"n": N, "subsets": 5, "steps": 8, "eps": {"linf": [0.01, 0.1]}},
    )  # fmt: skip
    run(plugins, settings, Workers(count=1), None, Console(file=StringIO()))
    run_dir = RunDir(settings.root)
    rows = run_dir.table("robustness")
    # 0.05 of contrast: gone with two steps of 0.025, and beyond the reach of 0.01
    assert rows.groupby("eps")["correct"].mean().to_dict() == {0.01: 1.0, 0.1: 0.0}
    assert run_dir.table("accuracy")["correct"].all()
