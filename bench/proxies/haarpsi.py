"""HaarPSI, a perceptual distance without learned weights (Reisenhofer et al. 2018, through piq)."""

from __future__ import annotations

import torch

from bench.proxies.comparing import Distance

SMALLEST_SIDE_PX = 64


def haarpsi(device: torch.device) -> Distance:
    """Return 1 - HaarPSI, 0 to 1.

    Images with a side under 64 px are enlarged bilinearly to 64 px first: HaarPSI compares
    three dyadic scales after halving the image, which 32 px do not hold.
    """
    import piq

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        x, y = _enlarged(a.to(device)), _enlarged(b.to(device))
        values = piq.haarpsi(x, y, data_range=1.0, reduction="none")
        return 1 - torch.as_tensor(values)

    return distance


def _enlarged(x: torch.Tensor) -> torch.Tensor:
    factor = SMALLEST_SIDE_PX / min(x.shape[-2:])
    if factor <= 1:
        return x
    return torch.nn.functional.interpolate(
        x, scale_factor=factor, mode="bilinear", align_corners=False
    ).clamp(0, 1)
