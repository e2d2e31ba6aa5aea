"""The models of the family: what each is called, how it is built and how it was trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import bench

if TYPE_CHECKING:
    from torch import nn

MEAN = 0.5
STD = 0.25  # of the scenes it is about 0.31
WEIGHTS_DIR = Path(__file__).with_name("weights")
RECORDS = WEIGHTS_DIR / "weights.json"

# Each ``conv`` stage is the output of a ReLU, before the pooling that follows.
_CONV_STAGES = {f"conv{n}": f"conv{n}.relu" for n in (1, 2, 3, 4)}
_CONV_NET = MappingProxyType({**_CONV_STAGES, "pool": "pool", "logits": "logits"})
_GABOR_NET = MappingProxyType(
    {"v1": "conv1", **{name: path for name, path in _CONV_NET.items() if name != "conv1"}}
)
_VIT = MappingProxyType(
    {
        "embed": "patch_embed",
        **{f"block{n + 1}": f"blocks.{n}" for n in range(4)},
        "pool": "fc_norm",
        "logits": "head",
    }
)
_HMAX = MappingProxyType({name: name for name in ("s1", "c1", "s2", "c2", "logits")})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One model of the family.

    Parameters
    ----------
    network
        Name of a function of `bench_plugins.digits.networks`.
    method
        Name of a way to train, in `bench_plugins.digits.train`.
    training
        Kind of training as boards show it.
    seed
        Of the initial weights and of the order of the scenes.
    """

    id: str
    network: str
    method: str
    training: str
    family: str
    stages: Mapping[str, str]
    seed: int = 0

    @property
    def file(self) -> str:
        """Name of the file of weights."""
        return f"{self.id.removeprefix('digits-')}.safetensors"

    def build(self, weights: str | None = None) -> nn.Module:
        """Return the untrained network; the bench loads the shipped weights into it."""
        from bench_plugins.digits import networks

        if weights is not None:
            raise bench.BenchError(
                f"model {self.id} has no weights called {weights!r}", fix="default"
            )
        network: nn.Module = getattr(networks, self.network)()
        return network.eval()


_conv = partial(Entry, network="standard", family="digits-conv", stages=_CONV_NET)

ENTRIES: tuple[Entry, ...] = (
    _conv(id="digits-standard-seed0", method="standard", training="standard"),
    _conv(id="digits-standard-seed1", method="standard", training="standard", seed=1),
    _conv(id="digits-l2-adversarial", method="l2", training="adversarial L2"),
    _conv(id="digits-linf-adversarial", method="linf", training="adversarial Linf"),
    _conv(id="digits-random-perturbation", method="random", training="random perturbation"),
    Entry(
        id="digits-lowpass",
        network="lowpass",
        method="standard",
        training="standard, low-pass",
        family="digits-lowpass",
        stages=_CONV_NET,
    ),
    Entry(
        id="digits-gabor",
        network="gabor",
        method="standard",
        training="standard, fixed Gabor",
        family="digits-gabor",
        stages=_GABOR_NET,
    ),
    Entry(
        id="digits-vit",
        network="vit",
        method="standard",
        training="standard",
        family="digits-vit",
        stages=_VIT,
    ),
    Entry(
        id="digits-simclr",
        network="standard",
        method="simclr",
        training="self-supervised",
        family="digits-simclr",
        stages=_CONV_NET,
    ),
    Entry(
        id="digits-hmax",
        network="hmax",
        method="hmax",
        training="hand-made features",
        family="digits-hmax",
        stages=_HMAX,
    ),
)


def records() -> dict[str, dict[str, Any]]:
    """Return what was recorded of the shipped weights, by model id."""
    if not RECORDS.exists():  # before the first training
        return {}
    recorded: dict[str, dict[str, Any]] = json.loads(RECORDS.read_text(encoding="utf-8"))
    return recorded
