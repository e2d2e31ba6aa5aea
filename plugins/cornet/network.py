"""CORnet-S after Kubilius et al. 2019 and Feather et al. 2023, Supplementary Modeling Note 2.

Parameters carry the names of the published checkpoint.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn.functional import conv2d, relu

CLASSES = 1000
BOTTLENECK_SCALE = 4


class Area(nn.Module):
    """An area of the ventral stream: one bottleneck, passed through ``times`` times.

    Convolutions are shared over time steps, batch norms are not. The first step halves the
    resolution, in the second convolution and in the skip connection, whose own convolution and
    norm serve that step alone.
    """

    def __init__(self, in_channels: int, channels: int, times: int) -> None:
        super().__init__()
        self.times = times
        inner = channels * BOTTLENECK_SCALE
        self.conv_input = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.skip = nn.Conv2d(channels, channels, 1, stride=2, bias=False)
        self.norm_skip = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=2, padding=1, bias=False)
        self.conv3 = nn.Conv2d(inner, channels, 1, bias=False)
        for step in range(times):
            self.add_module(f"norm1_{step}", nn.BatchNorm2d(inner))
            self.add_module(f"norm2_{step}", nn.BatchNorm2d(inner))
            self.add_module(f"norm3_{step}", nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_input(x)
        for step in range(self.times):
            first = step == 0
            skip = self.norm_skip(self.skip(x)) if first else x
            x = relu(self._norm(1, step, self.conv1(x)))
            x = conv2d(x, self.conv2.weight, stride=2 if first else 1, padding=1)
            x = relu(self._norm(2, step, x))
            x = relu(self._norm(3, step, self.conv3(x)) + skip)
        return x

    def _norm(self, layer: int, step: int, x: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.get_submodule(f"norm{layer}_{step}")(x)
        return normed


def cornet_s() -> nn.Module:
    """Return an untrained CORnet-S: V1, V2 (2 steps), V4 (4 steps), IT (2 steps), decoder."""
    v1 = OrderedDict(
        conv1=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
        norm1=nn.BatchNorm2d(64),
        nonlin1=nn.ReLU(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
        conv2=nn.Conv2d(64, 64, 3, padding=1, bias=False),
        norm2=nn.BatchNorm2d(64),
        nonlin2=nn.ReLU(),
    )
    decoder = OrderedDict(
        avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), linear=nn.Linear(512, CLASSES)
    )
    network = nn.Sequential(
        OrderedDict(
            V1=nn.Sequential(v1),
            V2=Area(64, 128, times=2),
            V4=Area(128, 256, times=4),
            IT=Area(256, 512, times=2),
            decoder=nn.Sequential(decoder),
        )
    )
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
