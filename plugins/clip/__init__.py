"""The visual encoders of CLIP (ResNet-50, ViT-B/32; OpenAI's weights) from open_clip.

They answer in ImageNet's classes by a zero-shot head: the mean embedding of 80 sentences a class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bench

INPUT = bench.ImageInput(
    size_px=224,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
)
# Feather et al. 2023, supplement: no metamers could be made from the zero-shot classifier.
FINAL = bench.Stage("", synthesis=False)
RESNET = {
    "stem": "visual.avgpool",
    "layer1": "visual.layer1",
    "layer2": "visual.layer2",
    "layer3": "visual.layer3",
    "layer4": "visual.layer4",
    "attnpool": "visual.attnpool",
    "final": FINAL,
}
TRANSFORMER = {
    "conv1": "visual.conv1",
    "class_embedding_cat": "class_embedding_cat",
    "ln_pre": "visual.ln_pre",
    "block_0": "visual.transformer.resblocks.0",
    "block_3": "visual.transformer.resblocks.3",
    "block_6": "visual.transformer.resblocks.6",
    "block_9": "visual.transformer.resblocks.9",
    "blocks_end": "visual.transformer.resblocks.11",
    "linear_end": "linear_end",
    "final": FINAL,
}


def builder(architecture: str) -> Callable[[str | None], Any]:
    """Return what builds the encoder with a head of random directions."""

    def build(weights: str | None) -> Any:
        from bench_plugins.clip.networks import untrained

        return untrained(architecture)

    return build


def with_head(architecture: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what makes a whole CLIP checkpoint into the encoder and its zero-shot head."""

    def adapt(state: dict[str, Any]) -> dict[str, Any]:
        from bench_plugins.clip.zero_shot import encoder_and_head

        return encoder_and_head(architecture, state)

    return adapt


def spec(
    model_id: str,
    architecture: str,
    stages: Mapping[str, str | bench.Stage],
    repository: str,
    accuracy: float,
    parameters: int,
) -> bench.ModelSpec:
    """Describe one encoder; ``accuracy`` is top-1 in Feather et al. 2023, Suppl. Table 3."""
    return bench.ModelSpec(
        id=model_id,
        family="clip",
        build=builder(architecture),
        input=INPUT,
        labels="imagenet1k",
        stages=stages,
        weights={
            "default": bench.Weights(
                url=f"https://huggingface.co/{repository}/resolve/main/open_clip_model.safetensors",
                adapt=with_head(architecture),
            )
        },
        requires={"open_clip": "metamer-bench[clip]"},
        accuracy=accuracy,
        parameters=parameters,
        training="image-text contrastive",
        reference="Radford et al. 2021",
        license="MIT",
    )


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register both encoders of Feather et al. 2023."""
    register(
        spec(
            "CLIP_resnet50",
            "RN50-quickgelu",
            RESNET,
            "timm/resnet50_clip.openai",
            accuracy=0.59822,
            parameters=38_316_897,
        )
    )
    register(
        spec(
            "CLIP_ViT-B_32",
            "ViT-B-32-quickgelu",
            TRANSFORMER,
            "timm/vit_base_patch32_clip_224.openai",
            accuracy=0.6336,
            parameters=87_849_217,
        )
    )
