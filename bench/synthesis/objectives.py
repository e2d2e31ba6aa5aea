"""What synthesis minimises, one value a stimulus."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.linalg import vector_norm

from bench.synthesis.schedules import UnitSet


def relative_distance(activation: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return ||a - a0|| / ||a0|| of each row, ``(N,)``, norms not squared.

    Source: Feather et al. 2023, Methods; Nanda et al. 2023, eq. 2, first term.
    """
    distance: torch.Tensor = lengths(activation - target) / lengths(target)
    return distance


def potential(before: torch.Tensor, target: torch.Tensor, relu: bool) -> torch.Tensor:
    """Return the function of each row whose gradient the modified ReLU gives, ``(N,)``.

    The modified ReLU (Feather et al. 2023) passes relu(z) - t back to z as if it were the true
    gradient of half the squared distance. It is the true gradient of

        (relu(z) - t)^2 / 2 + t (relu(z) - z),

    summed over units: convex in z, and least where relu(z) = t, for t >= 0. So a line search has
    something to go down. It is divided by ||t||^2, as the loss is by ||t||.

    Parameters
    ----------
    before
        What the stage's last ReLU is applied to, z; without ``relu``, the activation.
    relu
        Whether the stage ends in a modified ReLU; if not, half the squared distance is returned.
    """
    if relu:
        after = before.clamp(min=0)
        units = (after - target).square() / 2 + target * (after - before)
    else:
        units = (before - target).square() / 2
    return units.flatten(start_dim=1).sum(dim=1) / lengths(target).square()


def lengths(x: torch.Tensor) -> torch.Tensor:
    """Return the L2 norm of each row, ``(N,)``; channels-last tensors are not copied for it."""
    rows = x.flatten(start_dim=1) if x.is_contiguous() else x
    norms: torch.Tensor = vector_norm(rows, dim=tuple(range(1, rows.ndim)))
    return norms


def subset_distance(
    activation: torch.Tensor, target: torch.Tensor, subsets: Sequence[UnitSet | None]
) -> torch.Tensor:
    """Return the relative distance over each row's own subset of units, ``(N,)``.

    ``subsets`` has one index of dimension 1 a row, None being all units. Where the target's
    subset is all zero, the value is 0 and has no gradient: those units cannot guide this step.
    """
    if all(subset == subsets[0] for subset in subsets):
        return _guarded(_units(activation, subsets[0]), _units(target, subsets[0]))
    rows = [
        _guarded(_units(activation[i : i + 1], subset), _units(target[i : i + 1], subset))
        for i, subset in enumerate(subsets)
    ]
    return torch.cat(rows)


def _units(activation: torch.Tensor, subset: UnitSet | None) -> torch.Tensor:
    return activation if subset is None else activation[:, subset]


def _guarded(a: torch.Tensor, a0: torch.Tensor) -> torch.Tensor:
    length = lengths(a0)
    known = length > 0
    distance: torch.Tensor = lengths(a - a0) / torch.where(known, length, 1)
    guarded: torch.Tensor = distance * known
    return guarded
