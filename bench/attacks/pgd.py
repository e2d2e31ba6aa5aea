"""Projected gradient descent: white box, untargeted, cross-entropy.

Source: Feather et al. 2023, Methods and supplement: no random start by default, steps of eps / 4,
the iterate with the largest loss is kept. L2 takes normalised gradient steps, Linf sign steps.
"""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from bench.attacks.spec import AttackBudget
from bench.models.staged import StagedModel
from bench.spec import AudioInput
from bench.synthesis.noise import generator_for

EPSILON = 1e-10


def pgd(
    model: StagedModel,
    x: torch.Tensor,
    y: torch.Tensor,
    budget: AttackBudget,
    ids: list[str],
) -> torch.Tensor:
    """Attack stimuli; the result of each does not depend on the others.

    Parameters
    ----------
    x
        Natural stimuli ``(N, ...)``.
    y
        True classes ``(N,)`` in the model's own label space.

    Returns
    -------
    Attacked stimuli ``(N, ...)``, on the CPU.
    """
    low, high = (-1.0, 1.0) if isinstance(model.spec.input, AudioInput) else (0.0, 1.0)
    natural, y = x.to(model.device), y.to(model.device)
    size = budget.eps / 4 if budget.step_size is None else budget.step_size
    current = natural
    if budget.random_start:
        offset = torch.stack([_random_offset(x.shape[1:], budget, name) for name in ids])
        current = (natural + offset.to(model.device)).clamp(low, high)
    best, best_loss = current, torch.full((len(x),), -torch.inf, device=model.device)
    for _ in range(budget.steps):
        current = current.detach().requires_grad_(True)
        loss = cross_entropy(model.output(current), y, reduction="none")
        (gradient,) = torch.autograd.grad(loss.sum(), current)
        best, best_loss = _keep_best(best, best_loss, current.detach(), loss.detach())
        moved = current.detach() + size * _direction(gradient, budget.norm)
        current = (natural + _project(moved - natural, budget)).clamp(low, high)
    with torch.no_grad():
        loss = cross_entropy(model.output(current), y, reduction="none")
    return _keep_best(best, best_loss, current, loss)[0].cpu()


def _keep_best(
    best: torch.Tensor, best_loss: torch.Tensor, x: torch.Tensor, loss: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    better = loss > best_loss
    return torch.where(_as_rows(better, x), x, best), torch.where(better, loss, best_loss)


def _direction(gradient: torch.Tensor, norm: str) -> torch.Tensor:
    if norm == "linf":
        return gradient.sign()
    return gradient / (_as_rows(gradient.flatten(start_dim=1).norm(dim=1), gradient) + EPSILON)


def _project(offset: torch.Tensor, budget: AttackBudget) -> torch.Tensor:
    if budget.norm == "linf":
        return offset.clamp(-budget.eps, budget.eps)
    norm = _as_rows(offset.flatten(start_dim=1).norm(dim=1), offset)
    return offset * (budget.eps / norm.clamp(min=EPSILON)).clamp(max=1)


def _random_offset(shape: torch.Size, budget: AttackBudget, stimulus_id: str) -> torch.Tensor:
    """Draw uniformly from the ball of radius eps."""
    generator = generator_for(budget.seed, stimulus_id, "attack")
    if budget.norm == "linf":
        return (torch.rand(shape, generator=generator) * 2 - 1) * budget.eps
    direction = torch.randn(shape, generator=generator)
    radius = float(torch.rand((), generator=generator)) ** (1 / direction.numel())
    offset: torch.Tensor = direction / direction.norm() * radius * budget.eps
    return offset


def _as_rows(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return value.view(-1, *[1] * (like.ndim - 1))
