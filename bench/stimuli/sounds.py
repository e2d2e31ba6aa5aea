"""Sound files: found fit to be used, cut round a word, resampled, made equally loud."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError, ItemError
from bench.stimuli.images import in_threads

if TYPE_CHECKING:
    import soundfile

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})
# A mean power of -100 dB re full scale: below the noise of a 16-bit recording.
SILENT_RMS = 1e-5
# So many equal samples in a row at full scale are a peak that was cut off.
CLIPPED_RUN = 4
FULL_SCALE = 0.99
LARGEST_RIFF = 0xFFFF_FF00
BLOCK_FRAMES = 2**19
# The filter between two rates: half its length in samples of the lower rate, its Kaiser window
# (80 dB), and where it cuts, so that all above half the lower rate is stopped.
FILTER_HALF_LENGTH = 64
FILTER_BETA = 8.0
FILTER_CUTOFF = 0.96


@dataclass(frozen=True)
class SoundPreparation:
    """From a recording of any length and rate to ``samples`` at ``rate_hz``.

    Channels are averaged, the mean is removed, and the root mean square set to ``rms``. What
    then exceeds [-1, 1] is clipped, as the networks of Feather et al. 2023 do at their door.
    """

    rate_hz: int
    samples: int
    rms: float = 0.1

    def __post_init__(self) -> None:
        if min(self.rate_hz, self.samples) < 1 or not 0 < self.rms < 1:
            raise BenchError("sounds need rate_hz >= 1, samples >= 1 and 0 < rms < 1")

    def apply(self, window: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return a window ``(samples,)`` at its level."""
        return np.clip(levelled(window, self.rms), -1, 1).astype(np.float32)


# Feather et al. 2023, Methods: 2 s at 20 kHz, the word in the middle.
WORD_CLIP = SoundPreparation(rate_hz=20_000, samples=40_000)


def levelled(x: NDArray[np.float64], rms: float) -> NDArray[np.float64]:
    """Return a sound without its mean and at a root mean square; silence stays silent."""
    x = x - x.mean()
    own = math.sqrt(np.mean(np.square(x)))
    return x * (rms / own) if own > 0 else x


@dataclass(frozen=True)
class SoundFile:
    """A stretch of a sound on disk that was read once.

    Parameters
    ----------
    centre_s
        The middle of the stretch, in seconds from the file's begin.
    rate_hz, channels, seconds
        The file's own.
    """

    path: Path
    id: str
    sha256: str
    centre_s: float
    rate_hz: int
    channels: int
    seconds: float


def inspect(
    path: Path,
    name: str,
    preparation: SoundPreparation | None,
    word_s: tuple[float, float] | None = None,
) -> SoundFile:
    """Read the stretch that will be used, once.

    Parameters
    ----------
    preparation
        What is made of it; None: the whole file may be used.
    word_s
        Where the word begins and ends; None: the middle of the file is taken.

    Raises
    ------
    ItemError
        If the file is no sound, is empty, damaged or silent, holds values that are not finite,
        has its peaks cut off, or ends before the word does.
    """
    if missing := _missing_bytes(path):
        raise ItemError(f"sound {path} is damaged", why=f"its last {missing} bytes are missing")
    with _opened(path) as file:
        rate_hz, frames, channels = file.samplerate, file.frames, file.channels
        if frames == 0:
            raise ItemError(f"sound {path} is empty")
        seconds = frames / rate_hz
        start_s, end_s = word_s or (0.0, seconds)
        if not 0 <= start_s < end_s or end_s > seconds + 1 / rate_hz:
            raise ItemError(
                f"sound {path} does not hold its word",
                why=f"{start_s:g} to {end_s:g} s of {seconds:g} s",
            )
        centre_s = (start_s + end_s) / 2
        span = (0, frames) if preparation is None else _span(preparation, centre_s, rate_hz)
        if why := _unfit(_blocks(path, file, *span)):
            raise ItemError(f"sound {path} is left out", why=why)
    status = path.stat()
    digest = _sha256(path, status.st_size, status.st_mtime_ns)
    return SoundFile(path, name, digest, centre_s, rate_hz, channels, seconds)


def _unfit(blocks: Iterable[NDArray[np.float64]]) -> str:
    loudest = 0.0
    for raw in blocks:
        if not np.isfinite(raw).all():
            return "it holds values that are not finite"
        if any(_clipped(channel) for channel in raw.T):
            return f"its peaks are cut off: {CLIPPED_RUN} equal samples or more at full scale"
        loudest = max(loudest, math.sqrt(np.mean(np.square(raw - raw.mean(axis=0)))))
    return "it is silent" if loudest < SILENT_RMS else ""


def _blocks(
    path: Path, file: soundfile.SoundFile, start: int, stop: int
) -> Iterator[NDArray[np.float64]]:
    """Yield a stretch piece by piece: a recording may be hours long."""
    start, stop = max(start, 0), min(stop, file.frames)
    for first in range(start, stop, BLOCK_FRAMES):
        yield _frames(path, file, first, min(first + BLOCK_FRAMES, stop))


def _clipped(x: NDArray[np.float64]) -> bool:
    for peak in (x.max(), x.min()):
        if abs(peak) >= FULL_SCALE:
            at_peak = np.convolve(x == peak, np.ones(CLIPPED_RUN), mode="valid")
            if at_peak.max(initial=0) >= CLIPPED_RUN:
                return True
    return False


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, changed_ns: int) -> str:
    """Return a file's hash; a long recording is asked for once a word, until it changes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _missing_bytes(path: Path) -> int:
    """Return how many bytes a WAV file lacks of what its head promises: libsndfile does not mind.

    Programs that write to a pipe promise nothing that counts: 0, or the largest number.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return 0  # opening it says why
    if head[:4] != b"RIFF" or len(head) < 8:
        return 0
    promised = int.from_bytes(head[4:], "little")
    return max(promised + 8 - path.stat().st_size, 0) if promised < LARGEST_RIFF else 0


def _opened(path: Path) -> soundfile.SoundFile:
    import soundfile

    try:
        return soundfile.SoundFile(path)
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        raise ItemError(f"sound {path} cannot be read", why=_first_line(error)) from None


def _first_line(error: Exception) -> str:
    text = getattr(error, "error_string", "") or str(error) or type(error).__name__
    return str(text).splitlines()[0]


def _span(preparation: SoundPreparation, centre_s: float, rate_hz: int) -> tuple[int, int]:
    """Return the first sample and the end of a stretch, at the file's own rate."""
    first = round(centre_s * preparation.rate_hz) - preparation.samples // 2
    scale = rate_hz / preparation.rate_hz
    return math.floor(first * scale), math.ceil((first + preparation.samples) * scale)


def _frames(path: Path, file: soundfile.SoundFile, start: int, stop: int) -> NDArray[np.float64]:
    """Return the samples ``(n, channels)`` of a stretch, as far as the file has it."""
    import soundfile

    start, stop = max(start, 0), min(stop, file.frames)
    try:
        file.seek(start)
        read: NDArray[np.float64] = file.read(stop - start, dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise ItemError(f"sound {path} is damaged", why=_first_line(error)) from None
    if len(read) < stop - start:
        raise ItemError(
            f"sound {path} is damaged", why=f"{stop - start - len(read)} of its samples are missing"
        )
    return read


def window(path: Path, centre_s: float, preparation: SoundPreparation) -> NDArray[np.float64]:
    """Return the mono stretch ``(samples,)`` round ``centre_s``, silence beyond the file's ends.

    It is resampled by a polyphase filter on a grid that begins with the file, so that a stretch
    does not depend on where others were cut.

    Raises
    ------
    ItemError
        If the file cannot be read.
    """
    from scipy.signal import resample_poly

    with _opened(path) as file:
        common = math.gcd(file.samplerate, preparation.rate_hz)
        up, down = preparation.rate_hz // common, file.samplerate // common
        first = round(centre_s * preparation.rate_hz) - preparation.samples // 2
        margin = FILTER_HALF_LENGTH * max(up, down)  # in steps of the least common multiple
        begin = (first * down - margin) // (up * down)  # in samples that both grids share
        start = begin * down
        stop = math.ceil(((first + preparation.samples) * down + margin) / up)
        read = _frames(path, file, start, stop)
        before, after = max(-start, 0), max(stop - file.frames, 0)
    mono = np.pad(read.mean(axis=1), (before, after))
    offset = first - begin * up
    if up != down:
        mono = resample_poly(mono, up, down, window=_between_rates(max(up, down)))
    return np.asarray(mono[offset : offset + preparation.samples], dtype=np.float64)


@lru_cache(maxsize=8)
def _between_rates(factor: int) -> NDArray[np.float64]:
    """Return the low-pass filter for a conversion whose larger factor this is."""
    from scipy.signal import firwin

    taps = firwin(
        2 * FILTER_HALF_LENGTH * factor + 1, FILTER_CUTOFF / factor, window=("kaiser", FILTER_BETA)
    )
    return np.asarray(taps)


class SoundFiles:
    """Sounds that are read when they are indexed: `bench.stimuli.sets.Values` of files."""

    def __init__(self, files: Sequence[SoundFile], preparation: SoundPreparation) -> None:
        self.files = tuple(files)
        self.preparation = preparation

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, positions: Any, /) -> NDArray[np.float32]:
        chosen = np.arange(len(self))[positions]
        if chosen.ndim == 0:
            return self._read(self.files[int(chosen)])
        sounds = np.empty((len(chosen), self.preparation.samples), dtype=np.float32)
        for place, sound in enumerate(in_threads(self._read, (self.files[i] for i in chosen))):
            sounds[place] = sound
        return sounds

    def _read(self, file: SoundFile) -> NDArray[np.float32]:
        return self.preparation.apply(window(file.path, file.centre_s, self.preparation))

    def digest_of(self, position: int) -> bytes:
        """Return what stands for one sound in a digest: its file's SHA-256, how it is prepared."""
        file, prepared = self.files[position], self.preparation
        how = (round(file.centre_s, 9), prepared.rate_hz, prepared.samples, prepared.rms)
        return f"{file.sha256} {how}".encode()
