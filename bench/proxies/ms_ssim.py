"""Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003), as a distance."""

from __future__ import annotations

import torch

from bench.errors import BenchError
from bench.proxies.comparing import Distance

# Wang et al. 2003, section 3.2: exponents of the five scales, the finest first.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW_PX = 11  # Gaussian, sigma 1.5 px
SMALLEST = 1e-6  # powers of values below 0 do not exist, nor gradients of roots at 0


def ms_ssim(device: torch.device) -> Distance:
    """Return 1 - MS-SSIM, 0 to 1: each colour channel by itself, then their mean.

    Only scales whose smaller side holds the window count (from 176 px: all five; 32 px: two),
    their exponents rescaled to a sum of 1. Similarities below 1e-6 (contrasts may be negative)
    count as 1e-6.
    """
    import piq

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        x, y = (image.to(device).flatten(end_dim=1)[:, None] for image in (a, b))
        weights = _weights(min(x.shape[-2:]))
        similarity = torch.ones(len(x), dtype=x.dtype, device=device)
        for scale, weight in enumerate(weights):
            whole, contrast = piq.ssim(
                x, y, kernel_size=WINDOW_PX, kernel_sigma=1.5, data_range=1.0,
                reduction="none", full=True, downsample=False,
            )  # fmt: skip
            part = whole if scale == len(weights) - 1 else contrast
            similarity = similarity * part.clamp(min=SMALLEST) ** weight
            x, y = (torch.nn.functional.avg_pool2d(image, 2) for image in (x, y))
        channels: torch.Tensor = similarity.reshape(a.shape[:2])
        return 1 - channels.mean(dim=1)

    return distance


def _weights(side_px: int) -> list[float]:
    count = sum(side_px // 2**scale >= WINDOW_PX for scale in range(len(SCALE_WEIGHTS)))
    if not count:
        raise BenchError(
            f"images of {side_px} px are too small for MS-SSIM",
            fix=f"want {WINDOW_PX} px or more, or another metric",
        )
    kept = SCALE_WEIGHTS[:count]
    return [weight / sum(kept) for weight in kept]
