"""CochResNet50 as a network: torchvision's ResNet-50 with one input channel on a cochleagram."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet

from bench.hearing import Cochleagram

CLASSES = 794


class CochResNet50(ResNet):
    """Sounds ``(N, 40000)`` at 20 kHz to logits ``(N, 794)``."""

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3], num_classes=CLASSES)
        self.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.cochleagram = Cochleagram()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(self.cochleagram(x))
