"""When a stimulus stops moving, and why; codes live on the device, reasons are for people."""

from __future__ import annotations

import torch

from bench.synthesis.parts import EarlyStop
from bench.synthesis.protocols import Protocol
from bench.synthesis.similarity import snr_db, spearman

LIVE = 0
ZERO_GRADIENT, NOT_FINITE, ZERO_TARGET, TARGET_NOT_FINITE = 1, 2, 3, 4
MATCHED_EXACTLY, GOOD_ENOUGH = 5, 6
REASONS = {
    LIVE: "",
    ZERO_GRADIENT: "zero gradient",
    NOT_FINITE: "the gradient is not finite",
    ZERO_TARGET: "the natural stimulus' activation is zero, which leaves the loss undefined",
    TARGET_NOT_FINITE: "the natural stimulus' activation is not finite",
    MATCHED_EXACTLY: "",  # not a failure: there is nothing left to do
    GOOD_ENOUGH: "",
}


def freeze_by_target(target: torch.Tensor) -> torch.Tensor:
    """Return the code of each natural activation: `LIVE` where it can be matched."""
    flat = target.flatten(start_dim=1)
    codes = torch.zeros(len(flat), dtype=torch.long, device=flat.device)
    codes = torch.where((flat == 0).all(dim=1), ZERO_TARGET, codes)
    return torch.where(torch.isfinite(flat).all(dim=1), codes, TARGET_NOT_FINITE)


def freeze_by_gradient(
    frozen: torch.Tensor, loss: torch.Tensor, norm: torch.Tensor, protocol: Protocol
) -> torch.Tensor:
    """Return the codes after a step; a code that is set stays.

    A zero gradient ends a stimulus only where the next step's objective is the same: subsets and
    transforms may give it a gradient again.
    """
    changing = protocol.subsets is not None or protocol.transforms is not None
    still = (norm == 0) & (not changing)
    codes = torch.where(still, torch.where(loss == 0, MATCHED_EXACTLY, ZERO_GRADIENT), LIVE)
    finite = torch.isfinite(norm) & torch.isfinite(loss)
    codes = torch.where(finite, codes, NOT_FINITE)
    return torch.where(frozen == LIVE, codes, frozen)


def matched_well(target: torch.Tensor, activation: torch.Tensor, stop: EarlyStop) -> torch.Tensor:
    """Return whether each stimulus' match is beyond the protocol's margin."""
    a, b = target.flatten(start_dim=1), activation.flatten(start_dim=1)
    return (spearman(a, b) >= stop.spearman) & (snr_db(a, b) >= stop.snr_db)
