"""A model's door: from a stimulus that all can be shown to what the network was fed with."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import interpolate

from bench.errors import BenchError
from bench.spec import AudioInput, ImageInput

# ITU-R BT.601 luma, as Pillow's conversion to "L" has it.
LUMA = (0.299, 0.587, 0.114)


class ImageDoor(nn.Module):
    """Resize, grey, scale and normalise images ``(N, C, H, W)`` in [0, 1]."""

    mean: torch.Tensor
    std: torch.Tensor
    luma: torch.Tensor

    def __init__(self, spec: ImageInput) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise BenchError(
                f"images of shape {tuple(x.shape)} cannot enter a model", fix="want (N, 3, H, W)"
            )
        x = resized(x, (self.spec.size_px, self.spec.size_px), self.spec.interpolation)
        if self.spec.grey and x.shape[1] == 3:
            x = (x * self.luma).sum(dim=1, keepdim=True)
        elif not self.spec.grey and x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        if self.spec.scale != 1:
            x = x * self.spec.scale
        return (x - self.mean) / self.std


class AudioDoor(nn.Module):
    """Check that sounds ``(N, samples)`` have the model's length; they enter as they are."""

    def __init__(self, spec: AudioInput) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 2 or x.shape[1] != self.spec.samples:
            raise BenchError(
                f"sounds of shape {tuple(x.shape)} cannot enter a model",
                fix=f"want (N, {self.spec.samples}) at {self.spec.rate_hz} Hz",
            )
        return x


def resized(x: torch.Tensor, size: tuple[int, int], interpolation: str) -> torch.Tensor:
    """Return images ``(N, C, H, W)`` in [0, 1] at another height and width."""
    if tuple(x.shape[-2:]) == size:
        return x
    x = interpolate(x, size=size, mode=interpolation, antialias=True)
    # Bicubic weights overshoot; a clamp's own gradient would be 0 there and at the bounds.
    return x + (x.clamp(0, 1) - x).detach()


def grey_view(spec: ImageInput, x: torch.Tensor) -> torch.Tensor:
    """Return what a network that works on grey images sees of ``x``.

    ``(N, 1, size_px, size_px)`` in [0, 1]: metamers of such a network are grey (Feather et al.
    2023, Supplementary Table 5, of HMAX), so this is where their pixels are.
    """
    x = resized(x, (spec.size_px, spec.size_px), spec.interpolation)
    return x if x.shape[1] == 1 else (x * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def door_for(spec: ImageInput | AudioInput) -> nn.Module:
    """Return the module that stands before a network with this input."""
    return ImageDoor(spec) if isinstance(spec, ImageInput) else AudioDoor(spec)


def stimulus_shape(spec: ImageInput | AudioInput) -> tuple[int, ...]:
    """Return the shape of one stimulus of the model's own size, as it stands before the door."""
    if isinstance(spec, ImageInput):
        return (3, spec.size_px, spec.size_px)
    return (spec.samples,)
