"""The normalised Laplacian pyramid distance (Laparra, Balle, Berardino and Simoncelli 2016)."""

from __future__ import annotations

import torch
from torch.nn.functional import conv2d, conv_transpose2d, pad

from bench.proxies.comparing import Distance

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
LOWPASS = (0.05, 0.25, 0.4, 0.25, 0.05)
# Fitted by the authors to natural images, a band each, the finest first: the weights of the
# neighbours (above, left, right, below) in the local amplitude, and the constant added to it.
NEIGHBOURS = (
    (0.1011, 0.1493, 0.1460, 0.1015),
    (0.0757, 0.1986, 0.1846, 0.0837),
    (0.0477, 0.2138, 0.2243, 0.0467),
    (0.0, 0.2503, 0.2616, 0.0),
    (0.0, 0.2598, 0.2552, 0.0),
    (0.0, 0.2215, 0.0717, 0.0),
)
CONSTANTS = (0.0248, 0.0185, 0.0179, 0.0191, 0.0220, 0.2782)
SMALLEST_SIDE_PX = 5  # the low-pass filter's


def nlpd(device: torch.device) -> Distance:
    """Return the mean over bands of the root mean squared difference of normalised responses.

    Colours are made grey first; borders are repeated outwards. Images too small for all six bands
    (under 65 px) have fewer, the last always being what low-pass filtering leaves.
    """

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        bands = zip(normalised(grey(a.to(device))), normalised(grey(b.to(device))), strict=True)
        # A norm whose gradient at 0 is 0, not NaN.
        apart = [
            torch.linalg.vector_norm(x - y, dim=(1, 2, 3)) / x[0].numel() ** 0.5 for x, y in bands
        ]
        return torch.stack(apart).mean(dim=0)

    return distance


def grey(images: torch.Tensor) -> torch.Tensor:
    """Return the luma of images ``(N, 3, H, W)``, ``(N, 1, H, W)``."""
    weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device)
    return torch.einsum("c,nchw->nhw", weights, images)[:, None]


def normalised(images: torch.Tensor) -> list[torch.Tensor]:
    """Return the bands of grey images ``(N, 1, H, W)``, each over its local amplitude."""
    bands = laplacian_pyramid(images)
    last = len(CONSTANTS) - 1
    return [_normalise(band, i if i < len(bands) - 1 else last) for i, band in enumerate(bands)]


def laplacian_pyramid(images: torch.Tensor) -> list[torch.Tensor]:
    """Return a Laplacian pyramid (Burt and Adelson 1983) of up to six bands."""
    row = torch.tensor(LOWPASS, dtype=images.dtype, device=images.device)
    kernel = torch.outer(row, row)[None, None]
    bands: list[torch.Tensor] = []
    while len(bands) < len(CONSTANTS) - 1 and min(images.shape[-2:]) >= SMALLEST_SIDE_PX:
        low = conv2d(pad(images, (2, 2, 2, 2), mode="replicate"), kernel, stride=2)
        wide = conv_transpose2d(pad(low, (1, 1, 1, 1), mode="replicate"), 4 * kernel, stride=2)
        height, width = images.shape[-2:]
        bands.append(images - wide[..., 4 : 4 + height, 4 : 4 + width])
        images = low
    return [*bands, images]


def _normalise(band: torch.Tensor, fitted: int) -> torch.Tensor:
    above, left, right, below = NEIGHBOURS[fitted]
    kernel = band.new_tensor([[0, above, 0], [left, 0, right], [0, below, 0]])[None, None]
    amplitude = conv2d(pad(band.abs(), (1, 1, 1, 1), mode="replicate"), kernel)
    return band / (CONSTANTS[fitted] + amplitude)
