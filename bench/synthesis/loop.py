"""The gradient steps of one batch: each stimulus by itself, no host synchronisation in a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from bench.errors import ItemError
from bench.models.staged import StagedModel
from bench.synthesis.freezing import (
    GOOD_ENOUGH,
    LIVE,
    REASONS,
    freeze_by_gradient,
    freeze_by_target,
    matched_well,
)
from bench.synthesis.objectives import relative_distance, subset_distance
from bench.synthesis.optimisers import MOMENTS, move, no_moments
from bench.synthesis.polishing import polish
from bench.synthesis.preconditioning import precondition
from bench.synthesis.protocols import NoiseStart, Protocol
from bench.synthesis.regularisers import Distance, regularise
from bench.synthesis.schedules import UnitSet, draw_subsets, subset_at
from bench.synthesis.state import Finished, State
from bench.synthesis.transformations import CHUNK, draw_amounts, transform

CURVE_POINTS = 100  # the loss curve is kept at about so many steps

SMALLEST_LOSS = 1e-12  # below it a stimulus is matched, and its logarithm stays finite

T = TypeVar("T")
Coupling = Callable[[torch.Tensor, int], torch.Tensor]


@dataclass(frozen=True)
class Work:
    """What every batch of a synthesis has in common.

    Parameters
    ----------
    model, network
        The model, and what takes its place in gradient steps: itself, or its folded copy where
        the protocol is not exact.
    unit_sets
        The subsets that the stage offers to subset schedules.
    distance
        The perceptual distance that the protocol's regulariser names.
    coupling
        An objective over stimuli of one batch, ``coupling(x, step)`` -> ``(N,)``, added to theirs.
    """

    model: StagedModel
    network: StagedModel
    stage: str
    protocol: Protocol
    start: NoiseStart
    seed: int
    unit_sets: Sequence[UnitSet] = ()
    distance: Distance | None = None
    coupling: Coupling | None = None


class BatchLoop:
    """One batch on its way from noise to metamers.

    Parameters
    ----------
    ids, natural, initial
        The stimuli of the batch and where they start.
    state
        Where to go on from; None: from the start.
    """

    def __init__(
        self,
        work: Work,
        ids: Sequence[str],
        natural: torch.Tensor,
        initial: torch.Tensor,
        state: State | None = None,
    ) -> None:
        self.work = work
        self.ids = list(ids)
        self.natural = natural.to(work.network.device)
        self.curve_steps = _curve_steps(work.protocol.total_steps)
        self.draws = [
            draw_subsets(work.protocol, len(work.unit_sets), work.seed, name) for name in ids
        ]
        self._amounts: dict[int, torch.Tensor] = {}
        self.target = work.network.activations(self.natural, [work.stage])[work.stage]
        self.state = state or self._begin(initial.to(work.network.device))
        if len(self.state.rows) < len(self.target):  # indexing would undo channels-last
            self.target = self.target[self.state.rows]

    def _begin(self, x: torch.Tensor) -> State:
        codes = freeze_by_target(self.target)
        if bool((codes != LIVE).all()):
            reason = " or ".join(sorted({REASONS[int(code)] for code in codes.cpu()}))
            raise ItemError(
                f"model {self.work.network.id}, stage {self.work.stage}: nothing to match",
                why=reason,
                fix="`bench models check` shows where a network's values go wrong",
            )
        rows = torch.arange(len(x), device=x.device)
        live = {"x": x, "frozen": codes, **no_moments(self.work.protocol, x)}
        kept = {
            "x": x.clone(),
            "frozen": codes.clone(),
            "curve": x.new_full((len(x), len(self.curve_steps)), torch.nan),
            "gradients": torch.zeros_like(codes),
        }
        if self.work.protocol.keep == "best":
            kept["best_x"] = x.clone()
            kept["best"] = x.new_full((len(x),), torch.inf)
        if self.work.protocol.polish:
            kept["stalled"] = torch.zeros_like(codes)
        if self.work.distance is not None:
            live["weight"] = self._perceptual_weight(x)
        return State(0, rows, live, kept)

    def advance(self) -> None:
        """Take one gradient: a step of the protocol's rule, or of the search that ends it."""
        if self.state.step < self.work.protocol.rule_steps:
            self._follow_rule()
        else:
            activation, loss, accepted = polish(self.work, self.state, self.target)
            self._observe_polish(activation, loss, accepted)
        self.state.step += 1

    def _follow_rule(self) -> None:
        work, state, step = self.work, self.state, self.state.step
        x = state.live["x"].detach().requires_grad_(True)
        activation = self._activation(x, step)
        loss = self._match_loss(activation, step)
        main = loss.clamp(min=SMALLEST_LOSS).log() if work.protocol.log_loss else loss
        objective = main + self._additions(x, step)
        (gradient,) = torch.autograd.grad(objective.sum(), x)
        with torch.no_grad():
            x = x.detach()
            self._observe(x, activation, objective.detach(), step)
            if work.protocol.precondition:
                gradient = precondition(gradient, work.protocol.precondition)
            norm = torch.linalg.vector_norm(gradient.flatten(start_dim=1), dim=1)
            frozen = freeze_by_gradient(state.live["frozen"], loss, norm, work.protocol)
            moments = {name: state.live[name] for name in MOMENTS if name in state.live}
            shift, moments = move(work.protocol, step, gradient, norm, moments)
            moved = torch.sub(x, shift, out=shift).clamp_(work.start.low, work.start.high)
            alive = frozen == LIVE
            x = torch.where(alive.view(-1, *[1] * (x.ndim - 1)), moved, x)
            state.kept["gradients"][state.rows] += alive
        state.live = {**state.live, **moments, "x": x, "frozen": frozen}

    def drop_finished(self) -> bool:
        """Put finished stimuli aside; return whether any is left. Waits for the device.

        Rows leave a batch only where the protocol stops early: elsewhere the batch keeps its
        size, on which rounding depends, to the end.
        """
        state = self.state
        alive = state.live["frozen"] == LIVE
        left = int(alive.sum())
        if left < len(alive) and self.work.protocol.stop is not None:
            state.keep_only(alive)
            self.target = self.target[alive]
        return left > 0

    def finish(self) -> Finished:
        """Return the metamers, each with its curve ending in its last loss."""
        self.state.put_aside()
        work, kept = self.work, self.state.kept
        if work.protocol.keep == "best":
            self._keep_best(kept["x"], work.protocol.total_steps)
            kept["x"] = kept["best_x"]
        pair = (
            work.model.activations(x, [work.stage])[work.stage] for x in (kept["x"], self.natural)
        )
        last = relative_distance(*pair)
        # What was not measured lies after a stimulus' last step: its loss no longer changed.
        curve = torch.where(kept["curve"].isnan(), last[:, None], kept["curve"])
        return Finished(
            stimuli=kept["x"].cpu(),
            losses=torch.cat([curve, last[:, None]], dim=1).cpu(),
            steps=(*self.curve_steps, work.protocol.total_steps),
            gradients=kept["gradients"].cpu(),
            reasons=tuple(REASONS[int(code)] for code in kept["frozen"].cpu()),
            stalled=tuple(int(step) for step in kept["stalled"].cpu()) if "stalled" in kept else (),
        )

    def mean_loss(self) -> float:
        """Return the mean of the last losses that were measured. Waits for the device."""
        place = max(i for i, step in enumerate(self.curve_steps) if step < max(1, self.state.step))
        return float(self.state.kept["curve"][self.state.rows, place].nanmean())

    def _activation(self, x: torch.Tensor, step: int) -> torch.Tensor:
        work = self.work
        shown = x
        if work.protocol.transforms is not None:
            shown = transform(x, self._amounts_at(step), work.protocol.transforms)
        activation = work.network.at_stage(
            shown, work.stage, modified_relu=work.protocol.modified_relu
        )
        if not activation.requires_grad:
            raise ItemError(
                f"model {work.network.id}, stage {work.stage} does not depend on the input",
                fix="synthesise at another stage, or mark it Stage(synthesis=False)",
            )
        return activation

    def _match_loss(self, activation: torch.Tensor, step: int) -> torch.Tensor:
        protocol, sets = self.work.protocol, self.work.unit_sets
        if protocol.subsets is None or not sets:
            return relative_distance(activation, self.target)
        picked = [subset_at(protocol, step, len(sets), draws) for draws in self._live(self.draws)]
        return subset_distance(
            activation, self.target, [None if i is None else sets[i] for i in picked]
        )

    def _additions(self, x: torch.Tensor, step: int) -> torch.Tensor:
        added = x.new_zeros(len(x))
        if self.work.protocol.regulariser is not None:
            added = regularise(
                x,
                self.work.protocol.regulariser,
                self.natural[self.state.rows],
                self.work.distance,
                self.state.live.get("weight"),
            )
        if self.work.coupling is not None:
            added = added + self.work.coupling(x, step)
        return added

    def _observe(
        self, x: torch.Tensor, activation: torch.Tensor, objective: torch.Tensor, step: int
    ) -> None:
        """Keep what is known of ``x`` before the step: its loss, whether it is good enough."""
        state, protocol = self.state, self.work.protocol
        if step in self.curve_steps:
            if protocol.transforms is not None:
                activation = self.work.network.at_stage(x, self.work.stage)
            place = self.curve_steps.index(step)
            state.kept["curve"][state.rows, place] = relative_distance(activation, self.target)
        if protocol.keep == "best":
            self._note_best(x, objective)
        if protocol.stop is not None and step % protocol.stop.every == 0:
            good = matched_well(self.target, activation, protocol.stop)
            frozen = state.live["frozen"]
            state.live["frozen"] = torch.where((frozen == LIVE) & good, GOOD_ENOUGH, frozen)

    def _observe_polish(
        self, activation: torch.Tensor, loss: torch.Tensor, accepted: torch.Tensor
    ) -> None:
        """Keep the loss of the best point so far, and whether it is good enough."""
        state, stop, step = self.state, self.work.protocol.stop, self.state.step
        if step in self.curve_steps:
            state.kept["curve"][state.rows, self.curve_steps.index(step)] = loss
        if stop is not None and step % stop.every == 0:
            frozen = state.live["frozen"]
            good = accepted & matched_well(self.target, activation, stop)
            state.live["frozen"] = torch.where((frozen == LIVE) & good, GOOD_ENOUGH, frozen)

    def _note_best(self, x: torch.Tensor, objective: torch.Tensor) -> None:
        kept, rows = self.state.kept, self.state.rows
        better = objective < kept["best"][rows]
        wide = better.view(-1, *[1] * (x.ndim - 1))
        kept["best"][rows] = torch.where(better, objective, kept["best"][rows])
        kept["best_x"][rows] = torch.where(wide, x, kept["best_x"][rows])

    def _keep_best(self, x: torch.Tensor, step: int) -> None:
        """Let the last iterate take part: its objective has not been measured yet."""
        with torch.no_grad():
            activation = self.work.network.at_stage(x, self.work.stage)
            objective = relative_distance(activation, self.target) + self._additions(x, step)
            self._note_best(x, objective)

    def _perceptual_weight(self, x: torch.Tensor) -> torch.Tensor:
        regulariser, distance = self.work.protocol.regulariser, self.work.distance
        assert regulariser is not None  # the engine gives a distance only with a regulariser
        assert distance is not None
        if regulariser.perceptual_weight is not None:
            return x.new_full((len(x),), regulariser.perceptual_weight)
        with torch.no_grad():
            apart = distance(x.clamp(0, 1), self.natural.clamp(0, 1))
            loss = relative_distance(self.work.network.at_stage(x, self.work.stage), self.target)
        return torch.where(apart > 0, loss / torch.where(apart > 0, apart, 1), 0)

    def _amounts_at(self, step: int) -> torch.Tensor:
        chunk, within = divmod(step, CHUNK)
        if chunk not in self._amounts:
            self._amounts.clear()
            draws = [draw_amounts(self.work.seed, name, chunk) for name in self._live(self.ids)]
            self._amounts[chunk] = torch.stack(draws).to(self.work.network.device)
        return self._amounts[chunk][:, within]

    def _live(self, values: Sequence[T]) -> list[T]:
        if len(self.state.rows) == len(values):
            return list(values)
        return [values[int(i)] for i in self.state.rows.cpu()]


def _curve_steps(total: int) -> tuple[int, ...]:
    return tuple(range(0, total, max(1, total // CURVE_POINTS)))
