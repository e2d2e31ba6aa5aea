"""A plugin for tests: tiny networks on random 12 px images, some of them broken on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import bench

SIZE_PX = 12
INPUT = bench.ImageInput(size_px=SIZE_PX, mean=(0.5,), std=(0.25,))


def stimuli(limit: int | None, data: Path | None) -> bench.Stimuli:
    n = 20 if limit is None else min(limit, 20)
    values = np.stack(
        [np.random.default_rng(i).random((3, SIZE_PX, SIZE_PX), dtype=np.float32) for i in range(n)]
    )
    labels = np.arange(n, dtype=np.int64) % 10
    return bench.Stimuli(tuple(f"toy-{i}" for i in range(n)), values, labels, "digits")


def conv(width: int) -> Any:
    def build(weights: str | None) -> Any:
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(3, width, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 8, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(8 * 4 * 4, 10),
        )

    return build


def grey(weights: str | None) -> Any:
    """Return a network for grey images of 14 px, 0-255, as HMAX wants them of its own size."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.LayerNorm(576), nn.Linear(576, 10)
    )


def nan(weights: str | None) -> Any:
    import torch

    network = conv(4)(weights)
    torch.nn.init.constant_(network[2].weight, float("nan"))
    return network


def wrong_shape(weights: str | None) -> Any:
    from torch import nn

    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 7))


def explodes(weights: str | None) -> Any:
    raise RuntimeError("the builder\nfell over")


def spec(name: str, build: Any, **changes: Any) -> bench.ModelSpec:
    changes.setdefault("stages", {"conv1": "1", "conv2": "3", "logits": ""})
    entrance = changes.pop("entrance", INPUT)
    return bench.ModelSpec(
        id=name, family="toy", build=build, input=entrance, labels="digits", **changes
    )


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    register(spec("toy-a", conv(4)))
    register(spec("toy-b", conv(6)))
    register(spec("toy-c", conv(5)))
    register(spec("toy-boast", conv(5), accuracy=0.9))
    register(spec("toy-modest", conv(5), accuracy=0.0))
    measured = {"conv1": "1", "conv2": bench.Stage("3", synthesis=False), "logits": ""}
    register(spec("toy-measured", conv(4), stages=measured))
    register(spec("toy-variant", conv(4), protocols={"feather2023-short": "fast"}))
    entrance = bench.ImageInput(size_px=14, grey=True, scale=255.0, interpolation="bilinear")
    register(spec("toy-grey", grey, entrance=entrance, stages={"conv1": "1", "logits": ""}))
    register(spec("toy-nan", nan))
    register(spec("toy-shape", wrong_shape, stages={"conv1": "1", "logits": ""}))
    register(spec("toy-explodes", explodes))
    register(spec("toy-needs", conv(4), requires={"surely_absent": "surely-absent"}))


@bench.hookimpl
def bench_register_stimuli(register: Any) -> None:
    register(bench.StimulusSet(id="toy", label_space="digits", load=stimuli, size=20))
