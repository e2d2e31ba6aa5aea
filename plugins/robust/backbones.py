"""AlexNet and ResNet-50 as Feather et al. 2023 opened them, for every training that they compared.

Published checkpoints carry torchvision's parameter names behind the prefixes of the robustness
library (https://github.com/MadryLab/robustness), which keeps the attacked copy and the
normalisation beside the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bench

if TYPE_CHECKING:
    from torch import nn

# https://github.com/jenellefeather/model_metamers_pytorch, download_large_files.py: about 5.5 GB.
ARCHIVE = (
    "https://mcdermottlab.mit.edu/jfeather/model_metamers_assets/"
    "pytorch_metamers_visual_model_checkpoints.tar"
)
PREFIXES = ("module.model.", "model.module.", "module.", "model.")
IMAGENET = bench.ImageInput(size_px=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
REFERENCE = "Feather et al. 2023"
ALEXNET_PARAMETERS = 61_100_840
RESNET50_PARAMETERS = 25_557_032

# Names and order: Feather et al. 2023, Supplementary Modeling Note 2.
ALEXNET_STAGES = {
    "relu0": "features.1",
    "relu1": "features.4",
    "relu2": "features.7",
    "relu3": "features.9",
    "relu4": "features.11",
    "fc0_relu": "classifier.2",
    "fc1_relu": "classifier.5",
    "final": "",
}
RESNET50_STAGES = {
    "conv1_relu1": "relu",
    "layer1": "layer1",
    "layer2": "layer2",
    "layer3": "layer3",
    "layer4": "layer4",
    "avgpool": "avgpool",
    "final": "",
}


def authors(member: str) -> bench.Weights:
    """Return the weights that the authors of the paper publish in their archive of checkpoints."""
    return bench.Weights(archive=ARCHIVE, member=member, prefix=PREFIXES)


def alexnet(weights: str | None) -> nn.Module:
    """Build an untrained AlexNet."""
    import torchvision

    return torchvision.models.alexnet(weights=None)


def resnet50(weights: str | None) -> nn.Module:
    """Build an untrained ResNet-50."""
    import torchvision

    return torchvision.models.resnet50(weights=None)
