"""Which classes a label number names, and how one space's logits decide in another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError, ItemError, UnknownName
from bench.labels.imagenet import CATEGORIES, category_map, class_names
from bench.labels.words import SPEECH_COMMANDS, word_names
from bench.registry import near_names
from bench.spec import check_id


@dataclass(frozen=True)
class LabelSpace:
    """The classes of a task, in the order of a network's outputs."""

    id: str
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        check_id("label space", self.id)
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise BenchError(
                f"label space {self.id} needs two classes or more, each with a name of its own"
            )

    @property
    def chance(self) -> float:
        """Proportion correct of a guess."""
        return 1 / len(self.classes)


@dataclass(frozen=True)
class LabelMap:
    """Which class of one label space stands for which of another.

    Parameters
    ----------
    source, target
        Ids of the spaces.
    classes
        For each class of the source its class in the target, or -1 where it has none.
    """

    source: str
    target: str
    classes: tuple[int, ...]

    @property
    def id(self) -> str:
        """Name in listings."""
        return f"{self.source} to {self.target}"


# https://www.cs.toronto.edu/~kriz/cifar.html, in the order of its labels.
CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
SPACES: dict[str, LabelSpace] = {
    space.id: space
    for space in (
        LabelSpace("digits", tuple("0123456789")),
        LabelSpace("cifar10", CIFAR10),
        LabelSpace("imagenet1k", class_names()),
        LabelSpace("imagenet16", CATEGORIES),
        LabelSpace("imagenet16-as-executed", CATEGORIES),
        LabelSpace("words", word_names()),
        LabelSpace("speech-commands", SPEECH_COMMANDS),
    )
}
# (from, to): for each class of the first space its class in the second, or -1 where it has none.
MAPS: dict[tuple[str, str], NDArray[np.int64]] = {
    ("imagenet1k", "imagenet16"): category_map(),
    ("imagenet1k", "imagenet16-as-executed"): category_map(as_executed=True),
}


def add_space(new: LabelSpace) -> None:
    """Make a label space known by its id."""
    SPACES[new.id] = new


def add_map(new: LabelMap) -> None:
    """Make a map between two label spaces known.

    Raises
    ------
    BenchError
        If a space is unknown, or the map does not fit the two.
    """
    sizes = [len(space(name).classes) for name in (new.source, new.target)]
    classes = np.asarray(new.classes, dtype=np.int64)
    if classes.shape != (sizes[0],) or classes.min() < -1 or classes.max() >= sizes[1]:
        raise BenchError(
            f"label map {new.id} does not fit its spaces",
            why=f"it wants {sizes[0]} numbers from -1 to {sizes[1] - 1}",
        )
    MAPS[new.source, new.target] = classes


def space(name: str) -> LabelSpace:
    """Return the label space called ``name``; raise `UnknownName` otherwise."""
    try:
        return SPACES[name]
    except KeyError:
        near = near_names(name, SPACES) or list(SPACES)
        raise UnknownName(
            f"no label space is called {name!r}", fix=f"did you mean {', '.join(near)}?"
        ) from None


def compatible(own: str, asked: str) -> bool:
    """Return whether a model with labels in ``own`` can answer in ``asked``."""
    return own == asked or (own, asked) in MAPS


def class_map(own: str, asked: str) -> NDArray[np.int64]:
    """Return for each class of ``own`` its class in ``asked``, -1 where it has none.

    Raises
    ------
    ItemError
        If the one cannot be read as the other.
    """
    if not compatible(own, asked) or own == asked:
        raise ItemError(f"labels in {own} cannot be read as {asked}")
    return MAPS[own, asked]


def decide(logits: NDArray[np.floating], own: str, asked: str) -> NDArray[np.int64]:
    """Return the class in the space ``asked`` that each row of logits stands for, int64 ``(N,)``.

    Within one space the largest logit decides. Between two, the classes are gone through in
    descending order of their logits, and the first that is mapped decides (Feather et al. 2023,
    Methods, 16-way decision).

    Raises
    ------
    ItemError
        If the logits are not finite or do not fit the label space.
    """
    expected = len(space(own).classes)
    if logits.ndim != 2 or logits.shape[1] != expected:
        raise ItemError(
            f"logits of shape {logits.shape} do not fit the {expected} classes of {own}"
        )
    if not np.isfinite(logits).all():
        raise ItemError("the model's logits are not finite")
    if own == asked:
        return np.asarray(logits.argmax(axis=1), dtype=np.int64)
    mapped = class_map(own, asked)
    masked = np.where(mapped >= 0, logits, -np.inf)
    return np.asarray(mapped[masked.argmax(axis=1)], dtype=np.int64)
