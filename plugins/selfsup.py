"""Self-supervised ResNet-50s of OpenSelfSup, with the linear readouts of Feather et al. 2023.

The readout (1000 classes, on the average pool) was trained by the authors of the paper, so that
the whole network is published in their archive of checkpoints only.
"""

from __future__ import annotations

from typing import Any

import bench
from bench_plugins.robust.backbones import (
    IMAGENET,
    REFERENCE,
    RESNET50_PARAMETERS,
    RESNET50_STAGES,
    authors,
    resnet50,
)

# Top-1 accuracies: Feather et al. 2023, Supplementary Table 3.
MODELS = {
    "resnet50_simclr": ("SimCLR", 0.59204),
    "resnet50_moco_v2": ("MoCo v2", 0.67832),
    "resnet50_byol": ("BYOL", 0.68706),
}


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register the three networks."""
    for name, (method, accuracy) in MODELS.items():
        register(
            bench.ModelSpec(
                id=name,
                family="selfsup",
                build=resnet50,
                input=IMAGENET,
                labels="imagenet1k",
                stages=RESNET50_STAGES,
                weights={"default": authors(f"{name}.pt")},
                reference=f"OpenSelfSup; readout: {REFERENCE}",
                license="Apache-2.0 (backbone), MIT (readout)",
                training=f"self-supervised {method}",
                accuracy=accuracy,
                parameters=RESNET50_PARAMETERS,
            )
        )
