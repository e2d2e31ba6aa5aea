"""What synthesis minimises, one value a stimulus."""

from __future__ import annotations

import torch


def relative_distance(activation: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return ||a - a0|| / ||a0|| of each row, ``(N,)``, norms not squared.

    Source: Feather et al. 2023, Methods; Nanda et al. 2023, eq. 2, first term.
    """
    a, a0 = activation.flatten(start_dim=1), target.flatten(start_dim=1)
    return (a - a0).norm(dim=1) / a0.norm(dim=1)
