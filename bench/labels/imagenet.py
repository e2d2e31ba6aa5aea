"""The 1000 classes of ImageNet (ILSVRC-2012) and their 16 entry-level categories."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE = Path(__file__).with_name("imagenet1k.tsv")

# In the order in which Feather et al. 2023 number them (stimuli, response icons).
CATEGORIES = (
    "airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat",
    "chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck",
)  # fmt: skip

# The reference code finds a class by its name, and so takes "Dutch oven" (n03259280), which the
# published list leaves out, for an oven.
AS_EXECUTED = {"n03259280": "oven"}


@dataclass(frozen=True)
class ImageNetClass:
    """One class: its WordNet id, its names (the usual one first), its category if it has one."""

    wnid: str
    names: tuple[str, ...]
    category: str | None


@cache
def classes() -> tuple[ImageNetClass, ...]:
    """Return the 1000 classes in the order of a network's outputs (sorted WordNet ids)."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return tuple(
        ImageNetClass(wnid, tuple(names.split(", ")), None if category == "-" else category)
        for wnid, names, category in rows
    )


def class_names() -> tuple[str, ...]:
    """Return one name a class, made unique by the WordNet id where two classes share it."""
    count = Counter(one.names[0] for one in classes())
    return tuple(
        one.names[0] if count[one.names[0]] == 1 else f"{one.names[0]} ({one.wnid})"
        for one in classes()
    )


def category_map(*, as_executed: bool = False) -> NDArray[np.int64]:
    """Return for each of the 1000 classes the number of its category, -1 where it has none.

    Parameters
    ----------
    as_executed
        False: the published list (Geirhos et al. 2018; 207 classes). True: what the code of
        Feather et al. 2023 does, which differs in one class (see `AS_EXECUTED`).
    """
    extra = AS_EXECUTED if as_executed else {}
    found = (extra.get(one.wnid, one.category) for one in classes())
    return np.array([CATEGORIES.index(c) if c else -1 for c in found], dtype=np.int64)


@cache
def folder_numbers(space: str) -> dict[str, int]:
    """Return the class number that a folder's name stands for, by normalised name.

    Known are WordNet ids, every name of a class that no other class shares and, in
    ``imagenet16``, the 16 categories (a category's own name goes before that of a class).
    In ``imagenet16`` the classes without a category are left out.
    """
    meanings: dict[str, set[int]] = {}
    for number, one in enumerate(classes()):
        for name in (one.wnid, *one.names):
            meanings.setdefault(normal(name), set()).add(number)
    numbers = {name: next(iter(found)) for name, found in meanings.items() if len(found) == 1}
    if space == "imagenet1k":
        return numbers
    mapped = category_map()
    return {name: int(mapped[k]) for name, k in numbers.items() if mapped[k] >= 0} | {
        name: number for number, name in enumerate(CATEGORIES)
    }


def normal(name: str) -> str:
    """Return a class name without case, and with spaces for underscores and hyphens."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
