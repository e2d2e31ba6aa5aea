"""AlexNet, VGG-19, ResNet-50 and ResNet-101, trained on ImageNet, from torchvision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import bench

INPUT = bench.ImageInput(size_px=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
SOURCE = "https://download.pytorch.org/models/"
# Checkpoints of Feather et al. 2023 carry the prefixes of the robustness library.
PREFIXES = ("module.model.", "module.")
# Stages of Feather et al. 2023, Supplementary Modeling Note 2.
ALEXNET = {
    "relu0": "features.1",
    "relu1": "features.4",
    "relu2": "features.7",
    "relu3": "features.9",
    "relu4": "features.11",
    "fc0_relu": "classifier.2",
    "fc1_relu": "classifier.5",
    "final": "",
}
VGG_19 = {
    "conv_relu_0_1": "features.3",
    "conv_relu_1_1": "features.8",
    "conv_relu_2_3": "features.17",
    "conv_relu_3_3": "features.26",
    "conv_relu_4_3": "features.35",
    "avgpool": "avgpool",
    "fc_relu_0": "classifier.1",
    "fc_relu_1": "classifier.4",
    "final": "",
}
RESNET = {
    "conv1_relu1": "relu",
    "layer1": "layer1",
    "layer2": "layer2",
    "layer3": "layer3",
    "layer4": "layer4",
    "avgpool": "avgpool",
    "final": "",
}


def builder(name: str) -> Callable[[str | None], Any]:
    """Return what builds torchvision's network of this name."""

    def build(weights: str | None) -> Any:
        from torchvision.models import get_model

        return get_model(name, weights=None)

    return build


def spec(
    model_id: str,
    name: str,
    stages: Mapping[str, str],
    *,
    file: str,
    sha256: str,
    accuracy: float,
    parameters: int,
    reference: str,
) -> bench.ModelSpec:
    """Describe one network; ``accuracy`` is top-1 in Feather et al. 2023, Supplementary Table 3."""
    return bench.ModelSpec(
        id=model_id,
        family="torchvision",
        build=builder(name),
        input=INPUT,
        labels="imagenet1k",
        stages=stages,
        weights={"default": bench.Weights(url=SOURCE + file, sha256=sha256, prefix=PREFIXES)},
        accuracy=accuracy,
        parameters=parameters,
        reference=reference,
        license="BSD-3-Clause",
    )


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register the four standard supervised networks of the papers."""
    register(
        spec(
            "alexnet",
            "alexnet",
            ALEXNET,
            file="alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            accuracy=0.56518,
            parameters=61_100_840,
            reference="Krizhevsky et al. 2012",
        )
    )
    register(
        spec(
            "vgg_19",
            "vgg19",
            VGG_19,
            file="vgg19-dcbb9e9d.pth",
            sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            accuracy=0.72376,
            parameters=143_667_240,
            reference="Simonyan & Zisserman 2014",
        )
    )
    register(
        spec(
            "resnet50",
            "resnet50",
            RESNET,
            file="resnet50-0676ba61.pth",
            sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
            accuracy=0.7613,
            parameters=25_557_032,
            reference="He et al. 2016",
        )
    )
    register(
        spec(
            "resnet101",
            "resnet101",
            RESNET,
            file="resnet101-63fe2227.pth",
            sha256="63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a",
            accuracy=0.77374,
            parameters=44_549_160,
            reference="He et al. 2016",
        )
    )
