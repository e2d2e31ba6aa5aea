"""Which stimuli a null distribution compares, and how many are held in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.synthesis.pairwise import BYTES_PER_UNIT, RANKING_BYTES_PER_UNIT

PAPER_PAIRS: Final = 1_000_000  # Feather et al. 2023: pairs a model
LARGEST_BATCH = 32
MOST_COLUMNS = 128
SMALLEST_TILE = 64  # of stimuli held, where memory allows
TILE_PER_REACH = 8  # holding 8 times the reach re-reads at most an eighth of the stimuli


@dataclass(frozen=True)
class PairPlan:
    """Which stimuli are compared: each of a shuffled circle with some of those that follow it.

    No pair comes twice, in either order; every stimulus is used equally often (to within one);
    as long as there are enough stimuli, none is used twice. The first of a pair is the earlier
    on the circle, so that its order is random too.

    Attributes
    ----------
    order
        Positions of the stimuli round the circle, int64 ``(n,)``.
    reach
        With how many of those that follow it each is paired, int64 ``(n,)``.
    """

    order: NDArray[np.int64]
    reach: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.reach.sum())

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Number of the first pair of each stimulus, int64 ``(n,)``."""
        return np.cumsum(self.reach) - self.reach

    def places(self) -> NDArray[np.int64]:
        """Return the places on the circle of both stimuli of every pair, int64 ``(pairs, 2)``."""
        first = np.repeat(np.arange(len(self.order)), self.reach)
        step = np.arange(len(self)) - self.starts[first] + 1
        return np.stack([first, (first + step) % len(self.order)], axis=1)

    def positions(self) -> NDArray[np.int64]:
        """Return the positions among the stimuli of every pair, int64 ``(pairs, 2)``."""
        return self.order[self.places()]


def plan_pairs(stimuli: int, pairs: int | None, seed: int) -> PairPlan:
    """Choose ``pairs`` of ``stimuli`` different stimuli (None: the paper's number, or all).

    Raises
    ------
    BenchError
        If there are not so many pairs.
    """
    most = stimuli * (stimuli - 1) // 2
    if pairs is None:
        pairs = min(PAPER_PAIRS, most)
    if not 1 <= pairs <= most:
        raise BenchError(
            f"a null distribution of {pairs:,} pairs",
            why=f"{stimuli:,} different stimuli make {most:,} pairs",
            fix="ask for at least 1 and at most so many, or give more stimuli",
        )
    order = np.random.default_rng(seed).permutation(stimuli)
    if 2 * pairs <= stimuli:
        return PairPlan(order[: 2 * pairs], np.tile(np.array([1, 0]), pairs))
    reach = np.full(stimuli, pairs // stimuli)
    reach[: pairs % stimuli] += 1
    return PairPlan(order, reach)


@dataclass(frozen=True)
class Layout:
    """How much is held in memory at once: stimuli (``tile``, ``columns``, ``batch``) and bytes."""

    tile: int
    columns: int
    batch: int
    block_bytes: int


def plan_layout(units: Sequence[int], plan: PairPlan, memory_bytes: int) -> Layout:
    """Fit the work on stages of so many ``units`` into ``memory_bytes``.

    Raises
    ------
    BenchError
        If not even two stimuli fit.
    """
    row = BYTES_PER_UNIT * sum(units)
    block = memory_bytes // 16
    columns = max(1, min(MOST_COLUMNS, memory_bytes // 8 // row))
    batch = max(1, min(LARGEST_BATCH, columns, memory_bytes // 8 // row))
    # A batch leaves the model as float32, and is copied once while it is captured.
    besides = RANKING_BYTES_PER_UNIT * max(units) + (columns + batch) * row + 2 * block
    products = 40 * columns  # of a stimulus that is held with the columns, and which are wanted
    fit = (memory_bytes - besides) // (row + products)
    if fit < 1:
        least = (RANKING_BYTES_PER_UNIT * max(units) + 3 * row + products) * 8 // 7 + 16
        raise BenchError(
            f"memory_bytes={memory_bytes:,} is too little for stages of {sum(units):,} units",
            fix=f"give at least {least:,}, or fewer stages at a time",
        )
    useful = max(SMALLEST_TILE, TILE_PER_REACH * int(plan.reach.max()))
    return Layout(min(fit, useful, len(plan.order)), columns, batch, block)
