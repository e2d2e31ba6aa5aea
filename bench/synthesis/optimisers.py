"""From a gradient to a move, each stimulus by itself."""

from __future__ import annotations

import torch

from bench.synthesis.protocols import Protocol
from bench.synthesis.quasi_newton import HISTORY

EPSILON = 1e-10  # Feather et al. 2023, code: added to the gradient's norm
ADAM_EPSILON = 1e-8  # Kingma & Ba 2015, and every framework's default

Moments = dict[str, torch.Tensor]
MOMENTS: tuple[str, ...] = ("mean", "square")


def no_moments(protocol: Protocol, x: torch.Tensor) -> Moments:
    """Return what the optimiser remembers before its first step."""
    if protocol.optimizer != "adam":
        return {}
    return {"mean": torch.zeros_like(x), "square": torch.zeros_like(x)}


def tensors_kept(protocol: Protocol) -> int:
    """Return how many tensors of a stimulus' size are kept beside it: what a batch's size needs."""
    moments = 2 if protocol.optimizer == "adam" else 0
    return max(moments, 2 * HISTORY + 4 if protocol.polish else 0)


def move(
    protocol: Protocol, step: int, gradient: torch.Tensor, norm: torch.Tensor, moments: Moments
) -> tuple[torch.Tensor, Moments]:
    """Return what to subtract from the stimuli, and the new moments.

    Parameters
    ----------
    step
        Gradient steps done before this one.
    gradient, norm
        Gradient of each stimulus' own objective ``(N, ...)``, and its L2 norm ``(N,)``.
    """
    rate = protocol.step_at(step)
    if protocol.optimizer == "normalized":
        return normalized(gradient, norm, rate), moments
    if protocol.optimizer == "sgd":
        return gradient * rate, moments
    first, second = protocol.betas
    mean = moments["mean"].lerp(gradient, 1 - first)
    square = (moments["square"] * second).addcmul_(gradient, gradient, value=1 - second)
    size = (square / (1 - second ** (step + 1))).sqrt_().add_(ADAM_EPSILON)
    return mean / size * (rate / (1 - first ** (step + 1))), {"mean": mean, "square": square}


def normalized(gradient: torch.Tensor, norm: torch.Tensor, rate: float) -> torch.Tensor:
    """Return steps of length ``rate`` along the gradients (Feather et al. 2023, code)."""
    # Dividing by the quotient saves a pass; the paper's rates are powers of 2: the same bits.
    return gradient / ((norm + EPSILON) / rate).view(-1, *[1] * (gradient.ndim - 1))
