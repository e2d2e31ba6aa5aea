"""What the images in a user's folder show, by class folders, their own names, ImageNet's lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.labels.imagenet import CATEGORIES, category_map, folder_numbers, normal
from bench.legible import legible
from bench.stimuli.devkit import TRUTHS, validation_truths
from bench.stimuli.files import files_below, files_in, folders_in, image_paths, is_image

CATEGORY_SPACE = "imagenet16"
# ImageNet's own names, as published and as Hugging Face's archives have them: with the class.
VALIDATION_NAME = re.compile(r"(ILSVRC2012_val_(\d{8}))(?:_(n\d{8}))?")
TRAINING_NAME = re.compile(r"(n\d{8})_\d+(?:_n\d{8})?")
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


@dataclass(frozen=True)
class Labelled:
    """The labelled images of a folder, the space of their labels, and what was left out."""

    found: list[Found]
    space: str
    notes: list[str]


def labelled(data: Path, space: str) -> Labelled:
    """Find the labelled images below ``data``, and what was left out.

    Class folders are named by WordNet ids, class names or categories; where categories alone name
    them, the labels are in ``imagenet16``. Images in a flat folder are labelled by their names
    where these hold WordNet ids, ImageNet's validation images by the devkit or Kaggle's solution.

    Raises
    ------
    BenchError
        If there is neither.
    """
    for names in dict.fromkeys((space, CATEGORY_SPACE)):
        for root in roots(data):
            found, notes = _class_folders(root, names)
            if found:
                return Labelled(found, names, [*notes, *_coarser(names, space)])
    for root in _flat_first(data):
        found, notes = _flat(data, root, space)
        if found:
            return Labelled(found, space, notes)
    raise BenchError(
        f"{data} holds no images of {space}",
        why="no folder in it is named by a WordNet id, a class or a category, and no image is "
        "named by ImageNet",
        fix="put the images of each class into a folder of its name",
    )


def roots(data: Path) -> list[Path]:
    """Return the folders below ``data`` in which images may lie, itself first."""
    return [data / inside for inside in INSIDE if (data / inside).is_dir()]


def _flat_first(data: Path) -> list[Path]:
    """Return the folders in which a flat copy may lie, the one with training images last."""
    return [*roots(data)[1:], data]


def _coarser(names: str, space: str) -> list[str]:
    if names == space:
        return []
    return [f"only the 16 categories name the folders: answers are counted in {names}"]


def _class_folders(root: Path, space: str) -> tuple[list[Found], list[str]]:
    numbers, known = folder_numbers(space), folder_numbers("imagenet1k")
    found: list[Found] = []
    strange, others, categories = [], [], []
    for folder in folders_in(root):
        name = normal(folder.name)
        if name in numbers:
            for path in files_below(folder):
                if is_image(path):
                    found.append(Found(path, _name(path, root), numbers[name]))
                else:
                    others.append(str(path.relative_to(root)))
        elif name in CATEGORIES:
            categories.append(folder.name)
        elif name not in known:  # a class without a category is nothing to speak of
            strange.append(folder.name)
    loose = [path.name for path in files_in(root) if is_image(path)]
    return found, _left_out(
        {
            "folders that name no class": strange,
            "folders that name a category, which is no class of the 1000": categories,
            "images in no class folder": loose,
            "files that are no images by their suffix": others,
        }
    )


def _left_out(kinds: Mapping[str, Sequence[str]]) -> list[str]:
    return [listing(what, names) for what, names in kinds.items() if names]


def _name(path: Path, root: Path) -> str:
    """Return a stimulus id: ImageNet's own name, or the path below the images' folder."""
    own = VALIDATION_NAME.fullmatch(path.stem)
    return own[1] if own else legible(path.relative_to(root).as_posix())


def _flat(data: Path, root: Path, space: str) -> tuple[list[Found], list[str]]:
    """Label images by their own names, or validation images by a list that lies about."""
    numbers = folder_numbers("imagenet1k")
    mapped = np.arange(1000) if space == "imagenet1k" else category_map()
    paths = list(image_paths(root))
    by_path = {p: numbers[wnid] for p in paths if (wnid := _class_in(p, root)) in numbers}
    unsaid = {n: path for n, path in _numbered(paths).items() if path not in by_path}
    absent: list[str] = []
    if unsaid:
        truths = validation_truths(data)
        if truths is None and not by_path:
            raise BenchError(
                f"{data} holds ImageNet's validation images, but nothing says what they show",
                fix=f"put one of these beside them: {TRUTHS}",
            )
        truths = truths or {}
        by_path |= {path: truths[n] for n, path in unsaid.items() if n in truths}
        absent = [path.name for n, path in unsaid.items() if n not in truths]
    strange = [p.name for p in paths if p not in by_path and not VALIDATION_NAME.fullmatch(p.stem)]
    found = [
        Found(path, _name(path, root), int(mapped[by_path[path]]))
        for path in paths
        if path in by_path and mapped[by_path[path]] >= 0
    ]
    return found, _left_out(
        {
            "validation images of which no list says what they show": absent,
            "images that nothing labels": strange,
        }
    )


def _class_in(path: Path, root: Path) -> str:
    """Return the WordNet id in the name of one of ImageNet's files; training's must lie flat."""
    if own := VALIDATION_NAME.fullmatch(path.stem):
        return own[3] or ""
    training = TRAINING_NAME.fullmatch(path.stem) if path.parent == root else None
    return training[1] if training else ""


def validation_files(data: Path) -> tuple[dict[int, Path], int]:
    """Return ImageNet's validation images below ``data``, in any layout, by their number.

    Returns
    -------
    files
        Number to path.
    n_images
        How many images there are in all in the folder in which they were looked for.
    """
    paths = list(image_paths(_flat_first(data)[0]))  # spares walking through training images
    return _numbered(paths), len(paths)


def _numbered(paths: Iterable[Path]) -> dict[int, Path]:
    named = ((VALIDATION_NAME.fullmatch(path.stem), path) for path in paths)
    return {int(name[2]): path for name, path in named if name}


def listing(what: str, names: Sequence[str]) -> str:
    """Say in a line how many and which were left out."""
    shown = "; ".join(names[:NAMES_SHOWN]) + ("; ..." if len(names) > NAMES_SHOWN else "")
    return legible(f"{len(names)} {what}: {shown}")
