"""The ear's compression, a power law whose gradient is kept within bounds."""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable


class _Compression(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, exponent: float, offset: float, steepest: float
    ) -> torch.Tensor:
        base = x.clamp(min=0).add_(offset)
        ctx.save_for_backward(base)
        ctx.exponent, ctx.steepest = exponent, steepest
        return base.pow(exponent)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (base,) = ctx.saved_tensors
        slope = base.pow(ctx.exponent - 1).mul_(ctx.exponent).clamp_(max=ctx.steepest)
        return slope.mul_(grad_outputs[0]), None, None, None


def compress(x: torch.Tensor, exponent: float, offset: float, steepest: float) -> torch.Tensor:
    """Return (max(x, 0) + offset) ** exponent.

    In the backward pass the maximum is the identity, so that an envelope below zero can rise, and
    the slope of the power law is at most ``steepest`` (Feather et al. 2023, code).
    """
    result: torch.Tensor = _Compression.apply(x, exponent, offset, steepest)
    return result
