"""The vision transformer ViT-L/16, pretrained on ImageNet-21k, from timm."""

from __future__ import annotations

from typing import Any

import bench
from bench_plugins.robust.backbones import PREFIXES

DEPTH = 24
# Blocks from which Feather et al. 2023 made metamers; the others are measured only.
PAPER_BLOCKS = (0, 6, 12, 18)
STAGES = {
    "patch_embed": "patch_embed",
    "pos_embed": "pos_drop",  # a dropout, so the identity here: tokens with their positions
    **{
        f"block_{k}": bench.Stage(f"blocks.{k}", synthesis=k in PAPER_BLOCKS)
        for k in range(DEPTH - 1)
    },
    "blocks_end": f"blocks.{DEPTH - 1}",
    "final": "",
}


def build(weights: str | None) -> Any:
    """Build timm's network."""
    import timm

    return timm.create_model("vit_large_patch16_224", pretrained=False)


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register the transformer of Feather et al. 2023 (supplement: timm's checkpoint)."""
    register(
        bench.ModelSpec(
            id="vision_transformer_vit_large_patch16_224",
            family="vit",
            build=build,
            # The normalisation of Feather et al. 2023; timm's own default for these weights is 0.5.
            input=bench.ImageInput(
                size_px=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
            ),
            labels="imagenet1k",
            stages=STAGES,
            weights={
                "default": bench.Weights(
                    url="https://huggingface.co/timm/vit_large_patch16_224.augreg_in21k_ft_in1k"
                    "/resolve/main/model.safetensors",
                    prefix=PREFIXES,
                )
            },
            accuracy=0.84374,
            parameters=304_326_632,
            training="ImageNet-21k pretraining",
            reference="Steiner et al. 2022",
            license="Apache-2.0",
        )
    )
