"""The fixed filters of the cochleagram, in double precision.

Source: Feather et al. 2023, Supplement, 'Auditory model cochlear stage', after McDermott and
Simoncelli 2011; constants as in the authors' library, where the text leaves them open.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Glasberg and Moore 1990: ERB-number = Q ln(1 + f / (MIN_BANDWIDTH_HZ Q)).
EAR_Q = 9.265
MIN_BANDWIDTH_HZ = 24.7
KAISER_BETA = 5.0


def erb_number(hz: ArrayLike) -> NDArray[np.float64]:
    """Return the place of frequencies in Hz on the ERB-number scale."""
    return EAR_Q * np.log1p(np.asarray(hz, dtype=np.float64) / (MIN_BANDWIDTH_HZ * EAR_Q))


def erb_frequency(number: ArrayLike) -> NDArray[np.float64]:
    """Return the frequencies in Hz of places on the ERB-number scale."""
    return MIN_BANDWIDTH_HZ * EAR_Q * np.expm1(np.asarray(number, dtype=np.float64) / EAR_Q)


def erb_places(n: int, low_hz: float, high_hz: float, oversampling: int) -> NDArray[np.float64]:
    """Return the ERB-numbers of all filters' peaks, ascending: low-pass, band-pass, high-pass.

    The peak of a low-pass or high-pass filter is the place where the band-pass filter would stand
    that it replaces; beyond it the filter is flat.
    """
    bands = oversampling * (n + 1) - 1
    first, last = erb_number([low_hz, high_hz])
    places, spacing = np.linspace(first, last, bands + 2, retstep=True)
    before = places[1] - spacing * np.arange(oversampling, 0, -1)
    after = places[-2] + spacing * np.arange(1, oversampling + 1)
    return np.concatenate([before, places[1:-1], after])


def erb_filters(
    hz: ArrayLike, n: int, low_hz: float, high_hz: float, oversampling: int
) -> NDArray[np.float64]:
    """Return the amplitude responses of all filters.

    Parameters
    ----------
    hz
        Frequencies ``(bins,)`` at which they are wanted, ascending.
    n
        Number of band-pass filters without oversampling.
    low_hz, high_hz
        Between them the band-pass filters stand evenly on the ERB-number scale.
    oversampling
        ``s``: there are s (n + 1) - 1 band-pass filters instead, each as wide as 2 s spacings,
        and s low-pass and s high-pass filters.

    Returns
    -------
    float64 ``(s (n + 3) - 1, bins)``, low-pass filters first, whose squares sum to 1 at every
    frequency.
    """
    place = erb_number(hz)
    peaks = erb_places(n, low_hz, high_hz, oversampling)
    s, spacing = oversampling, peaks[1] - peaks[0]
    distance = (place - peaks[:, None]) / (s * spacing)
    filters = np.where(np.abs(distance) < 1, np.cos(distance * np.pi / 2), 0.0)
    # Below the first band-pass filters' peaks, and above the last ones', the squares are completed.
    for i in range(s):
        low, high = s + i, len(peaks) - 1 - s - i
        filters[i] = np.where(place < peaks[low], np.sqrt(1 - filters[low] ** 2), 0.0)
        mirrored = len(peaks) - 1 - i
        filters[mirrored] = np.where(place > peaks[high], np.sqrt(1 - filters[high] ** 2), 0.0)
    return np.asarray(filters / np.sqrt(s))


def lowpass_kernel(hop: int, taps: int) -> NDArray[np.float64]:
    """Return the filter before downsampling by ``hop``: sinc(t / hop) / hop, Kaiser-windowed.

    float64 ``(taps,)``; it is neither centred on a sample (t = -taps/2, -taps/2 + 1, ...) nor
    scaled to the sum 1, as in the authors' library.
    """
    t = np.arange(taps) - taps / 2
    return np.asarray(np.kaiser(taps, KAISER_BETA) * np.sinc(t / hop) / hop)
