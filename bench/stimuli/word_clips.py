"""Stimuli made of recorded words: those that are fit to be used, each cut round its word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.errors import BenchError, ItemError
from bench.stimuli.folders import fairly_ordered
from bench.stimuli.images import in_threads
from bench.stimuli.labelled import listing
from bench.stimuli.recordings import Recording, recordings
from bench.stimuli.sets import Stimuli
from bench.stimuli.sounds import SoundFile, SoundFiles, SoundPreparation, inspect


def recorded_stimuli(
    set_id: str,
    label_space: str,
    preparation: SoundPreparation,
    limit: int | None,
    data: Path | None,
) -> Stimuli:
    """Load a set of recorded words: those for test where the layout has splits, or else all.

    Raises
    ------
    BenchError
        If the folder is not there, holds no words, or none that is fit to be used.
    """
    if data is None or not data.is_dir():
        raise BenchError(
            f"stimulus set {set_id} is made of recordings of your own"
            if data is None
            else f"stimulus set {set_id}: there is no folder {data}",
            fix="name their folder: --data DIR",
        )
    found, notes = recordings(data, label_space)
    declared = [one for one in found if one.split]
    if declared:
        found = [one for one in declared if one.split == "test"]
        if not found:
            raise BenchError(
                f"{data} holds no recordings for test",
                why="all of them are for training or validation",
                fix="add recordings whose split is test, or leave out the splits",
            )
    files, numbers, unfit = _read_through(found, preparation, limit)
    if not files:
        raise BenchError("no recording could be used", why=listing("files", unfit))
    if unfit:
        notes = [*notes, listing("recordings left out", unfit)]
    short = sum(file.seconds * preparation.rate_hz < preparation.samples for file in files)
    if short:
        notes = [*notes, f"{short} recordings are shorter than the clip: silence surrounds them"]
    return Stimuli(
        ids=tuple(file.id for file in files),
        values=SoundFiles(files, preparation),
        labels=np.array(numbers, dtype=np.int64),
        label_space=label_space,
        notes=tuple(notes),
    )


def _read_through(
    found: Sequence[Recording], preparation: SoundPreparation, limit: int | None
) -> tuple[list[SoundFile], list[int], list[str]]:
    """Return the first ``limit`` files that are fit, their classes, and why others are not."""

    def look(one: Recording) -> SoundFile | ItemError:
        try:
            return inspect(one.path, one.id, preparation, one.word_s)
        except ItemError as error:
            return error

    files: list[SoundFile] = []
    numbers: list[int] = []
    unfit: list[str] = []
    rest = fairly_ordered(found)
    wanted = len(rest) if limit is None else limit
    while rest and len(files) < wanted:
        now = rest[: wanted - len(files)]
        rest = rest[len(now) :]
        for one, seen in zip(now, in_threads(look, now), strict=True):
            if isinstance(seen, SoundFile):
                files.append(seen)
                numbers.append(one.number)
            else:
                unfit.append(str(seen))
    return files, numbers, unfit
