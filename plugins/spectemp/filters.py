"""Transfer functions of the spectrotemporal filters.

Source: Chi et al. 2005; in cycles/ERB and in detail as in the code of Feather et al. 2023.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME_RATE_HZ = 200.0
# Cochlear filters in an ERB; the authors' round number for 203 in 33.4.
BANDS_PER_ERB = 6.0
DECAY = 3.5


def temporal(rate_hz: float, frames: int, padded: int, *, highpass: bool) -> NDArray[np.complex128]:
    """Return the transfer function ``(padded,)`` of a rate: a gamma-tone, its peak scaled to 1.

    Parameters
    ----------
    rate_hz
        0 lets the mean over time pass alone.
    frames, padded
        Length of the impulse response, and with the zeros behind it.
    highpass
        Whether all above the peak passes too, with the phases that it has.
    """
    if rate_hz == 0:
        return np.eye(1, padded, dtype=complex)[0]
    t = np.arange(frames) / FRAME_RATE_HZ * rate_hz
    response = np.sin(2 * np.pi * t) * t**2 * np.exp(-DECAY * t)
    transfer = np.fft.fft(response - response.mean(), padded)
    gain = np.abs(transfer) / np.abs(transfer).max()
    if highpass:
        peak = int(gain[: padded // 2 + 1].argmax())
        gain[peak : padded - peak] = 1
    return np.asarray(gain * np.exp(1j * np.angle(transfer)))


def spectral(scale: float, padded: int, *, highpass: bool) -> NDArray[np.float64]:
    """Return the transfer function ``(padded,)`` of a scale in cycles/ERB, its peak scaled to 1.

    With f the frequency over the scale, it is f^2 exp(-f^2); 0 lets the mean over bands pass alone.
    """
    if scale == 0:
        return np.eye(1, padded)[0]
    cycles = np.abs(np.fft.fftfreq(padded, 1 / BANDS_PER_ERB))
    squared = (cycles / scale) ** 2
    gain = squared * np.exp(-squared)
    peak = int(gain[: padded // 2 + 1].argmax())
    gain /= gain[peak]
    if highpass:
        gain[peak : padded - peak] = 1
    return np.asarray(gain)


def transfer_function(
    time: NDArray[np.complex128], bands: NDArray[np.float64], rate_hz: float, scale: float
) -> NDArray[np.complex128]:
    """Return a filter's transfer function ``(bands, times)``, times from 0 to the Nyquist rate.

    The product of the two, of which a filter with rate and scale keeps one direction: a negative
    rate the quadrants in which rate and scale differ in sign, a positive one the others.
    """
    half = len(time) // 2 + 1
    product = np.outer(bands, time[:half])
    if rate_hz and scale:
        middle = len(bands) // 2
        against = slice(1, middle) if rate_hz < 0 else slice(middle + 1, None)
        product[against, 1 : half - 1] = 0
    return product
