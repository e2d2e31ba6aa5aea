"""CochCNN9 as a network: from 2 s of sound to 794 logits.

Source: Feather et al. 2023, Supplementary Modeling Note 2, 'CochCNN9'. Names of parameters are
those of the authors' checkpoints.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import pad

from bench.hearing import Cochleagram

CLASSES = 794
Size = tuple[int, int]


class PadSame(nn.Module):
    """Pad maps ``(N, C, H, W)`` as TensorFlow's 'same' does, so that ceil(H / stride) rows result.

    An odd number of rows or columns has its larger half at the end.
    """

    def __init__(self, kernel: Size, stride: Size, value: float = 0.0) -> None:
        super().__init__()
        self.kernel, self.stride, self.value = kernel, stride, value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sides: list[int] = []
        for axis in (-1, -2):  # columns first, as `pad` wants them
            size, kernel, stride = x.shape[axis], self.kernel[axis], self.stride[axis]
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides += [missing // 2, missing - missing // 2]
        return pad(x, sides, value=self.value)


class Conv2dSame(nn.Conv2d):
    """A convolution without bias, padded with zeros by `PadSame`."""

    def __init__(self, inputs: int, outputs: int, kernel: Size, stride: Size) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=False)
        self.same = PadSame(kernel, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(self.same(x))


def max_pool(kernel: Size, stride: Size) -> nn.Module:
    """Return a maximum over windows; what was padded never is one."""
    return nn.Sequential(PadSame(kernel, stride, float("-inf")), nn.MaxPool2d(kernel, stride))


def average_pool(kernel: Size, stride: Size) -> nn.Module:
    """Return a mean over windows; zeros that were padded count."""
    return nn.Sequential(PadSame(kernel, stride), nn.AvgPool2d(kernel, stride))


class CochCNN9(nn.Module):
    """Sounds ``(N, 40000)`` at 20 kHz to logits ``(N, 794)``."""

    def __init__(self) -> None:
        super().__init__()
        self.cochleagram = Cochleagram()
        self.batchnorm0 = nn.BatchNorm2d(1)
        self.conv0 = Conv2dSame(1, 96, (7, 14), (3, 3))
        self.relu0 = nn.ReLU()
        self.maxpool0 = max_pool((2, 5), (2, 2))
        self.batchnorm1 = nn.BatchNorm2d(96)
        self.conv1 = Conv2dSame(96, 256, (4, 8), (2, 2))
        self.relu1 = nn.ReLU()
        self.maxpool1 = max_pool((2, 5), (2, 2))
        self.batchnorm2 = nn.BatchNorm2d(256)
        self.conv2 = Conv2dSame(256, 512, (2, 5), (1, 1))
        self.relu2 = nn.ReLU()
        self.conv3 = Conv2dSame(512, 1024, (2, 5), (1, 1))
        self.relu3 = nn.ReLU()
        self.conv4 = Conv2dSame(1024, 512, (2, 5), (1, 1))
        self.relu4 = nn.ReLU()
        self.avgpool = average_pool((2, 5), (2, 2))
        self.fullyconnected = nn.Linear(512 * 5 * 9, 4096)
        self.relufc = nn.ReLU()
        self.dropout = nn.Dropout()
        self.classification = nn.Linear(4096, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.batchnorm0(self.cochleagram(x))
        x = self.maxpool0(self.relu0(self.conv0(x)))
        x = self.maxpool1(self.relu1(self.conv1(self.batchnorm1(x))))
        x = self.relu2(self.conv2(self.batchnorm2(x)))
        x = self.relu4(self.conv4(self.relu3(self.conv3(x))))
        x = self.relufc(self.fullyconnected(self.avgpool(x).flatten(1)))
        logits: torch.Tensor = self.classification(self.dropout(x))
        return logits
