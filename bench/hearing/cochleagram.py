"""The cochleagram: what the ear's filters make of a sound, as a module that networks begin with."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.errors import BenchError
from bench.hearing.compression import compress
from bench.hearing.filters import erb_filters, erb_frequency, erb_places, lowpass_kernel
from bench.hearing.subbands import Bands, bands_by_rate, envelopes

Mode = Literal["exact", "fast"]
# See `bench.hearing.subbands.rate_divisor`; docs/hearing.md has the errors that were measured.
BOUNDS: dict[str, float] = {"exact": 0.0, "fast": 5e-3}


class Cochleagram(nn.Module):
    """Sounds ``(N, samples)`` in [-1, 1] to cochleagrams ``(N, 1, bands, frames)``, all positive.

    Each sound is filtered by a bank of cosine-shaped filters, evenly spaced on the ERB-number
    scale; each band's magnitude is low-pass filtered, downsampled and compressed. The defaults
    are those of Feather et al. 2023: 211 bands, 390 frames at 200 Hz from 2 s at 20 kHz.

    Parameters
    ----------
    rate_hz, samples
        Of the sounds.
    n
        Number of band-pass filters before oversampling.
    low_hz, high_hz
        Where the band-pass filters begin and end; ``high_hz`` is at most half the rate.
    oversampling
        ``s``: there are s (n + 3) - 1 bands, of which s low-pass and s high-pass.
    env_rate_hz
        Frames a second; it divides the rate.
    taps
        Length of the low-pass filter in samples.
    exponent, offset, steepest
        Of the compression (max(x, 0) + offset) ** exponent, and what bounds its slope in the
        backward pass.
    mode
        ``exact``: the formula, to single precision's rounding. ``fast``: bands are rectified at
        lower rates. docs/hearing.md has the errors and times of both.

    Raises
    ------
    BenchError
        If the numbers do not go together.

    Notes
    -----
    Supplement, 'Auditory model cochlear stage', as the authors' code has it: the envelopes are
    downsampled first and then compressed (the text has it the other way round); 211 bands
    include the four low-pass and four high-pass filters; positive frequencies are not doubled,
    so that a tone's magnitude is half its amplitude; the low-pass filter runs without padding.
    The maximum's gradient is the identity. Filters are rounded to single precision. Nothing is
    trained, and nothing is in the state dict.
    """

    def __init__(
        self,
        rate_hz: int = 20_000,
        samples: int = 40_000,
        *,
        n: int = 50,
        low_hz: float = 50.0,
        high_hz: float = 10_000.0,
        oversampling: int = 4,
        env_rate_hz: int = 200,
        taps: int = 1001,
        exponent: float = 0.3,
        offset: float = 1e-8,
        steepest: float = 5.0,
        mode: Mode = "exact",
    ) -> None:
        super().__init__()
        _check(rate_hz, samples, n, low_hz, high_hz, oversampling, env_rate_hz, taps, offset)
        if mode not in BOUNDS:
            raise BenchError(f"a cochleagram has no mode {mode!r}", fix=f"try {', '.join(BOUNDS)}")
        hop = rate_hz // env_rate_hz
        self.rate_hz, self.samples, self.mode = rate_hz, samples, mode
        self.env_rate_hz, self.frames = env_rate_hz, (samples - taps) // hop + 1
        self.exponent, self.offset, self.steepest = exponent, offset, steepest
        bins_hz = np.fft.rfftfreq(samples, 1 / rate_hz)
        filters = erb_filters(bins_hz, n, low_hz, high_hz, oversampling)
        self.bands_hz: NDArray[np.float64] = erb_frequency(
            erb_places(n, low_hz, high_hz, oversampling)
        )
        kernel = lowpass_kernel(hop, taps)
        groups = bands_by_rate(filters, kernel, rate_hz, env_rate_hz, samples, BOUNDS[mode])
        self._starts = [group.starts for group in groups]
        self._lengths = [group.length for group in groups]
        for i, group in enumerate(groups):
            self.register_buffer(f"responses_{i}", group.responses, persistent=False)
            self.register_buffer(f"kernel_{i}", group.kernel, persistent=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one sound's cochleagram: 1, bands, frames."""
        return (1, len(self.bands_hz), self.frames)

    def _groups(self) -> list[Bands]:
        return [
            Bands(starts, self.get_buffer(f"responses_{i}"), self.get_buffer(f"kernel_{i}"), length)
            for i, (starts, length) in enumerate(zip(self._starts, self._lengths, strict=True))
        ]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(N, 1, bands, frames)``."""
        if x.ndim != 2 or x.shape[1] != self.samples or not x.is_floating_point():
            raise BenchError(
                f"sounds of shape {tuple(x.shape)} ({x.dtype}) have no cochleagram here",
                fix=f"want floats (N, {self.samples}) at {self.rate_hz} Hz",
            )
        smooth = envelopes(x, self._groups(), self.frames)
        return compress(smooth, self.exponent, self.offset, self.steepest).unsqueeze(1)

    def extra_repr(self) -> str:
        """Return what the module's line shows."""
        return f"{self.samples} samples at {self.rate_hz} Hz -> {self.shape}, mode={self.mode!r}"


def _check(
    rate_hz: int,
    samples: int,
    n: int,
    low_hz: float,
    high_hz: float,
    oversampling: int,
    env_rate_hz: int,
    taps: int,
    offset: float,
) -> None:
    wrong = ""
    if min(rate_hz, samples, n, oversampling, env_rate_hz, taps) < 1:
        wrong = "rates, counts and lengths must be at least 1"
    elif not 0 <= low_hz < high_hz <= rate_hz / 2:
        wrong = f"want 0 <= low_hz < high_hz <= {rate_hz / 2:g}, half the rate"
    elif rate_hz % env_rate_hz:
        wrong = f"env_rate_hz={env_rate_hz} does not divide rate_hz={rate_hz}"
    elif samples % (rate_hz // env_rate_hz):
        wrong = f"samples={samples} are not whole frames of {rate_hz // env_rate_hz} samples"
    elif samples < taps:
        wrong = f"samples={samples} are fewer than the low-pass filter's {taps} taps"
    elif offset <= 0:
        wrong = "offset must be positive"
    if wrong:
        raise BenchError("a cochleagram cannot be made", why=wrong)
