"""The end of a fast synthesis: a quasi-Newton search down the modified ReLU's potential."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from bench.synthesis.freezing import LIVE, freeze_by_gradient
from bench.synthesis.objectives import potential, relative_distance
from bench.synthesis.optimisers import normalized
from bench.synthesis.quasi_newton import begin, search
from bench.synthesis.state import State

if TYPE_CHECKING:
    from bench.models.staged import StagedModel
    from bench.synthesis.loop import Work

# A search has stalled where it gave up twice in a row, the second time along the bare gradient, or
# where so many gradients took less than that share off an objective that is not yet small.
GIVEN_UP = 2
CHECK_EVERY, LEAST_SHARE = 20, 1e-3
SMALL_LOSS = 5e-4  # what the steps of 1/128 that end the paper's rule come down to


def polish(
    work: Work, state: State, target: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Take one gradient of the search, which moves every live stimulus by itself.

    A stimulus whose search stalls goes on by the rule of Feather et al. 2023, its steps falling
    from 1 to 1/128 over the search, and keeps the best point that it finds.

    Returns
    -------
    The activation of the trial points, the loss of each stimulus' best point ``(N,)``, and
    whether the trial was it.
    """
    protocol, network, live = work.protocol, work.network, state.live
    x = live["x"].detach()
    activation, value, gradient = measured(network, work.stage, x, target, protocol.modified_relu)
    with torch.no_grad():
        if "point" not in live:
            live = {**live, **begin(x), "loss": torch.full_like(value, torch.nan)}
            live["stalled"] = torch.zeros_like(live["pairs"])
            live["checked"] = live["value"].clone()
        trial, accepted, moments = search(live, x, value, gradient, work.start.low, work.start.high)
        loss = torch.where(accepted, relative_distance(activation, target), live["loss"])
        alive = live["frozen"] == LIVE
        state.kept["gradients"][state.rows] += alive
        stalls, checked = _stalls(moments, loss, state.step - protocol.rule_steps)
        stalled = torch.where((live["stalled"] == 0) & stalls & alive, state.step, live["stalled"])
        norm = torch.linalg.vector_norm(gradient.flatten(start_dim=1), dim=1)
        by_rule = x - normalized(gradient, norm, protocol.rescue_at(state.step))
        wide = (-1, *[1] * (x.ndim - 1))
        trial = torch.where((stalled > 0).view(wide), by_rule, trial)
        trial = trial.clamp_(work.start.low, work.start.high)
        slope = torch.linalg.vector_norm(moments["slope"].flatten(start_dim=1), dim=1)
        frozen = freeze_by_gradient(live["frozen"], loss, slope, protocol)
        # What has ended keeps the point that it ended on.
        point = torch.where(alive.view(wide), moments["point"], live["point"])
    state.live = {
        **moments, "point": point, "x": trial, "loss": loss, "frozen": frozen,
        "stalled": stalled, "checked": checked,
    }  # fmt: skip
    return activation, loss, accepted & alive


def measured(
    network: StagedModel, stage: str, x: torch.Tensor, target: torch.Tensor, modified_relu: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the activation at ``x``, the potential ``(N,)`` there, and its gradient."""
    x = x.detach().requires_grad_(True)
    relu = modified_relu and network.modified_relu_call(stage, x) is not None
    before = network.before_relu(x, stage) if relu else network.at_stage(x, stage)
    value = potential(before, target, relu)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    before = before.detach()
    return before.clamp(min=0) if relu else before, value.detach(), gradient


def _stalls(
    moments: dict[str, torch.Tensor], loss: torch.Tensor, gradients: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return whether each search has just stalled, and the value that the next check compares."""
    stalls = moments["given_up"] >= GIVEN_UP
    value, checked = moments["value"], moments["checked"]
    if gradients % CHECK_EVERY:
        return stalls, checked
    resting = torch.isfinite(checked) & (value > (1 - LEAST_SHARE) * checked)
    return stalls | (resting & (loss > SMALL_LOSS)), value
