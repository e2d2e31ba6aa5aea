"""Spectemp as a network: from 2 s of sound to 794 logits.

The bank works in the frequency domain, on a cochleagram padded with zeros by once its bands and
twice its frames. What the padding filled is cut off again.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn.functional import pad

from bench.hearing import Cochleagram
from bench_plugins.spectemp import RATES_HZ, SCALES_CYCLES_PER_ERB, tunings
from bench_plugins.spectemp.filters import spectral, temporal, transfer_function

BANDS, FRAMES, CLASSES = 211, 390, 794
PADDED = (2 * BANDS, 3 * FRAMES)
# The cochleagram is scaled up, so that the fine filters' power exceeds its floor (authors' code).
RESCALED = 100.0
POWER_FLOOR = 1e-8
FILTERS_AT_ONCE = 16


class FilterBank(nn.Module):
    """Cochleagrams ``(N, 1, 211, 390)`` to responses ``(N, 111, 211, 390)``."""

    transfer: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        fastest, finest = max(RATES_HZ), max(SCALES_CYCLES_PER_ERB)
        times = {hz: temporal(hz, FRAMES, PADDED[1], highpass=hz == fastest) for hz in RATES_HZ}
        bands = {
            scale: spectral(scale, PADDED[0], highpass=scale == finest)
            for scale in SCALES_CYCLES_PER_ERB
        }
        bank = np.stack(
            [
                transfer_function(times[abs(hz)], bands[scale], hz, scale).astype(np.complex64)
                for hz, scale in tunings()
            ]
        )
        self.register_buffer("transfer", torch.from_numpy(bank), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = pad(RESCALED * x, (0, PADDED[1] - FRAMES, 0, PADDED[0] - BANDS))
        spectrum = torch.fft.rfft2(padded)
        responses = [
            # Bands first: half of them are dropped before the times are transformed.
            torch.fft.irfft(torch.fft.ifft(spectrum * some, dim=-2)[..., :BANDS, :], n=PADDED[1])
            for some in self.transfer.split(FILTERS_AT_ONCE)
        ]
        return torch.cat([one[..., :FRAMES] for one in responses], dim=1)


class Power(nn.Module):
    """Squares, but no less than a floor."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.square().clamp(min=POWER_FLOOR)


class Spectemp(nn.Module):
    """Sounds ``(N, 40000)`` at 20 kHz to logits ``(N, 794)``."""

    def __init__(self) -> None:
        super().__init__()
        self.cochleagram = Cochleagram()
        self.filtered_signal = FilterBank()
        self.spectempfilter_power = Power()
        self.avgpool = nn.AdaptiveAvgPool2d((None, 1))
        self.classification = nn.Linear(BANDS * len(tunings()), CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        power = self.spectempfilter_power(self.filtered_signal(self.cochleagram(x)))
        logits: torch.Tensor = self.classification(self.avgpool(power).flatten(1))
        return logits
