"""CORnet-S: a shallow recurrent network fitted to the ventral stream (Kubilius et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bench

if TYPE_CHECKING:
    from torch import nn


def build(weights: str | None) -> nn.Module:
    """Build an untrained CORnet-S."""
    from bench_plugins.cornet.network import cornet_s

    return cornet_s()


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register CORnet-S."""
    register(
        bench.ModelSpec(
            id="cornet_s",
            family="cornet",
            build=build,
            input=bench.ImageInput(
                size_px=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
            ),
            labels="imagenet1k",
            stages={"V1": "V1", "V2": "V2", "V4": "V4", "IT": "IT", "final": ""},
            weights={
                "default": bench.Weights(
                    url="https://s3.amazonaws.com/cornet-models/cornet_s-1d3f7974.pth",
                    sha256="1d3f7974",  # torch.hub's convention: the name ends in it
                    prefix=("module.model.", "module."),
                )
            },
            reference="Kubilius et al. 2019, NeurIPS",
            license="GPL-3.0",
            accuracy=0.7302,
            parameters=53_416_616,
        )
    )
