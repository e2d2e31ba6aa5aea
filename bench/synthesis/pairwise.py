"""Spearman, Pearson and signal-to-noise ratio of many pairs of activations at once.

Each stimulus is ranked once; pairs then cost two inner products. Products are summed in float64
over blocks of units, so that the result equals the pair-by-pair one to float64 accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import torch

MEASURES: Final = ("spearman", "pearson", "snr_db")
# Below this share of the two powers, ||a - b||^2 from inner products has lost digits to
# cancellation (likewise a covariance beside large means): those few pairs are subtracted directly.
CANCELLED: Final = 1e-6
BYTES_PER_UNIT: Final = 8  # of one stimulus in `Rows`: a value and a rank, float32
RANKING_BYTES_PER_UNIT: Final = 25  # while one row is ranked: order, sorted copy, ends of ties


@dataclass(frozen=True)
class Rows:
    """Activations of ``n`` stimuli at one stage, with what pairs need of each.

    Attributes
    ----------
    values, ranks
        float32 ``(n, units)``; ranks are centred on 0, ties averaged (exact up to 16.7 million
        units, rounded to 24 bits beyond).
    mean, power, spread, rank_spread
        float64 ``(n,)``: mean; sum of squares; sum of squares about the mean, of values and ranks.
    """

    values: torch.Tensor
    ranks: torch.Tensor
    mean: torch.Tensor
    power: torch.Tensor
    spread: torch.Tensor
    rank_spread: torch.Tensor

    @classmethod
    def empty(cls, n: int, units: int, device: torch.device) -> Rows:
        """Return room for ``n`` stimuli."""
        big = (torch.empty(n, units, device=device) for _ in range(2))
        small = (torch.empty(n, dtype=torch.float64, device=device) for _ in range(4))
        return cls(*big, *small)

    def fill(self, activations: torch.Tensor, block_bytes: int) -> None:
        """Take in ``(n, units)``."""
        self.values.copy_(activations)
        for row, value in enumerate(self.values):
            self.ranks[row] = centred_ranks(value)
        n, units = self.values.shape
        self.mean.zero_()
        for block in _blocks(units, n, block_bytes):
            self.mean.add_(self.values[:, block].sum(dim=1, dtype=torch.float64))
        self.mean.div_(units)
        nothing = torch.zeros_like(self.mean)
        self.power.copy_(_squares(self.values, nothing, block_bytes))
        self.spread.copy_(_squares(self.values, self.mean, block_bytes))
        self.rank_spread.copy_(_squares(self.ranks, nothing, block_bytes))

    def __getitem__(self, part: slice) -> Rows:
        return Rows(*(getattr(self, field.name)[part] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.mean)


def centred_ranks(row: torch.Tensor) -> torch.Tensor:
    """Return the ranks of ``(units,)``, ties averaged, minus their mean, float32."""
    if row.device.type == "cpu":  # NumPy sorts several times faster than torch on processors
        return torch.from_numpy(_centred_ranks_numpy(row.numpy()))
    return _centred_ranks_torch(row)


def _centred_ranks_torch(row: torch.Tensor) -> torch.Tensor:
    ordered, order = row.sort()
    below = torch.searchsorted(ordered, ordered, out_int32=True)
    up_to = torch.searchsorted(ordered, ordered, right=True, out_int32=True)
    result = torch.empty(len(row), device=row.device)
    result[order] = (below + up_to - len(row)).to(torch.float32) / 2
    return result


def _centred_ranks_numpy(row: np.ndarray) -> np.ndarray:
    order = np.argsort(row)
    ordered = row[order]
    starts = np.ones(len(row), dtype=bool)  # of runs of equal values
    np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
    del ordered
    place = np.arange(len(row), dtype=np.int32)
    doubled = np.maximum.accumulate(np.where(starts, place, np.int32(0)))
    place[:-1][~starts[1:]] = len(row) - 1
    doubled += np.minimum.accumulate(place[::-1])[::-1]
    doubled += 1 - len(row)
    result = np.empty(len(row), dtype=np.float32)
    result[order] = doubled
    result *= 0.5
    return result


def measure_pairs(
    a: Rows, b: Rows, wanted: torch.Tensor, block_bytes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Compare rows of ``a`` with rows of ``b``.

    Parameters
    ----------
    wanted
        Which pairs, bool ``(len(a), len(b))``.
    block_bytes
        Memory for float64 copies of a block of units.

    Returns
    -------
    Measures, float64 ``(pairs, 3)`` in the order of `MEASURES` and of ``wanted.nonzero()``: NaN
    where undefined; and the pairs with an all-zero activation, bool ``(pairs,)``. SNR is
    20 log10(||a|| / ||a - b||) in dB, infinite where the two are equal.
    """
    used = wanted.any(dim=1).nonzero()[:, 0]
    i, j = wanted.nonzero(as_tuple=True)
    i_used = torch.searchsorted(used, i)
    dot = _products(a.values, b.values, used, block_bytes)[i_used, j]
    rank_dot = _products(a.ranks, b.ranks, used, block_bytes)[i_used, j]
    units = a.values.shape[1]
    powers = a.power[i] + b.power[j]
    noise = powers - 2 * dot
    means = units * a.mean[i] * b.mean[j]
    covariance = dot - means
    scale = (a.spread[i] * b.spread[j]).sqrt()
    lost = (noise < CANCELLED * powers) | (scale < CANCELLED * means.abs())
    for k in lost.nonzero()[:, 0].tolist():
        noise[k], covariance[k] = _directly(a[i[k] : i[k] + 1], b[j[k] : j[k] + 1], block_bytes)
    rank_scale = (a.rank_spread[i] * b.rank_spread[j]).sqrt()
    varied = rank_scale > 0  # exactly 0 for a constant activation; the spread of values is rounded
    values = torch.stack(
        [
            torch.where(varied, (rank_dot / rank_scale).clamp(-1, 1), torch.nan),
            torch.where(varied, (covariance / scale).clamp(-1, 1), torch.nan),
            10 * torch.log10(a.power[i] / noise),
        ],
        dim=1,
    )
    all_zero = (a.power[i] == 0) | (b.power[j] == 0)
    values[all_zero] = torch.nan
    return values, all_zero


def _products(
    a: torch.Tensor, b: torch.Tensor, used: torch.Tensor, block_bytes: int
) -> torch.Tensor:
    total = torch.zeros(len(used), len(b), dtype=torch.float64, device=a.device)
    whole = len(used) == len(a)
    for block in _blocks(a.shape[1], 2 * len(used) + len(b), block_bytes):
        left = a[:, block] if whole else a[:, block].index_select(0, used)
        total += left.double() @ b[:, block].double().T
    return total


def _directly(a: Rows, b: Rows, block_bytes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ||a - b||^2 and the unscaled covariance of two single rows."""
    noise, covariance = torch.zeros_like(a.power[0]), torch.zeros_like(a.power[0])
    for block in _blocks(a.values.shape[1], 4, block_bytes):
        left, right = a.values[0, block].double(), b.values[0, block].double()
        noise += (left - right).square().sum()
        covariance += ((left - a.mean) * (right - b.mean)).sum()
    return noise, covariance


def _squares(rows: torch.Tensor, about: torch.Tensor, block_bytes: int) -> torch.Tensor:
    """Return the sum of squares of each row about its value in ``about``."""
    total = torch.zeros_like(about)
    for block in _blocks(rows.shape[1], 3 * len(rows), block_bytes):
        total += (rows[:, block].double() - about[:, None]).square().sum(dim=1)
    return total


def _blocks(units: int, rows: int, block_bytes: int) -> Iterator[slice]:
    """Cut units so that ``rows`` rows of a block fit ``block_bytes`` in float64."""
    step = max(1, block_bytes // (8 * rows))
    for first in range(0, units, step):
        yield slice(first, first + step)
