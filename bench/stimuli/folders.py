"""Labelled images in a user's folder: class folders, or ImageNet's flat folder with its devkit."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import BenchError, ItemError
from bench.labels.imagenet import category_map, folder_numbers, normal
from bench.stimuli.devkit import TRUTHS, validation_truths
from bench.stimuli.images import (
    SUFFIXES,
    ImageFile,
    ImageFiles,
    Preparation,
    in_threads,
    inspect,
)
from bench.stimuli.sets import Stimuli

VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})")
# Where the validation images lie below the folder that users name, in common layouts.
INSIDE = ("", "val", "ILSVRC2012_img_val", "ILSVRC/Data/CLS-LOC/val", "Data/CLS-LOC/val")
NAMES_SHOWN = 5


@dataclass(frozen=True)
class Found:
    """An image file whose name or place says what it shows."""

    path: Path
    id: str
    number: int

    @property
    def upright(self) -> bool:
        """Whether EXIF data turn it: not ImageNet's own, which networks see as they are stored."""
        return VALIDATION_NAME.fullmatch(self.path.stem) is None


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


def labelled(data: Path, space: str) -> tuple[list[Found], list[str]]:
    """Find the labelled images below ``data``, and what was left out.

    Class folders are named by WordNet ids, class names or, in ``imagenet16``, categories. The
    flat folder of ImageNet's validation images is labelled by the devkit or Kaggle's solution.

    Raises
    ------
    BenchError
        If there is neither.
    """
    roots = [data / inside for inside in INSIDE if (data / inside).is_dir()]
    for root in roots:
        found, notes = _class_folders(root, space)
        if found:
            return found, notes
    flat = validation_files(data)
    if not flat:
        raise BenchError(
            f"{data} holds no images of {space}",
            why="no folder in it is named by a WordNet id or the name of a class, and there is no "
            "ILSVRC2012_val_*.JPEG",
            fix="put the images of each class into a folder of its name",
        )
    truths = validation_truths(data)
    if truths is None:
        raise BenchError(
            f"{data} holds ImageNet's validation images, but nothing says what they show",
            fix=f"put one of these beside them: {TRUTHS}",
        )
    mapped = np.arange(1000) if space == "imagenet1k" else category_map()
    return [
        Found(path, path.stem, int(mapped[truths[number]]))
        for number, path in flat.items()
        if number in truths and mapped[truths[number]] >= 0
    ], []


def _class_folders(root: Path, space: str) -> tuple[list[Found], list[str]]:
    numbers, known = folder_numbers(space), folder_numbers("imagenet1k")
    found, strange = [], []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        name = normal(folder.name)
        if name in numbers:
            found += [Found(p, _name(p, root), numbers[name]) for p in image_paths(folder)]
        elif name not in known:  # a class without a category is nothing to speak of
            strange.append(folder.name)
    notes = [listing("folders that name no class", strange)] if strange else []
    return found, notes


def _name(path: Path, root: Path) -> str:
    """Return a stimulus id: ImageNet's own name, or the path below the images' folder."""
    own = VALIDATION_NAME.fullmatch(path.stem)
    return path.stem if own else path.relative_to(root).as_posix()


def image_paths(folder: Path) -> Iterator[Path]:
    """Yield the image files below ``folder``, sorted; hidden ones are left out."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for path in (Path(place, name) for name in sorted(names)):
            if not path.name.startswith(".") and path.suffix.lower() in SUFFIXES:
                yield path


def validation_files(data: Path) -> dict[int, Path]:
    """Return ImageNet's validation images below ``data``, in any layout, by their number."""
    inside = (data / name for name in INSIDE if name)  # spares walking through training images
    root = next((folder for folder in inside if folder.is_dir()), data)
    named = ((VALIDATION_NAME.fullmatch(path.stem), path) for path in image_paths(root))
    return {int(name[1]): path for name, path in named if name}


def fairly_ordered(found: Sequence[Found]) -> list[Found]:
    """Order files so that every prefix is a fair sample: class by class in turn.

    Classes and the files within one come in the order of a hash of their names.
    """
    by_class: dict[int, list[Found]] = {}
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


def listing(what: str, names: Sequence[str]) -> str:
    """Say in a line how many and which were left out."""
    shown = "; ".join(names[:NAMES_SHOWN]) + ("; ..." if len(names) > NAMES_SHOWN else "")
    return f"{len(names)} {what}: {shown}"


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
    files, unreadable = read_through(found, limit)
    if not files:
        raise BenchError("no image could be read", why=listing("files", unreadable))
    if unreadable:
        notes = [*notes, listing("files left out", unreadable)]
    numbers = {one.id: one.number for one in found}
    return Stimuli(
        ids=tuple(file.id for file in files),
        values=ImageFiles(files, preparation),
        labels=np.array([numbers[file.id] for file in files], dtype=np.int64),
        label_space=space,
        notes=tuple(notes),
    )


def folder_stimuli(
    set_id: str, space: str, preparation: Preparation, limit: int | None, data: Path | None
) -> Stimuli:
    """Load a set of all labelled images of a folder.

    Raises
    ------
    BenchError
        If the folder is not there or holds none.
    """
    found, notes = labelled(required(data, set_id), space)
    return stimuli_of(fairly_ordered(found), space, preparation, limit, notes)
