"""The 400 images of Feather et al. 2023, rebuilt from a user's own copy of ImageNet.

The rule (public repository at f89cdad, candidate lists in imagenet400.tsv): of each category, in
the order of the draw, the first 25 candidates that were not excluded by hand, open as RGB and
have no side under 224 px.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from bench.errors import ItemError
from bench.labels.imagenet import CATEGORIES
from bench.stimuli.folders import fairly_ordered, required, stimuli_of
from bench.stimuli.images import METAMER, inspect
from bench.stimuli.labelled import Found, labelled, validation_files
from bench.stimuli.sets import Stimuli

SET_ID = "imagenet-400"
SPACE = "imagenet16"
PER_CATEGORY = 25
SMALLEST_SIDE_PX = 224
CANDIDATES = Path(__file__).with_name("imagenet400.tsv")


@dataclass
class Rebuilt:
    """What became of the candidates: those taken, by category, and why others were not."""

    taken: list[list[Found]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def notes(self) -> tuple[str, ...]:
        """The report of what was found."""
        short = [
            f"{name} {len(files)}"
            for name, files in zip(CATEGORIES, self.taken, strict=True)
            if len(files) < PER_CATEGORY
        ]
        count = sum(len(files) for files in self.taken)
        skipped = ", ".join(f"{n} {why}" for why, n in sorted(self.skipped.items())) or "none"
        report = (
            f"{count} of 400 stimuli found by the published rule; candidates skipped: {skipped}"
        )
        if self.skipped["missing"]:
            return report, "candidates are missing: these are not exactly the published stimuli"
        return (report, f"too few of {', '.join(short)}") if short else (report,)


def candidates() -> dict[str, tuple[tuple[int, bool], ...]]:
    """Return category to its candidates in draw order: (number, whether excluded by hand)."""
    lines = CANDIDATES.read_text(encoding="utf-8").splitlines()
    rows = dict(line.split("\t") for line in lines if not line.startswith("#"))
    return {
        name: tuple((abs(int(number)), number.startswith("-")) for number in rows[name].split())
        for name in CATEGORIES
    }


def rebuild(files: dict[int, Path]) -> Rebuilt:
    """Apply the published rule to a user's validation images, given by their numbers."""
    rebuilt = Rebuilt()
    for label, drawn in enumerate(candidates().values()):
        taken: list[Found] = []
        for number, excluded in drawn:
            if len(taken) == PER_CATEGORY:
                break
            reason = "excluded by hand" if excluded else _unfit(files.get(number))
            if reason:
                rebuilt.skipped[reason] += 1
            else:
                own = f"ILSVRC2012_val_{number:08d}"
                taken.append(Found(files[number], own, label))
        rebuilt.taken.append(taken)
    return rebuilt


def _unfit(path: Path | None) -> str:
    """Return why a candidate is not taken; nothing where it is."""
    if path is None:
        return "missing"
    try:
        image = inspect(path, path.stem)
    except ItemError:
        return "unreadable"
    if image.mode != "RGB":
        return "not RGB"
    return "under 224 px" if min(image.size) < SMALLEST_SIDE_PX else ""


def load(limit: int | None, data: Path | None) -> Stimuli:
    """Load the 400 stimuli, one of each category in turn.

    Where few or none of the images in ``data`` are ImageNet's validation images, a balanced sample
    of the labelled images that it does hold stands in for them, and the notes say so.

    Raises
    ------
    BenchError
        If there is no such folder, or nothing in it fits.
    """
    folder = required(data, SET_ID)
    files, n_images = validation_files(folder)
    if len(files) > n_images / 2:  # sets made from ImageNet's have kept a few names
        rebuilt = rebuild(files)
        turns = zip_longest(*rebuilt.taken)
        found = [one for turn in turns for one in turn if one is not None]
        return stimuli_of(found, SPACE, METAMER, limit, rebuilt.notes)
    images = labelled(folder, SPACE)
    return stimuli_of(
        fairly_ordered(images.found),
        SPACE,
        METAMER,
        limit,
        (*_stand_in(images.found), *images.notes),
    )


def _stand_in(found: Sequence[Found]) -> list[str]:
    there = {one.number for one in found}
    absent = [name for label, name in enumerate(CATEGORIES) if label not in there]
    notes = [
        f"the folder is no copy of ImageNet's validation images: a balanced sample of its "
        f"{len(found)} images in the 16 categories stands in for the published 400"
    ]
    return [*notes, f"no images of {', '.join(absent)}"] if absent else notes
