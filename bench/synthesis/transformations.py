"""Random transformations that a match must survive (Nanda et al. 2023, A.4)."""

from __future__ import annotations

from math import pi

import torch
from torch.nn.functional import affine_grid, grid_sample

from bench.models.door import LUMA
from bench.synthesis.noise import generator_for
from bench.synthesis.parts import Transforms

CHUNK = 100  # steps that are drawn at once, each chunk from a generator of its own
AMOUNTS = 7  # brightness, contrast, saturation, scale, angle, shift right, shift down
GREY = 0.5  # what lies outside of the image


def draw_amounts(seed: int, stimulus_id: str, chunk: int) -> torch.Tensor:
    """Return one stimulus' draws for a chunk of steps, uniform in [-1, 1], ``(CHUNK, AMOUNTS)``."""
    generator = generator_for(seed, stimulus_id, f"transforms {chunk}")
    return torch.rand(CHUNK, AMOUNTS, generator=generator) * 2 - 1


def transform(x: torch.Tensor, amounts: torch.Tensor, most: Transforms) -> torch.Tensor:
    """Jitter the colours of images, then scale, turn and move them about their centres.

    Parameters
    ----------
    x
        Images ``(N, C, H, W)`` in [0, 1].
    amounts
        ``(N, AMOUNTS)`` in [-1, 1], as shares of what ``most`` allows.
    """
    brightness, contrast, saturation, scale, angle, right, down = amounts.to(x).unbind(dim=1)
    x = _colours(x, 1 + most.brightness * brightness, 1 + most.contrast * contrast,
                 1 + most.saturation * saturation)  # fmt: skip
    theta = angle * (most.degrees * pi / 180)
    zoom = 1 / (1 + most.scale * scale)
    height, width = x.shape[-2:]
    cos, sin = theta.cos() * zoom, theta.sin() * zoom
    matrix = torch.stack(
        [
            torch.stack([cos, -sin * height / width, right * (2 * most.shift_px / width)], dim=1),
            torch.stack([sin * width / height, cos, down * (2 * most.shift_px / height)], dim=1),
        ],
        dim=1,
    )
    grid = affine_grid(matrix, list(x.shape), align_corners=False)
    return grid_sample(x - GREY, grid, mode="bilinear", align_corners=False) + GREY


def _colours(
    x: torch.Tensor, brightness: torch.Tensor, contrast: torch.Tensor, saturation: torch.Tensor
) -> torch.Tensor:
    """Multiply brightness, contrast about the mean grey, and saturation about each pixel's grey."""
    b, c, s = (factor.view(-1, 1, 1, 1) for factor in (brightness, contrast, saturation))
    x = x * b
    mean = _grey(x).mean(dim=(1, 2, 3), keepdim=True)
    x = mean + c * (x - mean)
    grey = _grey(x)
    return grey + s * (x - grey)


def _grey(x: torch.Tensor) -> torch.Tensor:
    if x.shape[1] != 3:
        return x
    luma = torch.tensor(LUMA, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)
    return (x * luma).sum(dim=1, keepdim=True)
