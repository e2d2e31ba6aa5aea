"""A sound in a background at a signal-to-noise ratio.

Source: Feather et al. 2023, Supplement, 'Auditory model training': ratios uniform between -10 and
10 dB, a share of speech alone and of background alone, root mean square 0.1.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError, ItemError
from bench.stimuli.sounds import levelled

RMS = 0.1
Kind = Literal["mixture", "speech", "background"]


def generator_for(seed: int, stimulus_id: str, purpose: str) -> np.random.Generator:
    """Return a generator for one stimulus; different purposes give independent streams."""
    digest = hashlib.sha256(f"{seed}\0{stimulus_id}\0{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype="<u4"))


@dataclass(frozen=True)
class Draw:
    """What a stimulus is made of; ``snr_db`` is infinite where one of the two is left out."""

    kind: Kind
    snr_db: float


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What mixtures are drawn from.

    Parameters
    ----------
    low_db, high_db
        Signal-to-noise ratios are uniform between them; equal ones give one ratio.
    speech_alone, background_alone
        Probabilities of a stimulus without background, and of one without speech.
    """

    low_db: float = -10.0
    high_db: float = 10.0
    speech_alone: float = 0.0
    background_alone: float = 0.0

    def __post_init__(self) -> None:
        shares = (self.speech_alone, self.background_alone)
        if not (math.isfinite(self.low_db) and math.isfinite(self.high_db)):
            raise BenchError(
                "signal-to-noise ratios must be finite", fix="use speech_alone or background_alone"
            )
        if self.low_db > self.high_db or min(shares) < 0 or sum(shares) > 1:
            raise BenchError(
                "mixtures need low_db <= high_db, and shares >= 0 that sum to 1 or less"
            )

    def draw(self, seed: int, stimulus_id: str) -> Draw:
        """Draw what one stimulus is made of, from the seed and its id alone."""
        generator = generator_for(seed, stimulus_id, "conditions")
        place, snr_db = generator.random(), generator.uniform(self.low_db, self.high_db)
        if place < self.speech_alone:
            return Draw("speech", math.inf)
        if place < self.speech_alone + self.background_alone:
            return Draw("background", -math.inf)
        return Draw("mixture", float(snr_db))


# Feather et al. 2023: of 230,356 + 2,464 + 2,068 training stimuli an epoch; tests have mixtures.
TRAINING = Conditions(speech_alone=2464 / 234_888, background_alone=2068 / 234_888)
EVALUATION = Conditions()


def mixed(
    speech: NDArray[np.float64], background: NDArray[np.float64], snr_db: float, rms: float = RMS
) -> NDArray[np.float64]:
    """Return the sum ``(samples,)`` of two sounds at a signal-to-noise ratio, at a given level.

    Parameters
    ----------
    snr_db
        20 log10 of the ratio of their root mean squares, both without their means; infinite: the
        speech alone; minus infinity: the background alone.

    Raises
    ------
    ItemError
        If a sound that is asked for is silent or not finite.
    """
    if snr_db == math.inf:
        return levelled(_sounding(speech, "speech"), rms)
    if snr_db == -math.inf:
        return levelled(_sounding(background, "background"), rms)
    own = levelled(_sounding(speech, "speech"), 1.0)
    other = levelled(_sounding(background, "background"), 10 ** (-snr_db / 20))
    return levelled(own + other, rms)


def _sounding(x: NDArray[np.float64], what: str) -> NDArray[np.float64]:
    if not np.isfinite(x).all():
        raise ItemError(f"the {what} holds values that are not finite")
    if np.ptp(x) == 0:
        raise ItemError(f"the {what} is silent: it has no signal-to-noise ratio")
    return x
