"""What a stimulus set is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.legible import legible
from bench.spec import check_id


class Values(Protocol):
    """Stimuli that are read when they are indexed; a NumPy array is one.

    Indexing with a sequence of positions returns float32 ``(n, C, H, W)`` in [0, 1] for images
    or ``(n, samples)`` in [-1, 1] for sounds. Values that are costly to read may also have a
    method ``digest_of(position) -> bytes``, which then stands for the value in `Stimuli.digest`.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, positions: Any, /) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Stimuli:
    """Natural stimuli with their ids and labels.

    Parameters
    ----------
    ids
        One name a stimulus, unique, stable over sessions: noise starts are drawn from it.
    values
        The stimuli themselves (see `Values`).
    labels
        Class numbers, int64 ``(N,)``, in the label space ``label_space``.
    notes
        What the reader of a result should know about these stimuli: files that were left out.
    """

    ids: tuple[str, ...]
    values: Values
    labels: NDArray[np.int64]
    label_space: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.values) == len(self.labels):
            raise BenchError(
                f"{len(self.ids)} stimulus ids, {len(self.values)} stimuli "
                f"and {len(self.labels)} labels do not go together"
            )
        for name in self.ids:
            if not isinstance(name, str) or not name or legible(name) != name:
                raise BenchError(f"stimulus id {name!r} is not valid", fix="text in one line")
        if len(set(self.ids)) != len(self.ids):
            (twice, _), *_ = Counter(self.ids).most_common(1)
            raise BenchError(f"stimulus id {twice!r} is given twice")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: Sequence[int]) -> Stimuli:
        """Return the stimuli at ``positions``, read into memory."""
        index = list(positions)
        return Stimuli(
            tuple(self.ids[i] for i in index),
            self.values[index],
            self.labels[index],
            self.label_space,
            self.notes,
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids, labels and values: equal exactly when the stimuli are."""
        total = hashlib.sha256(self.label_space.encode())
        digest_of = getattr(self.values, "digest_of", None)
        for i, name in enumerate(self.ids):
            if digest_of is not None:
                total.update(f"\0{name}\0{int(self.labels[i])}\0".encode() + digest_of(i))
                continue
            value = np.ascontiguousarray(self.values[[i]], dtype="<f4")
            total.update(f"\0{name}\0{int(self.labels[i])}\0{value.shape}\0".encode())
            total.update(value.tobytes())
        return total.hexdigest()


@dataclass(frozen=True, kw_only=True)
class StimulusSet:
    """A stimulus set as a plugin registers it.

    Parameters
    ----------
    load
        ``load(limit, data)`` returns `Stimuli`: the first ``limit`` of them (all, if None), in an
        order in which every prefix is a fair sample, from the user's directory ``data`` if the
        set needs one.
    size
        How many there are, or None where that depends on the user's files.
    """

    id: str
    label_space: str
    load: Callable[[int | None, Path | None], Stimuli]
    description: str = ""
    size: int | None = None
    reference: str = ""
    license: str = ""

    def __post_init__(self) -> None:
        check_id("stimulus set", self.id.replace("/", "-"))
