"""LowpassAlexNet, which pools with Hann windows, and the AlexNet of equal accuracy beside it.

Source: Feather et al. 2023. Both are early checkpoints, chosen for the accuracy of VOneAlexNet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.robust.backbones import (
    ALEXNET_PARAMETERS,
    ALEXNET_STAGES,
    IMAGENET,
    REFERENCE,
    alexnet,
    authors,
)

if TYPE_CHECKING:
    from torch import nn


def build(weights: str | None) -> nn.Module:
    """Build an untrained LowpassAlexNet."""
    from bench_plugins.lowpass.network import LowpassAlexNet

    return LowpassAlexNet()


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register LowpassAlexNet and its control."""
    shared: dict[str, Any] = {
        "family": "lowpass",
        "input": IMAGENET,
        "labels": "imagenet1k",
        "reference": REFERENCE,
        "license": "MIT",
        "parameters": ALEXNET_PARAMETERS,
    }
    register(
        bench.ModelSpec(
            id="alexnet_reduced_aliasing_early_checkpoint",
            build=build,
            stages=ALEXNET_STAGES,
            weights={"default": authors("alexnet_reduced_aliasing_early_checkpoint.pt")},
            accuracy=0.4762,
            **shared,
        )
    )
    register(
        bench.ModelSpec(
            id="alexnet_early_checkpoint",
            build=alexnet,
            stages=ALEXNET_STAGES,
            weights={"default": authors("alexnet_early_checkpoint_50.pt")},
            accuracy=0.52536,
            **shared,
        )
    )
