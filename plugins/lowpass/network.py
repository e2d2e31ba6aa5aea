"""AlexNet without strides that alias: Hann-weighted pools in place of strides and max pools."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.functional import conv2d

CLASSES = 1000


class HannPool2d(nn.Module):
    """Weighted average under a Hann window, which sums to 1; borders are padded with zeros.

    Parameters
    ----------
    window_px
        Width of the Hann window; its two zeros at the ends are left out.
    stride, padding
        As in a convolution.
    """

    hann_window2d: torch.Tensor

    def __init__(self, window_px: int, stride: int, padding: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        row = np.hanning(window_px)[1:-1]
        window = np.outer(row, row) / row.sum() ** 2
        # A buffer of this name and shape is in the published checkpoint.
        self.register_buffer("hann_window2d", torch.tensor(window, dtype=torch.float32)[None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels = x.shape[1]
        kernel = self.hann_window2d.expand(channels, 1, -1, -1)
        return conv2d(x, kernel, stride=self.stride, padding=self.padding, groups=channels)


class LowpassAlexNet(nn.Module):
    """Feather et al. 2023, Supplementary Modeling Note 2; layers numbered as in AlexNet."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(3, 64, 11, padding=5), nn.ReLU(), HannPool2d(17, stride=4, padding=5)
            ),
            nn.ReLU(),
            HannPool2d(9, stride=2, padding=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            HannPool2d(9, stride=2, padding=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            HannPool2d(9, stride=2, padding=2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, CLASSES),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return logits
