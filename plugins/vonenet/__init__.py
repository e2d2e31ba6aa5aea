"""VOneAlexNet: fixed Gabor filters and fixed Gaussian noise in front of AlexNet.

Source: Dapello et al. 2020; with Gaussian noise as in Feather et al. 2023.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.robust.backbones import IMAGENET, REFERENCE, authors

if TYPE_CHECKING:
    from torch import nn


def build(weights: str | None) -> nn.Module:
    """Build an untrained VOneAlexNet; its noise is drawn here, once, from the model's seed."""
    from bench_plugins.vonenet.network import vone_alexnet

    return vone_alexnet()


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register VOneAlexNet with Gaussian noise of deviation 4."""
    register(
        bench.ModelSpec(
            id="vonealexnet_gaussian_noise_std4_fixed",
            family="vonenet",
            build=build,
            input=IMAGENET,
            labels="imagenet1k",
            stages={
                # It ends in a ReLU, after the noise; the paper matched it with the true gradient.
                "v1_output": bench.Stage("vone_block", modified_relu=False),
                "relu1": "model.features.1",
                "relu2": "model.features.4",
                "relu3": "model.features.6",
                "relu4": "model.features.8",
                "fc0_relu": "model.classifier.2",
                "fc1_relu": "model.classifier.5",
                "final": "",
            },
            weights={"default": authors("gvonealexnet_std4.pt")},
            reference=f"Dapello et al. 2020, NeurIPS; {REFERENCE}",
            license="GPL-3.0 (front end), MIT (weights)",
            accuracy=0.4784,
            parameters=76_661_800,
        )
    )
