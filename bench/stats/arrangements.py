"""What is as likely as the observed data if there is no effect: all of it, or some at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Order = NDArray[np.int64]

CHUNK = 1_000  # data sets held in memory at once; part of what a seed means


@dataclass(frozen=True)
class Arrangements:
    """The rearrangements of a design's values.

    Parameters
    ----------
    total
        How many there are, the observed one included. Those that differ by name only (two groups
        exchanged, say) count apart, which leaves every p value as it is.
    one_by_one
        Called without arguments: yields arrays ``(some, *shape of the values)``, each arrangement
        once.
    draw
        Called with a generator and a number: that many of them at random.
    """

    total: int
    one_by_one: Callable[[], Iterator[Array]]
    draw: Callable[[np.random.Generator, int], Array]

    def at_random(self, n: int, rng: np.random.Generator) -> Iterator[Array]:
        """Yield ``n`` random arrangements in chunks."""
        for start in range(0, n, CHUNK):
            yield self.draw(rng, min(CHUNK, n - start))


def of_cells(values: Array) -> Arrangements:
    """Rearrange the cells of each subject; ``values`` are ``(subjects, ...)``."""
    flat = values.reshape(len(values), -1)
    n, cells = flat.shape

    def draw(rng: np.random.Generator, size: int) -> Array:
        repeated = np.broadcast_to(flat, (size, *flat.shape))
        return rng.permuted(repeated, axis=-1).reshape(size, *values.shape)

    def one_by_one() -> Iterator[Array]:
        for chunk in _each(flat, np.arange(n)[None], _orders_of(cells)):
            yield chunk.reshape(-1, *values.shape)

    return Arrangements(math.factorial(cells) ** n, one_by_one, draw)


def of_labels(values: Array, groups: Order) -> Arrangements:
    """Deal the rows of ``values``, ``(subjects, levels)``, to the groups anew."""

    def draw(rng: np.random.Generator, size: int) -> Array:
        return np.asarray(values[_random_orders(rng, size, len(values))])

    return Arrangements(
        _splits(groups),
        lambda: _each(values, _deals(groups), np.arange(values.shape[1])[None]),
        draw,
    )


def of_labels_and_levels(values: Array, groups: Order) -> Arrangements:
    """Deal the rows to the groups anew and rearrange the levels in each."""
    n, levels = values.shape

    def draw(rng: np.random.Generator, size: int) -> Array:
        return rng.permuted(values[_random_orders(rng, size, n)], axis=-1)

    return Arrangements(
        _splits(groups) * math.factorial(levels) ** n,
        lambda: _each(values, _deals(groups), _orders_of(levels)),
        draw,
    )


def _each(values: Array, rows: Order, cells: Order) -> Iterator[Array]:
    """Yield every choice of an order of rows and, for each row, of an order of cells."""
    shape = (len(rows), *[len(cells)] * len(values))
    total = math.prod(shape)
    for start in range(0, total, CHUNK):
        row, *cell = np.unravel_index(np.arange(start, min(start + CHUNK, total)), shape)
        yield values[rows[row][..., None], cells[np.stack(cell, axis=1)]]


def _orders_of(n: int) -> Order:
    return np.array(list(permutations(range(n))), dtype=np.int64)


def _random_orders(rng: np.random.Generator, size: int, n: int) -> Order:
    return rng.permuted(np.broadcast_to(np.arange(n), (size, n)), axis=-1)


def _splits(groups: Order) -> int:
    """Return in how many ways subjects can be dealt to groups of these sizes."""
    return math.factorial(len(groups)) // math.prod(map(math.factorial, np.bincount(groups)))


def _deals(groups: Order) -> Order:
    """Return, for every way to deal the subjects to the groups, an order of rows that does."""
    sizes = np.bincount(groups).tolist()
    deals = np.empty((_splits(groups), len(groups)), dtype=np.int64)
    deals[:, np.argsort(groups, kind="stable")] = list(_dealt(tuple(range(len(groups))), sizes))
    return deals


def _dealt(subjects: tuple[int, ...], sizes: list[int]) -> Iterator[tuple[int, ...]]:
    if len(sizes) == 1:
        yield subjects
        return
    for chosen in combinations(subjects, sizes[0]):
        rest = tuple(subject for subject in subjects if subject not in chosen)
        for others in _dealt(rest, sizes[1:]):
            yield chosen + others
