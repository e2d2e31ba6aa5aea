"""Stimuli as small pictures: images enlarged without smoothing, sounds as spectrograms."""

from __future__ import annotations

import matplotlib
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (height, width, 3)

WANTED_PX = 96  # about how large a small image is shown
LARGEST_PX = 128
SPECTROGRAM_PX = (96, 128)  # height, width
RANGE_DB = 60.0  # below a spectrogram's loudest point, what is shown
WINDOW = 512  # samples
COLOURS = "magma"


def tiles(stimuli: NDArray[np.floating], *, enlarge: bool = True) -> list[Pixels]:
    """Return one tile a stimulus, all of one size.

    Parameters
    ----------
    stimuli
        Images ``(N, C, H, W)`` in [0, 1] with one channel or three, or sounds ``(N, samples)``.
    enlarge
        Whether pixels of small images are repeated; a page does that itself.
    """
    if stimuli.ndim == 2:
        return [_spectrogram(sound) for sound in stimuli]
    wanted = WANTED_PX if enlarge else 1
    return [_tile(image, wanted) for image in stimuli]


def _tile(image: NDArray[np.floating], wanted_px: int) -> Pixels:
    """Repeat the pixels of a small image; average whole blocks of a large one."""
    height, width = image.shape[1:]
    shrink = -(-max(height, width) // LARGEST_PX)
    if shrink > 1:
        kept = image[:, : height // shrink * shrink, : width // shrink * shrink]
        blocks = kept.reshape(len(image), height // shrink, shrink, width // shrink, shrink)
        image = blocks.mean(axis=(2, 4))
    image = np.nan_to_num(image, nan=0.5)  # a metamer that was lost
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    times = max(1, wanted_px // max(height, width))
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def _spectrogram(sound: NDArray[np.floating]) -> Pixels:
    """Draw power in dB: time to the right, frequency upwards, up to half the sampling rate."""
    from scipy.signal import spectrogram

    window = min(WINDOW, len(sound))
    sound = np.nan_to_num(sound)
    _, _, power = spectrogram(sound, nperseg=window, noverlap=window * 3 // 4, detrend=False)
    level = 10 * np.log10(np.maximum(power, np.finfo(np.float64).tiny))
    shown = np.clip((level - level.max()) / RANGE_DB + 1, 0, 1)[::-1]
    height, width = SPECTROGRAM_PX
    rows = np.arange(height) * shown.shape[0] // height
    columns = np.arange(width) * shown.shape[1] // width
    colours = matplotlib.colormaps[COLOURS](shown[np.ix_(rows, columns)], bytes=True)
    return np.asarray(colours[..., :3], dtype=np.uint8)
