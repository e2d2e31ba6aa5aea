"""What is added to the loss of each stimulus. Source: Nanda et al. 2023, section 2.2 and A.4."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import conv2d, pad

from bench.synthesis.parts import Regulariser

Distance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def total_variation(x: torch.Tensor, beta: float = 2.0) -> torch.Tensor:
    """Return the sum of (dx^2 + dy^2)^(beta / 2) of images ``(N, C, H, W)``, ``(N,)``.

    Differences to the next row and column, 0 past the edge. Source: Mahendran & Vedaldi 2015,
    whom Nanda et al. follow; beta is not stated there, 2 is what their code has.
    """
    down = pad(x.diff(dim=-2), (0, 0, 0, 1))
    right = pad(x.diff(dim=-1), (0, 1, 0, 0))
    squares = down.square() + right.square()
    if beta != 2:  # the root's gradient is infinite at 0: equal neighbours have none
        squares = torch.where(squares > 0, squares, 1).pow(beta / 2) * (squares > 0)
    return torch.sum(squares, dim=(1, 2, 3))


def lp_norm(x: torch.Tensor, p: float, centre: float = 0.0) -> torch.Tensor:
    """Return ||x - centre||_p of each stimulus, ``(N,)``."""
    norm: torch.Tensor = torch.linalg.vector_norm((x - centre).flatten(start_dim=1), p, dim=1)
    return norm


def blur_distance(x: torch.Tensor) -> torch.Tensor:
    """Return ||x - stopgrad(blur(x))||^2 of images, ``(N,)``, the blur being [1 2 1]/4 each way."""
    row = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = torch.outer(row, row).expand(x.shape[1], 1, 3, 3)
    with torch.no_grad():
        blurred = conv2d(pad(x, (1, 1, 1, 1), mode="replicate"), kernel, groups=x.shape[1])
    return torch.sum((x - blurred).square(), dim=(1, 2, 3))


def into_range(x: torch.Tensor) -> torch.Tensor:
    """Return images clipped into [0, 1], where distances are defined, with the identity's gradient.

    Noise starts may leave the range. PyTorch's own clamp has no gradient at 0 and 1 themselves
    (since 2.14; before, it had), which is where many clipped pixels lie.
    """
    return x + (x.clamp(0, 1) - x).detach()


def regularise(
    x: torch.Tensor,
    regulariser: Regulariser,
    natural: torch.Tensor,
    distance: Distance | None,
    perceptual_weight: torch.Tensor | None,
) -> torch.Tensor:
    """Return the sum of a regulariser's terms, ``(N,)``.

    Parameters
    ----------
    distance, perceptual_weight
        The perceptual distance and its weight for each stimulus, where the regulariser has one.
    """
    total = x.new_zeros(len(x))
    if regulariser.tv:
        total = total + regulariser.tv * total_variation(x, regulariser.tv_beta)
    if regulariser.lp:
        total = total + regulariser.lp * lp_norm(x, regulariser.lp_p, regulariser.lp_centre)
    if regulariser.blur:
        total = total + regulariser.blur * blur_distance(x)
    if distance is not None and perceptual_weight is not None:
        total = total - perceptual_weight * distance(into_range(x), natural.clamp(0, 1))
    return total
