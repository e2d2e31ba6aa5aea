"""Networks trained on Stylized ImageNet (Geirhos et al. 2019): shape instead of texture."""

from __future__ import annotations

from typing import Any

import bench
from bench_plugins.robust.backbones import (
    ALEXNET_PARAMETERS,
    ALEXNET_STAGES,
    IMAGENET,
    RESNET50_PARAMETERS,
    RESNET50_STAGES,
    alexnet,
    resnet50,
)

PUBLISHED = "https://bitbucket.org/robert_geirhos/texture-vs-shape-pretrained-models/raw"
MIRROR = "https://s3.us-east-1.wasabisys.com/visionlab-models/rgeirhos_stylized_imagenet"


def without_parallel(state: dict[str, Any]) -> dict[str, Any]:
    """Drop ``module.`` wherever data parallelism put it: AlexNet's features only, or in front."""
    return {name.replace("module.", ""): value for name, value in state.items()}


def _weights(commit: str, file: str) -> bench.Weights:
    return bench.Weights(
        url=f"{PUBLISHED}/{commit}/{file}",
        sha256=file.removesuffix(".pth.tar")[-8:],  # torch.hub's convention for names
        mirrors=(f"{MIRROR}/{file}",),
        prefix=("module.model.",),
        adapt=without_parallel,
    )


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register AlexNet and ResNet-50, each trained on Stylized ImageNet alone."""
    shared: dict[str, Any] = {
        "family": "stylized",
        "input": IMAGENET,
        "labels": "imagenet1k",
        "reference": "Geirhos et al. 2019, ICLR",
        "license": "MIT",
        "training": "Stylized ImageNet",
    }
    register(
        bench.ModelSpec(
            id="texture_shape_alexnet_trained_on_SIN",
            build=alexnet,
            stages=ALEXNET_STAGES,
            weights={
                "default": _weights(
                    "0008049cd10f74a944c6d5e90d4639927f8620ae",
                    "alexnet_train_60_epochs_lr0.001-b4aa5238.pth.tar",
                )
            },
            accuracy=0.40012,
            parameters=ALEXNET_PARAMETERS,
            **shared,
        )
    )
    register(
        bench.ModelSpec(
            id="texture_shape_resnet50_trained_on_SIN",
            build=resnet50,
            stages=RESNET50_STAGES,
            weights={
                "default": _weights(
                    "6f41d2e86fc60566f78de64ecff35cc61eb6436f",
                    "resnet50_train_60_epochs-c8e5653e.pth.tar",
                )
            },
            accuracy=0.60184,
            parameters=RESNET50_PARAMETERS,
            **shared,
        )
    )
