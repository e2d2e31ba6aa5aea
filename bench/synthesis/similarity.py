"""How alike two activations are: Spearman, Pearson, signal-to-noise ratio.

All functions take two tensors ``(N, features)`` and return float64 ``(N,)``, one value a row. Where
a measure is undefined (a row without variance), it is NaN.
"""

from __future__ import annotations

import torch


def ranks(x: torch.Tensor) -> torch.Tensor:
    """Return the ranks of each row, float64 ``(N, features)``, 1 the smallest, ties averaged."""
    x = x.detach()
    ordered = x.sort(dim=1).values
    below = torch.searchsorted(ordered, x.contiguous(), side="left")
    up_to = torch.searchsorted(ordered, x.contiguous(), side="right")
    return (below + up_to + 1).to(_wide(x)) / 2


def pearson(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return Pearson's correlation of each pair of rows."""
    a, b = _rows(a), _rows(b)
    a = a - a.mean(dim=1, keepdim=True)
    b = b - b.mean(dim=1, keepdim=True)
    scale = a.norm(dim=1) * b.norm(dim=1)
    value = (a * b).sum(dim=1) / scale
    return torch.where(scale > 0, value.clamp(-1, 1), torch.nan)


def spearman(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return Spearman's rank correlation of each pair of rows, ties averaged."""
    return pearson(ranks(_flat(a)), ranks(_flat(b)))


def snr_ratio(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return ||a|| / ||a - b|| of each pair of rows; infinite where they are equal."""
    a, b = _rows(a), _rows(b)
    ratio: torch.Tensor = a.norm(dim=1) / (a - b).norm(dim=1)
    return ratio


def snr_db(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return 20 log10(||a|| / ||a - b||) in dB of each pair of rows, ``a`` being the natural one.

    Feather et al. 2023 print this formula; their published code computes
    10 log10 of the same (unsquared) norms, which is half of it.
    """
    return 20 * torch.log10(snr_ratio(a, b))


def _wide(x: torch.Tensor) -> torch.dtype:
    return torch.float32 if x.device.type == "mps" else torch.float64  # MPS has no float64


def _flat(x: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(x).detach().flatten(start_dim=1)


def _rows(x: torch.Tensor) -> torch.Tensor:
    x = _flat(x)
    return x.to(_wide(x))
