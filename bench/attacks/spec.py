"""What an attack is: a description that plugins register, and the call that all answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.spec import check_id

if TYPE_CHECKING:
    import torch

    from bench.models.staged import StagedModel

NORMS = ("linf", "l2")


@dataclass(frozen=True, kw_only=True)
class AttackBudget:
    """How strong an attack may be.

    Parameters
    ----------
    norm
        ``linf`` or ``l2``, over all values of a stimulus.
    eps
        Largest norm of the perturbation, in units of the input ([0, 1] for images).
    steps
        Gradient steps.
    step_size
        Length of a step under the norm; eps / 4 if None (Feather et al. 2023).
    random_start
        Start from a random point of the ball instead of the stimulus itself.
    """

    norm: str
    eps: float
    steps: int = 64
    step_size: float | None = None
    random_start: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.norm not in NORMS:
            raise BenchError(f"attack norm {self.norm!r} is not one of {', '.join(NORMS)}")
        if self.eps < 0 or self.steps < 1:
            raise BenchError("an attack needs eps >= 0 and steps >= 1")


@dataclass(frozen=True, kw_only=True)
class AttackSpec:
    """An attack as a plugin registers it.

    Parameters
    ----------
    run
        ``run(model, x, y, budget, ids)`` returns the attacked stimuli, of the shape of ``x``, on
        the CPU, within the budget and the input's range.
    """

    id: str
    run: Callable[[StagedModel, torch.Tensor, torch.Tensor, AttackBudget, list[str]], torch.Tensor]
    description: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        check_id("attack", self.id)
