"""Stimuli made of the labelled images in a user's folder, in an order that is fair to cut short."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from bench.errors import BenchError, ItemError
from bench.stimuli.images import ImageFile, ImageFiles, Preparation, in_threads, inspect
from bench.stimuli.labelled import Found, labelled, listing
from bench.stimuli.sets import Stimuli


class Labelled(Protocol):
    """A file with a name and a class."""

    @property
    def id(self) -> str: ...

    @property
    def number(self) -> int: ...


L = TypeVar("L", bound=Labelled)


def required(data: Path | None, set_id: str) -> Path:
    """Return the user's folder.

    Raises
    ------
    BenchError
        If none was named, or it is not there.
    """
    if data is None:
        raise BenchError(
            f"stimulus set {set_id} is made of images of your own",
            fix="name their folder: --data DIR",
        )
    if not data.is_dir():
        raise BenchError(f"stimulus set {set_id}: there is no folder {data}", fix="check --data")
    return data


def fairly_ordered(found: Sequence[L]) -> list[L]:
    """Order files so that every prefix is a fair sample: class by class in turn.

    Classes and the files within one come in the order of a hash of their names.
    """
    by_class: dict[int, list[L]] = {}
    for one in sorted(found, key=lambda one: _hash(one.id)):
        by_class.setdefault(one.number, []).append(one)
    turns = [
        (turn, _hash(str(number)), one)
        for number, files in by_class.items()
        for turn, one in enumerate(files)
    ]
    return [one for *_, one in sorted(turns, key=lambda entry: entry[:2])]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def read_through(found: Sequence[Found], limit: int | None) -> tuple[list[ImageFile], list[str]]:
    """Return the first ``limit`` files that can be read, and why the others before could not."""

    def look(one: Found) -> ImageFile | ItemError:
        try:
            return inspect(one.path, one.id, upright=one.upright)
        except ItemError as error:
            return error

    files: list[ImageFile] = []
    unreadable: list[str] = []
    rest = list(found)
    wanted = len(rest) if limit is None else limit
    while rest and len(files) < wanted:
        now = wanted - len(files)
        for seen in in_threads(look, rest[:now]):
            if isinstance(seen, ImageFile):
                files.append(seen)
            else:
                unreadable.append(str(seen))
        rest = rest[now:]
    return files, unreadable


def stimuli_of(
    found: Sequence[Found],
    space: str,
    preparation: Preparation,
    limit: int | None,
    notes: Sequence[str] = (),
) -> Stimuli:
    """Make stimuli of the first ``limit`` files that can be read, in the order given.

    Raises
    ------
    BenchError
        If none can.
    """
    found, repeated = _apart(found)
    files, unreadable = read_through(found, limit)
    if not files:
        raise BenchError("no image could be read", why=listing("files", unreadable))
    if unreadable:
        notes = [*notes, listing("files left out", unreadable)]
    if repeated:
        notes = [*notes, listing("files left out, whose ids others have", repeated)]
    numbers = {one.id: one.number for one in found}
    return Stimuli(
        ids=tuple(file.id for file in files),
        values=ImageFiles(files, preparation),
        labels=np.array([numbers[file.id] for file in files], dtype=np.int64),
        label_space=space,
        notes=tuple(notes),
    )


def _apart(found: Sequence[Found]) -> tuple[list[Found], list[str]]:
    """Return files with different ids, and the paths of those whose ids others before have."""
    first: dict[str, Found] = {}
    for one in found:
        first.setdefault(one.id, one)
    return list(first.values()), [str(one.path) for one in found if first[one.id] is not one]


def folder_stimuli(
    set_id: str, space: str, preparation: Preparation, limit: int | None, data: Path | None
) -> Stimuli:
    """Load a set of all labelled images of a folder.

    They are labelled in ``space``, or in ``imagenet16`` where only that names them.

    Raises
    ------
    BenchError
        If the folder is not there or holds none.
    """
    images = labelled(required(data, set_id), space)
    return stimuli_of(fairly_ordered(images.found), images.space, preparation, limit, images.notes)
