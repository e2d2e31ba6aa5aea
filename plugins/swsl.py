"""ResNets pretrained on 940 million hashtagged photographs (semi-weak supervision), from timm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bench
from bench_plugins.robust.backbones import PREFIXES

INPUT = bench.ImageInput(size_px=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
SOURCE = "https://dl.fbaipublicfiles.com/semiweaksupervision/model_files/"
BLOCKS = {
    "conv1_relu1": "act1",
    "layer1": "layer1",
    "layer2": "layer2",
    "layer3": "layer3",
    "layer4": "layer4",
}
POOL = "global_pool.pool"  # before timm flattens it: (2048, 1, 1), as in the paper's table


def builder(name: str) -> Callable[[str | None], Any]:
    """Return what builds timm's network of this name."""

    def build(weights: str | None) -> Any:
        import timm

        return timm.create_model(name, pretrained=False)

    return build


def spec(
    model_id: str, name: str, pool: str, file: str, accuracy: float, parameters: int
) -> bench.ModelSpec:
    """Describe one network; ``accuracy`` is top-1 in Feather et al. 2023, Supplementary Table 3."""
    return bench.ModelSpec(
        id=model_id,
        family="swsl",
        build=builder(name),
        input=INPUT,
        labels="imagenet1k",
        stages={**BLOCKS, pool: POOL, "final": ""},
        # The publisher's file names end in the first digits of the SHA-256, as torch.hub has it.
        weights={
            "default": bench.Weights(
                url=SOURCE + file,
                sha256=file.removesuffix(".pth")[-8:],
                prefix=PREFIXES,
            )
        },
        accuracy=accuracy,
        parameters=parameters,
        training="semi-weakly supervised",
        reference="Yalniz et al. 2019",
        license="CC-BY-NC-4.0",
    )


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register both networks of Feather et al. 2023."""
    register(
        spec(
            "SWSL_resnet50",
            "resnet50",
            "avgpool",
            file="semi_weakly_supervised_resnet50-16a12f1b.pth",
            accuracy=0.8118,
            parameters=25_557_032,
        )
    )
    register(
        spec(
            "SWSL_resnext101_32x8d",
            "resnext101_32x8d",
            "globalpool",
            file="semi_weakly_supervised_resnext101_32x8-b4712904.pth",
            accuracy=0.84294,
            parameters=88_791_336,
        )
    )
