"""Backgrounds for speech: stretches of recordings, coloured and modulated noise, babble."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError, ItemError
from bench.stimuli.images import in_threads
from bench.stimuli.labelled import listing
from bench.stimuli.recordings import sound_paths
from bench.stimuli.sounds import (
    SILENT_RMS,
    SoundFile,
    SoundPreparation,
    inspect,
    levelled,
    window,
)

# A recording may be silent for a while: so many stretches are tried.
ATTEMPTS = 20


class Background(Protocol):
    """What makes a background ``(samples,)`` from a generator; its level is not defined."""

    def draw(
        self, generator: np.random.Generator, samples: int, rate_hz: int
    ) -> NDArray[np.float64]: ...

    def describe(self) -> str:
        """Return what tells two backgrounds apart that differ."""
        ...


@dataclass(frozen=True)
class Recorded:
    """A stretch of a file, anywhere in it; every file is as probable, short ones are repeated."""

    files: tuple[SoundFile, ...]

    def draw(
        self, generator: np.random.Generator, samples: int, rate_hz: int
    ) -> NDArray[np.float64]:
        """Return a stretch that is not silent.

        Raises
        ------
        ItemError
            If none is found.
        """
        for _ in range(ATTEMPTS):
            file = self.files[int(generator.integers(len(self.files)))]
            own = int(file.seconds * rate_hz)
            length = min(samples, own)
            first = int(generator.integers(own - length + 1))
            # Asked for by its middle, on the grid of the new rate.
            prepared = SoundPreparation(rate_hz=rate_hz, samples=length)
            found = window(file.path, (first + length // 2) / rate_hz, prepared)
            if np.sqrt(np.mean((found - found.mean()) ** 2)) >= SILENT_RMS:
                shift = int(generator.integers(length)) if length < samples else 0
                return np.resize(np.roll(found, shift), samples)
        raise ItemError(f"no stretch of the background {file.path} and others is to be heard")

    def describe(self) -> str:
        """Return the files' hashes."""
        return "recorded " + " ".join(file.sha256 for file in self.files)


def recorded_backgrounds(folder: Path) -> tuple[Recorded, list[str]]:
    """Return the sounds below a folder as backgrounds, and notes on files that were left out.

    Raises
    ------
    BenchError
        If the folder holds no sound that can be used.
    """

    def look(path: Path) -> SoundFile | ItemError:
        try:
            return inspect(path, path.relative_to(folder).as_posix(), None)
        except ItemError as error:
            return error

    seen = list(in_threads(look, sound_paths(folder))) if folder.is_dir() else []
    files = tuple(one for one in seen if isinstance(one, SoundFile))
    unfit = [str(one) for one in seen if isinstance(one, ItemError)]
    if not files:
        raise BenchError(
            f"{folder} holds no background that can be used",
            why=listing("files left out", unfit) if unfit else "there is no sound file",
            fix="put WAV or FLAC files of noises there, or leave the folder out",
        )
    return Recorded(files), [listing("backgrounds left out", unfit)] if unfit else []


@dataclass(frozen=True)
class Coloured:
    """Gaussian noise whose power falls with frequency as f ** -exponent: 0 is white, 1 is pink."""

    exponent: float = 1.0

    def draw(
        self, generator: np.random.Generator, samples: int, rate_hz: int
    ) -> NDArray[np.float64]:
        """Return noise of standard deviation 1."""
        spectrum = np.fft.rfft(generator.standard_normal(samples))
        bins = np.arange(len(spectrum), dtype=np.float64)
        bins[0] = np.inf  # no mean
        return levelled(np.fft.irfft(spectrum * bins ** (-self.exponent / 2), samples), 1.0)

    def describe(self) -> str:
        """Return the exponent."""
        return f"coloured {self.exponent:g}"


@dataclass(frozen=True)
class Modulated:
    """Coloured noise whose amplitude swells and falls at a rate in Hz, drawn between two."""

    slowest_hz: float = 2.0
    fastest_hz: float = 8.0
    depth: float = 0.9
    exponent: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.slowest_hz <= self.fastest_hz or not 0 <= self.depth <= 1:
            raise BenchError("modulated noise needs 0 < slowest_hz <= fastest_hz, 0 <= depth <= 1")

    def draw(
        self, generator: np.random.Generator, samples: int, rate_hz: int
    ) -> NDArray[np.float64]:
        """Return noise of standard deviation 1."""
        carrier = Coloured(self.exponent).draw(generator, samples, rate_hz)
        hz = generator.uniform(self.slowest_hz, self.fastest_hz)
        phase = generator.uniform(0, 2 * np.pi)
        swell = 1 + self.depth * np.sin(2 * np.pi * hz * np.arange(samples) / rate_hz + phase)
        return levelled(carrier * swell, 1.0)

    def describe(self) -> str:
        """Return all parameters."""
        return f"modulated {self.slowest_hz:g} {self.fastest_hz:g} {self.depth:g} {self.exponent:g}"


@dataclass(frozen=True, eq=False)
class Babble:
    """Several voices at once, each as loud, each begun anywhere.

    Parameters
    ----------
    voices
        Sounds at the rate that is asked for; shorter ones are repeated.
    talkers
        How many speak, each another voice as far as there are so many.
    """

    voices: Sequence[NDArray[np.floating]]
    talkers: int = 6

    def __post_init__(self) -> None:
        if not len(self.voices) or self.talkers < 1:
            raise BenchError("babble needs voices and talkers")

    def draw(
        self, generator: np.random.Generator, samples: int, rate_hz: int
    ) -> NDArray[np.float64]:
        """Return a sum of voices of standard deviation 1."""
        n = len(self.voices)
        who = generator.choice(n, size=self.talkers, replace=self.talkers > n)
        total = np.zeros(samples)
        for k in who.tolist():
            voice = np.asarray(self.voices[k], dtype=np.float64)
            begun = np.roll(voice, int(generator.integers(len(voice))))
            total += levelled(np.resize(begun, samples), 1.0)
        return levelled(total, 1.0)

    def describe(self) -> str:
        """Return how many speak of which voices."""
        return f"babble {self.talkers} of {self._digest}"

    @cached_property
    def _digest(self) -> str:
        total = hashlib.sha256()
        for voice in self.voices:
            total.update(f"{len(voice)} ".encode() + np.asarray(voice, "<f4").tobytes())
        return total.hexdigest()


@dataclass(frozen=True)
class OneOf:
    """One of several backgrounds, each as probable."""

    several: tuple[Background, ...]

    def draw(
        self, generator: np.random.Generator, samples: int, rate_hz: int
    ) -> NDArray[np.float64]:
        """Return what one of them makes."""
        chosen = self.several[int(generator.integers(len(self.several)))]
        return chosen.draw(generator, samples, rate_hz)

    def describe(self) -> str:
        """Return all of them."""
        return "one of: " + "; ".join(one.describe() for one in self.several)
