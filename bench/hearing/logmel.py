"""A log-mel spectrogram: the plain front end of many networks of speech."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.errors import BenchError

# O'Shaughnessy 1987, as in HTK.
MEL_FACTOR = 2595.0
MEL_CORNER_HZ = 700.0


def mel_filters(
    hz: NDArray[np.float64], bands: int, low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """Return triangular filters ``(bands, bins)`` of height 1, evenly spaced on the mel scale.

    Each rises from the centre of the one before and falls to the centre of the one after.
    """
    low, high = MEL_FACTOR * np.log10(1 + np.array([low_hz, high_hz]) / MEL_CORNER_HZ)
    mels = np.linspace(low, high, bands + 2)
    corners = MEL_CORNER_HZ * (10 ** (mels / MEL_FACTOR) - 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rise, fall = (hz - left) / (centre - left), (right - hz) / (right - centre)
    return np.asarray(np.maximum(np.minimum(rise, fall), 0))


class LogMel(nn.Module):
    """Sounds ``(N, samples)`` in [-1, 1] to log-mel spectrograms ``(N, 1, bands, frames)``.

    The power in each band of a short-time spectrum, as its natural logarithm. Frames are whole
    windows within the sound, without padding: 1 + (samples - window) // hop of them.

    Parameters
    ----------
    rate_hz, samples
        Of the sounds.
    bands
        Number of triangular filters, of height 1, on the mel scale.
    low_hz, high_hz
        Where they begin and end; ``high_hz`` is half the rate if None.
    window, hop
        Length of the Hann window and distance of frames, in samples.
    offset
        Added to the power before the logarithm.

    Raises
    ------
    BenchError
        If the numbers do not go together.
    """

    filters: torch.Tensor
    hann: torch.Tensor

    def __init__(
        self,
        rate_hz: int = 16_000,
        samples: int = 16_000,
        *,
        bands: int = 64,
        low_hz: float = 50.0,
        high_hz: float | None = None,
        window: int = 400,
        hop: int = 160,
        offset: float = 1e-6,
    ) -> None:
        super().__init__()
        high_hz = rate_hz / 2 if high_hz is None else high_hz
        if not 0 <= low_hz < high_hz <= rate_hz / 2:
            raise BenchError(f"a mel spectrum needs 0 <= low_hz < high_hz <= {rate_hz / 2:g}")
        if not 1 <= window <= samples or min(hop, bands) < 1 or offset <= 0:
            raise BenchError(
                "a mel spectrum needs 1 <= window <= samples, hop and bands >= 1, offset > 0"
            )
        bins_hz = np.fft.rfftfreq(window, 1 / rate_hz).astype(np.float64)
        filters = mel_filters(bins_hz, bands, low_hz, high_hz)
        if empty := int((filters.max(axis=1) == 0).sum()):
            raise BenchError(
                f"{empty} of {bands} mel bands hold no frequency of a window of {window} samples",
                fix="take fewer bands or a longer window",
            )
        self.rate_hz, self.samples, self.hop, self.offset = rate_hz, samples, hop, offset
        self.shape = (1, bands, 1 + (samples - window) // hop)
        self.register_buffer("filters", torch.from_numpy(filters).float(), persistent=False)
        self.register_buffer("hann", torch.hann_window(window), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(N, 1, bands, frames)``."""
        if x.ndim != 2 or x.shape[1] != self.samples:
            raise BenchError(
                f"sounds of shape {tuple(x.shape)} have no mel spectrum here",
                fix=f"want (N, {self.samples}) at {self.rate_hz} Hz",
            )
        window = len(self.hann)
        frames = x.unfold(1, window, self.hop) * self.hann.to(x.dtype)
        spectrum = torch.view_as_real(torch.fft.rfft(frames)).square().sum(-1)
        power: torch.Tensor = self.filters.to(x.dtype) @ spectrum.transpose(1, 2)
        return (power + self.offset).log().unsqueeze(1)
