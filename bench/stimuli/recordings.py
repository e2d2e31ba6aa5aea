"""Labelled recordings of words in a user's folder, in any of the layouts that are known.

- a table ``labels.csv`` with the columns file and word, and perhaps speaker, split, start, end;
- folders that are named by words;
- Speech Commands as it is unpacked (Warden 2018);
- LibriSpeech with the times of its words: alignment files or TextGrids beside the recordings.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError, ItemError
from bench.labels.spaces import space
from bench.stimuli import images
from bench.stimuli.alignments import SpokenWord, read_alignment, read_textgrid
from bench.stimuli.labelled import listing
from bench.stimuli.sounds import SUFFIXES

LABELS = "labels.csv"
TESTING, VALIDATION = "testing_list.txt", "validation_list.txt"
SPEAKER_MARK = "_nohash_"
# Noises beside the words: never words themselves.
BACKGROUND_FOLDERS = ("backgrounds", "_background_noise_")
# Feather et al. 2023, Methods: a word has this much of the recording on both sides of its middle.
BESIDE_WORD_S = 1.0
SPLITS = ("train", "valid", "test")
LIBRISPEECH_SPLITS = {"train": "train", "dev": "valid", "test": "test"}
SHARE_HELD_OUT = 0.1
PICKLES = frozenset({".pckl", ".pkl", ".pickle"})
CONVERSION = (
    "write its clips as WAV files and a labels.csv (columns file, word) in the authors' own "
    "environment; docs/sounds.md has the lines"
)


@dataclass(frozen=True)
class Recording:
    """A recorded word: a file, or a stretch of one.

    Parameters
    ----------
    number
        Its class in the label space.
    speaker
        Empty if unknown.
    split
        train, valid or test as the layout says; empty if it says nothing (see `split_of`).
    word_s
        Where the word begins and ends; None: the file is the word.
    """

    path: Path
    id: str
    number: int
    speaker: str = ""
    split: str = ""
    word_s: tuple[float, float] | None = None


def split_of(recording: Recording) -> str:
    """Return the split that the layout declares, or one drawn from a hash of the speaker.

    All recordings of a speaker are in one split; where speakers are unknown, each is its own.
    A tenth each is held out for validation and for test.
    """
    if recording.split:
        return recording.split
    digest = hashlib.sha256((recording.speaker or recording.id).encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < SHARE_HELD_OUT:
        return "test"
    return "valid" if place < 2 * SHARE_HELD_OUT else "train"


def recordings(data: Path, label_space: str) -> tuple[list[Recording], list[str]]:
    """Find the recordings of words below ``data``, and notes on what was left out.

    Raises
    ------
    BenchError
        If no layout fits, or no word is in the label space.
    """
    numbers = {name.casefold(): k for k, name in enumerate(space(label_space).classes)}
    if (data / LABELS).is_file():
        found, notes = _table(data, numbers)
    elif (data / TESTING).is_file() and (data / VALIDATION).is_file():
        found, notes = _speech_commands(data, numbers)
    else:
        aligned = [p for p in _files(data) if p.name.endswith((".alignment.txt", ".TextGrid"))]
        found, notes = (
            _librispeech(data, aligned, numbers) if aligned else _word_folders(data, numbers)
        )
    if not found:
        raise BenchError(
            f"{data} holds no recordings of words in {label_space}", *_what_is_there(data, notes)
        )
    once = list({one.id: one for one in found}.values())
    if len(once) < len(found):
        notes = [*notes, f"{len(found) - len(once)} recordings that are listed twice count once"]
    return once, notes


def _what_is_there(data: Path, notes: Sequence[str]) -> tuple[str, str]:
    """Return why nothing was found, and what to do."""
    fix = f"put recordings into folders named by their words, or list them in {LABELS}"
    suffixes = {path.suffix.lower() for path in _files(data)}
    if suffixes & PICKLES:
        return "a pickled file can run code, and is not opened", CONVERSION
    if not suffixes & SUFFIXES and suffixes & images.SUFFIXES:
        return "it holds images, and this is a set of sounds", "name a folder of recordings"
    if not suffixes & SUFFIXES:
        return f"there is no file that ends in {', '.join(sorted(SUFFIXES))}", fix
    return "; ".join(notes), fix


def _files(data: Path) -> Iterator[Path]:
    """Yield all files below ``data``, sorted; hidden ones are left out."""
    for place, folders, names in os.walk(data):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def sound_paths(folder: Path) -> Iterator[Path]:
    """Yield the sound files below ``folder``, sorted; hidden ones are left out."""
    return (path for path in _files(folder) if path.suffix.lower() in SUFFIXES)


def _table(data: Path, numbers: dict[str, int]) -> tuple[list[Recording], list[str]]:
    path = data / LABELS
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"{path} cannot be read", why=str(error), fix="save as UTF-8") from None
    if not rows or not {"file", "word"} <= rows[0].keys():
        raise BenchError(f"{path} lacks rows, or the columns file and word")
    found, wrong, strange = [], [], []
    for line, row in enumerate(rows, start=2):
        word = (row["word"] or "").strip()
        if word.casefold() not in numbers:
            strange.append(word or f"(none, line {line})")
            continue
        try:
            found.append(_row(data, row, numbers[word.casefold()]))
        except ItemError as error:
            wrong.append(f"line {line}: {error}")
    notes = [listing("words outside the label space", strange)] if strange else []
    if wrong:
        notes.append(listing(f"lines of {LABELS} left out", wrong))
    return found, notes


def _row(data: Path, row: dict[str, str | None], number: int) -> Recording:
    name, start, end, split, speaker = (
        (row.get(key) or "").strip() for key in ("file", "start", "end", "split", "speaker")
    )
    path = data / name
    if not name or not path.is_file():
        raise ItemError(f"there is no file {name!r}")
    if bool(start) != bool(end):
        raise ItemError("start and end go together")
    if split and split not in SPLITS:
        raise ItemError(f"split {split!r} is none of {', '.join(SPLITS)}")
    try:
        word_s = (float(start), float(end)) if start else None
    except ValueError:
        raise ItemError(f"start {start!r} and end {end!r} are not numbers") from None
    ident = f"{Path(name).as_posix()}@{float(start):.3f}" if start else Path(name).as_posix()
    return Recording(path, ident, number, speaker, split, word_s)


def _word_folders(data: Path, numbers: dict[str, int]) -> tuple[list[Recording], list[str]]:
    found, strange = [], []
    for folder in sorted(p for p in data.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if folder.name in BACKGROUND_FOLDERS:
            continue
        files = [Recording(p, p.relative_to(data).as_posix(), -1) for p in sound_paths(folder)]
        if folder.name.casefold() in numbers:
            number = numbers[folder.name.casefold()]
            found += [replace(one, number=number) for one in files]
        elif files:
            strange.append(folder.name)
    return found, [listing("folders that name no word", strange)] if strange else []


def _speech_commands(data: Path, numbers: dict[str, int]) -> tuple[list[Recording], list[str]]:
    listed = {
        line.strip(): split
        for name, split in ((TESTING, "test"), (VALIDATION, "valid"))
        for line in (data / name).read_text(encoding="utf-8").splitlines()
    }
    everything, notes = _word_folders(data, numbers)
    found = [
        replace(
            one,
            speaker=one.path.stem.partition(SPEAKER_MARK)[0],
            split=listed.get(one.id, "train"),
        )
        for one in everything
    ]
    return found, notes


def _librispeech(
    data: Path, aligned: Sequence[Path], numbers: dict[str, int]
) -> tuple[list[Recording], list[str]]:
    sounds = {path.stem: path for path in sound_paths(data)}
    found, wrong, lost = [], [], []
    for path in aligned:
        try:
            words = (read_textgrid if path.suffix == ".TextGrid" else read_alignment)(path)
        except ItemError as error:
            wrong.append(str(error))
            continue
        for word in words:
            if word.word not in numbers or not _has_room(word):
                continue
            if word.utterance not in sounds:
                lost.append(word.utterance)
                continue
            sound = sounds[word.utterance]
            part = sound.relative_to(data).parts[0].partition("-")[0]
            found.append(
                Recording(
                    sound,
                    f"{word.utterance}@{word.start_s:.3f}",
                    numbers[word.word],
                    speaker=word.utterance.partition("-")[0],
                    split=LIBRISPEECH_SPLITS.get(part, ""),
                    word_s=(word.start_s, word.end_s),
                )
            )
    notes = [listing("alignments left out", wrong)] if wrong else []
    if lost:
        notes.append(listing("utterances without a recording", sorted(set(lost))))
    return found, notes


def _has_room(word: SpokenWord) -> bool:
    middle = (word.start_s + word.end_s) / 2
    return BESIDE_WORD_S <= middle <= word.seconds - BESIDE_WORD_S
