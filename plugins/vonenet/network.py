"""VOneAlexNet with fixed Gaussian noise, under the names of the published checkpoint.

Random numbers are drawn in the order of the published code (colours, weights, noise), so that
torch's seed 0 gives the noise that the paper's metamers were made with.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import nn
from torch.nn.functional import conv2d, relu

from bench_plugins.vonenet.gabors import draw_gabors, gabor_kernels

CLASSES = 1000
IMAGE_PX = 224
IMAGE_DEG = 8
SIMPLE = 256
COMPLEX = 256
KERNEL_PX = 25
STRIDE = 4
GAIN = 25.0
NOISE_STD = 4.0
# Keeps the gradient of the square root finite.
ENERGY_OFFSET = 1e-5


class GaborBank(nn.Module):
    """Fixed filters, each on one randomly drawn colour channel."""

    def __init__(self, kernels: np.ndarray) -> None:
        super().__init__()
        n, size, _ = kernels.shape
        colour = torch.randint(0, 3, (n,))
        weight = torch.zeros(n, 3, size, size)
        weight[torch.arange(n), colour] = torch.from_numpy(kernels).float()
        self.weight = nn.Parameter(weight, requires_grad=False)


class VOneBlock(nn.Module):
    """Simple cells (half-rectified), complex cells (energy of a quadrature pair), noise, ReLU.

    Images ``(N, 3, 224, 224)`` to responses ``(N, 512, 56, 56)``. The noise is one fixed draw,
    the same for every image.
    """

    noise: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        gabors = draw_gabors(SIMPLE + COMPLEX, IMAGE_PX / IMAGE_DEG)
        self.simple_conv_q0 = GaborBank(gabor_kernels(gabors, KERNEL_PX))
        self.simple_conv_q1 = GaborBank(gabor_kernels(gabors, KERNEL_PX, phase_shift=np.pi / 2))

    def draw_noise(self) -> None:
        """Draw the noise that every image will meet."""
        side = IMAGE_PX // STRIDE
        noise = NOISE_STD * torch.randn(1, SIMPLE + COMPLEX, side, side)
        self.register_buffer("noise", noise, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        even = self._filter(x, self.simple_conv_q0.weight)
        odd = self._filter(x, self.simple_conv_q1.weight[SIMPLE:])
        simple = relu(even[:, :SIMPLE])
        energy = even[:, SIMPLE:] ** 2 + odd**2
        complex_ = torch.sqrt(ENERGY_OFFSET + energy) / np.sqrt(2)
        return relu(GAIN * torch.cat([simple, complex_], dim=1) + self.noise)

    def _filter(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return conv2d(x, weight, stride=STRIDE, padding=KERNEL_PX // 2)


class AlexNetBackEnd(nn.Module):
    """AlexNet from its second convolution on."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(64, 192, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Linear(4096, CLASSES),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return logits


def vone_alexnet() -> nn.Module:
    """Return an untrained VOneAlexNet."""
    front = VOneBlock()
    bottleneck = nn.Conv2d(SIMPLE + COMPLEX, 64, 1, bias=False)
    nn.init.kaiming_normal_(bottleneck.weight, mode="fan_out", nonlinearity="relu")
    back = AlexNetBackEnd()
    front.draw_noise()
    return nn.Sequential(OrderedDict(vone_block=front, bottleneck=bottleneck, model=back))
