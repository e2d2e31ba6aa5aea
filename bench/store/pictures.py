"""Metamers as 8-bit PNG files, truncated as Feather et al. 2023 saved theirs."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

LEVELS = 255
CHANNELS = {1: "L", 3: "RGB"}


def are_images(values: NDArray[np.floating]) -> bool:
    """Return whether stimuli are grey or coloured images ``(N, C, H, W)``; sounds are not."""
    return values.ndim == 4 and values.shape[1] in CHANNELS


def truncated(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return ``values`` in [0, 1] times 255, cut off (not rounded) to whole numbers.

    What lies outside [0, 1] is clipped. Source: the published code of Feather et al. 2023.
    """
    levels = np.clip(values, 0, 1) * values.dtype.type(LEVELS)
    return np.asarray(levels.astype(np.uint8))


def to_png(image: NDArray[np.floating]) -> bytes:
    """Return an image ``(C, H, W)`` in [0, 1] as a PNG file, `truncated`."""
    from PIL import Image

    levels = truncated(image).transpose(1, 2, 0)
    buffer = io.BytesIO()
    Image.fromarray(levels[..., 0] if len(image) == 1 else levels).save(buffer, format="PNG")
    return buffer.getvalue()


def from_png(data: bytes) -> NDArray[np.float32]:
    """Return a PNG file's image, float32 ``(C, H, W)`` in [0, 1]."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        levels = np.asarray(image)
    if levels.ndim == 2:
        levels = levels[..., None]
    return levels.transpose(2, 0, 1).astype(np.float32) / np.float32(LEVELS)
