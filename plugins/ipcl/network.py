"""AlexNet with group norms and no biases in its convolutions, as open_ipcl publishes it.

Pools stand after their block instead of inside it, so that a block ends with its ReLU as in
Feather et al. 2023; pools have no parameters, so that the published names still hold.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

CLASSES = 1000
GROUPS = 32


def _block(in_channels: int, channels: int, kernel: int, stride: int, padding: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel, stride, padding, bias=False),
        nn.GroupNorm(GROUPS, channels),
        nn.ReLU(),
    )


def _dense(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU())


class AlexNetGN(nn.Module):
    """The network.

    Parameters
    ----------
    readout
        Name of the last layer: ``fc8`` of a supervised network, or ``classifier`` for a linear
        readout of fc7 trained afterwards.
    """

    def __init__(self, readout: Literal["fc8", "classifier"]) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, 2)
        self.conv_block_1 = _block(3, 96, 11, 4, 2)
        self.conv_block_2 = _block(96, 256, 5, 1, 2)
        self.conv_block_3 = _block(256, 384, 3, 1, 1)
        self.conv_block_4 = _block(384, 384, 3, 1, 1)
        self.conv_block_5 = _block(384, 256, 3, 1, 1)
        self.ave_pool = nn.AdaptiveAvgPool2d((6, 6))
        self.fc6 = _dense(256 * 6 * 6, 4096)
        self.fc7 = _dense(4096, 4096)
        last = nn.Linear(4096, CLASSES)
        self.readout = readout
        self.add_module(readout, nn.Sequential(last) if readout == "fc8" else last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.conv_block_1(x))
        x = self.pool(self.conv_block_2(x))
        x = self.conv_block_5(self.conv_block_4(self.conv_block_3(x)))
        x = self.ave_pool(self.pool(x)).flatten(1)
        x = self.fc7(self.fc6(x))
        logits: torch.Tensor = self.get_submodule(self.readout)(x)
        return logits
