"""Sounds in backgrounds, mixed when they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.mixing.backgrounds import (
    Background,
    Coloured,
    Modulated,
    OneOf,
    recorded_backgrounds,
)
from bench.mixing.mixtures import RMS, Conditions, Draw, generator_for, mixed
from bench.stimuli.recordings import BACKGROUND_FOLDERS
from bench.stimuli.sets import Stimuli, Values

MADE = OneOf((Coloured(1.0), Modulated()))


class NoisySounds:
    """Sounds ``(n, samples)`` in a background each: `bench.stimuli.sets.Values` of mixtures.

    Parameters
    ----------
    sounds
        The speech, in [-1, 1].
    ids
        Their names: with the seed they determine background and signal-to-noise ratio, whatever
        else is in the batch.
    """

    def __init__(
        self,
        sounds: Values,
        ids: Sequence[str],
        background: Background,
        conditions: Conditions,
        *,
        rate_hz: int,
        seed: int = 0,
    ) -> None:
        self.sounds, self.ids = sounds, tuple(ids)
        self.background, self.conditions = background, conditions
        self.rate_hz, self.seed = rate_hz, seed

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, positions: Any, /) -> NDArray[np.float32]:
        chosen = np.arange(len(self))[positions]
        if chosen.ndim == 0:
            return self._mixture(int(chosen), self.sounds[int(chosen)])
        speech = self.sounds[chosen.tolist()]
        return np.stack([self._mixture(int(i), x) for i, x in zip(chosen, speech, strict=True)])

    def draw(self, position: int) -> Draw:
        """Return what one stimulus is made of."""
        return self.conditions.draw(self.seed, self.ids[position])

    def _mixture(self, position: int, speech: NDArray[np.floating]) -> NDArray[np.float32]:
        generator = generator_for(self.seed, self.ids[position], "background")
        background = self.background.draw(generator, len(speech), self.rate_hz)
        x = mixed(np.asarray(speech, np.float64), background, self.draw(position).snr_db, RMS)
        return np.clip(x, -1, 1).astype(np.float32)

    def digest_of(self, position: int) -> bytes:
        """Return what stands for one sound in a digest: the speech, and how it is mixed."""
        digest_of = getattr(self.sounds, "digest_of", None)
        own = (
            np.ascontiguousarray(self.sounds[[position]], "<f4").tobytes()
            if digest_of is None
            else digest_of(position)
        )
        how = f" {self.seed} {self.draw(position)} {self.background.describe()}"
        return bytes(own) + how.encode()


def in_noise(
    stimuli: Stimuli,
    background: Background,
    conditions: Conditions,
    *,
    rate_hz: int,
    seed: int = 0,
    null: int | None = None,
) -> Stimuli:
    """Return stimuli in a background each.

    Parameters
    ----------
    null
        The class of a background alone.

    Raises
    ------
    BenchError
        If there may be backgrounds alone, and they have no class.
    """
    if conditions.background_alone and null is None:
        raise BenchError("a background alone needs a class: null=")
    values = NoisySounds(
        stimuli.values, stimuli.ids, background, conditions, rate_hz=rate_hz, seed=seed
    )
    alone = [values.draw(i).kind == "background" for i in range(len(values))]
    labels = np.where(alone, -1 if null is None else null, stimuli.labels).astype(np.int64)
    return replace(stimuli, values=values, labels=labels)


def backgrounds_beside(data: Path) -> tuple[Background, list[str]]:
    """Return the backgrounds in a folder of recordings, or made ones, and notes on them.

    They lie in a folder called backgrounds, or _background_noise_ as in Speech Commands.

    Raises
    ------
    BenchError
        If there is such a folder without a sound that can be used.
    """
    for name in BACKGROUND_FOLDERS:
        if (data / name).is_dir():
            return recorded_backgrounds(data / name)
    return MADE, [
        f"no folder {BACKGROUND_FOLDERS[0]} beside the recordings: the backgrounds are made, "
        "pink noise, steady or modulated"
    ]
