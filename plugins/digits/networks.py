"""The trained networks of the family: one convolutional net, its variants, and a small ViT.

All of them take scenes that the model's door has normalised to (x - 0.5) / 0.25.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench_plugins.digits.gabor import GaborFrontEnd
from bench_plugins.digits.hmax import Hmax

CLASSES = 10
CHANNELS = (24, 32, 48, 80)
HANN_SIZE = 5  # with np.hanning's zero ends cut off, a window of 3 px, one more than the stride


def conv_block(inputs: int, outputs: int, kernel: int, norm: bool = True) -> nn.Sequential:
    """Return convolution, batch norm (if ``norm``) and ReLU; the ReLU's output is the stage."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["conv"] = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=not norm)
    if norm:
        layers["norm"] = nn.BatchNorm2d(outputs)
    layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)


class HannPool(nn.Module):
    """Average over a Hann window, which halves the size without aliasing.

    The window is the outer product of ``np.hanning(size)`` without its zero ends, normalised to
    sum 1; zeros pad the borders (Feather et al. 2023, LowpassAlexNet).
    """

    window: Tensor

    def __init__(self, size: int = HANN_SIZE, stride: int = 2) -> None:
        super().__init__()
        self.stride = stride
        ramp = torch.from_numpy(np.hanning(size)[1:-1]).float()
        window = torch.outer(ramp, ramp)
        self.register_buffer("window", (window / window.sum())[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.window.expand(channels, -1, -1, -1)
        padding = self.window.shape[-1] // 2
        return F.conv2d(x, kernel, stride=self.stride, padding=padding, groups=channels)


class ConvNet(nn.Module):
    """Four convolutions with pooling between them, global average pooling, a linear readout.

    Parameters
    ----------
    front
        Takes the place of the first convolution and the pooling after it; gives
        ``front_channels`` channels at half the size.
    pool
        Makes the layer that halves the size after each of the first three convolutions.
    """

    def __init__(
        self,
        front: nn.Module | None = None,
        front_channels: int = CHANNELS[0],
        pool: Callable[[], nn.Module] = lambda: nn.MaxPool2d(2),
    ) -> None:
        super().__init__()
        second, third, fourth = CHANNELS[1:]
        self.conv1 = conv_block(3, CHANNELS[0], 5, norm=False) if front is None else front
        self.pool1 = pool() if front is None else nn.Identity()
        self.conv2 = conv_block(front_channels, second, 3)
        self.pool2 = pool()
        self.conv3 = conv_block(second, third, 3)
        self.pool3 = pool()
        self.conv4 = conv_block(third, fourth, 3)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.logits = nn.Linear(fourth, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """Return what the readout sees, ``(N, 80)``."""
        x = self.pool1(self.conv1(x))
        x = self.pool2(self.conv2(x))
        x = self.pool3(self.conv3(x))
        return self.pool(self.conv4(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.features(x))


def standard() -> nn.Module:
    """Return the plain network, 58,000 parameters, with max pooling."""
    return ConvNet()


def lowpass() -> nn.Module:
    """Return the network with Hann pooling instead of max pooling."""
    return ConvNet(pool=HannPool)


def gabor() -> nn.Module:
    """Return the network whose first convolution is a fixed Gabor front end."""
    front = GaborFrontEnd()
    return ConvNet(front=front, front_channels=front.channels)


def vit() -> nn.Module:
    """Return a ViT of 4 blocks on 64 tokens, averaged before the readout.

    A token stands for 4 px; two strided convolutions make it (Xiao et al. 2021). Cut into bare
    patches the same ViT reached an accuracy of .71 with this much training.
    """
    from timm.models.vision_transformer import VisionTransformer

    width = 64
    network = VisionTransformer(
        img_size=32,
        patch_size=4,
        embed_dim=width,
        depth=4,
        num_heads=4,
        mlp_ratio=2,
        num_classes=CLASSES,
        class_token=False,
        global_pool="avg",
    )
    network.patch_embed.proj = nn.Sequential(
        nn.Conv2d(3, width // 2, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width // 2),
        nn.ReLU(),
        nn.Conv2d(width // 2, width, 3, stride=2, padding=1),
    )
    return network


def hmax() -> nn.Module:
    """Return the hand-made features, see `bench_plugins.digits.hmax.Hmax`."""
    return Hmax()
