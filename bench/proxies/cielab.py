"""Colour difference in CIELAB (CIE 15: CIE 1976 L*a*b*, Delta E*ab)."""

from __future__ import annotations

import torch

from bench.proxies.comparing import Distance

# IEC 61966-2-1: linear sRGB to CIE XYZ under D65.
SRGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
DELTA = 6 / 29  # below its cube, CIE's cube root is replaced by a line


def cielab(device: torch.device) -> Distance:
    """Return the mean over pixels of Delta E*ab (about 2.3 is just noticeable)."""

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        difference = lab(a.to(device)) - lab(b.to(device))
        # A norm whose gradient at 0 is 0, not NaN: equal pixels are common.
        apart: torch.Tensor = torch.linalg.vector_norm(difference, dim=1)
        return apart.mean(dim=(1, 2))

    return distance


def lab(rgb: torch.Tensor) -> torch.Tensor:
    """Return L* (0 to 100), a* and b* of sRGB images ``(N, 3, H, W)`` in [0, 1]; white is D65."""
    curved = ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, curved)
    matrix = torch.tensor(SRGB_TO_XYZ, dtype=rgb.dtype, device=rgb.device)
    relative = torch.einsum("ij,njhw->nihw", matrix / matrix.sum(dim=1, keepdim=True), linear)
    root = relative.clamp(min=DELTA**3) ** (1 / 3)
    x, y, z = torch.where(relative > DELTA**3, root, relative / (3 * DELTA**2) + 4 / 29).unbind(
        dim=1
    )
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)
