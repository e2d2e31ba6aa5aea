"""Makes metamers: per-stimulus losses, gradients and steps, many stimuli a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from bench.errors import BenchError, ItemError
from bench.models.staged import StagedModel
from bench.synthesis.match import match_table
from bench.synthesis.noise import noise_start
from bench.synthesis.objectives import relative_distance
from bench.synthesis.protocols import NoiseStart, Protocol

EPSILON = 1e-10  # Feather et al. 2023, code: added to the gradient's norm
CURVE_POINTS = 100  # the loss curve is kept at about so many steps
DEFAULT_BATCH = 32

Progress = Callable[[float], None]


@dataclass(frozen=True)
class SynthesisRun:
    """Metamers of one model and stage, with their evidence.

    Attributes
    ----------
    stimuli, initial
        The metamers and the noise that they started from, float32 ``(N, ...)``, on the CPU.
    losses
        Loss of each stimulus, float32 ``(N, T)``, after ``steps`` ``(T,)`` gradient steps.
    match
        One row a stimulus; see `bench.synthesis.match.match_table`.
    reasons
        Why a stimulus was frozen before the last step, by id; empty where none was.
    """

    model: str
    stage: str
    protocol: Protocol
    seed: int
    ids: tuple[str, ...]
    stimuli: torch.Tensor
    initial: torch.Tensor
    losses: torch.Tensor
    steps: torch.Tensor
    match: pd.DataFrame
    reasons: dict[str, str]


@dataclass(frozen=True)
class _Batch:
    stimuli: torch.Tensor
    losses: torch.Tensor
    steps: list[int]
    reasons: list[str]


def synthesize(
    model: StagedModel,
    x: torch.Tensor | np.ndarray,
    stage: str,
    protocol: Protocol,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    init: torch.Tensor | None = None,
    batch_size: int | str = "auto",
    label_space: str | None = None,
    progress: Progress | None = None,
) -> SynthesisRun:
    """Make one metamer of each natural stimulus.

    Parameters
    ----------
    x
        Natural stimuli: images ``(N, 3, H, W)`` in [0, 1] or sounds ``(N, samples)``.
    ids
        Names of the stimuli; with ``seed`` they determine the noise starts. ``"0"``, ``"1"``, ...
        if None.
    init
        Starting points instead of noise, ``(N, ...)``.
    label_space
        Where labels are compared; the model's own if None.
    progress
        Called with the share of the work done, 0 to 1.

    Raises
    ------
    BenchError
        If the stage is unknown or not meant for synthesis, or shapes do not go together.
    ItemError
        If the model's activation of a natural stimulus is not finite.
    """
    x = torch.as_tensor(x, dtype=torch.float32)
    names = tuple(str(i) for i in range(len(x))) if ids is None else tuple(ids)
    if len(names) != len(x) or len(set(names)) != len(names):
        raise BenchError(f"{len(names)} ids for {len(x)} stimuli, or ids that repeat")
    if not model.spec.stage(stage).synthesis:
        raise BenchError(f"model {model.id}: stage {stage} is not meant for synthesis")
    start = protocol.start_for(model.spec.input)
    initial = noise_start(names, tuple(x.shape[1:]), start, seed) if init is None else init.cpu()
    if initial.shape != x.shape:
        raise BenchError(f"init has shape {tuple(initial.shape)}, not {tuple(x.shape)}")
    size = DEFAULT_BATCH if batch_size == "auto" else int(batch_size)
    batches = []
    for first in range(0, len(x), size):
        part = slice(first, first + size)

        def report(share: float, first: int = first) -> None:
            if progress is not None:
                progress(min(1.0, (first + share * size) / len(x)))

        batches.append(_match_batch(model, x[part], initial[part], stage, protocol, start, report))
    stimuli = torch.cat([batch.stimuli for batch in batches])
    losses = torch.cat([batch.losses for batch in batches])
    return SynthesisRun(
        model=model.id,
        stage=stage,
        protocol=protocol,
        seed=seed,
        ids=names,
        stimuli=stimuli,
        initial=initial,
        losses=losses,
        steps=torch.tensor(batches[0].steps),
        match=match_table(model, x, stimuli, stage, names, losses[:, -1], size, label_space),
        reasons={
            name: reason
            for name, reason in zip(names, (r for b in batches for r in b.reasons), strict=True)
            if reason
        },
    )


def _match_batch(
    model: StagedModel,
    natural: torch.Tensor,
    initial: torch.Tensor,
    stage: str,
    protocol: Protocol,
    start: NoiseStart,
    report: Progress,
) -> _Batch:
    target = model.activations(natural, [stage])[stage]
    _check_target(model, stage, target)
    x = initial.to(model.device)
    kept_steps = _curve_steps(protocol.total_steps)
    curve = []
    frozen = torch.zeros(len(x), dtype=torch.long, device=model.device)
    axes = tuple(range(1, x.ndim))
    for step in range(protocol.total_steps):
        x.requires_grad_(True)
        loss = relative_distance(
            model.at_stage(x, stage, modified_relu=protocol.modified_relu), target
        )
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        x = x.detach()
        norm = gradient.flatten(start_dim=1).norm(dim=1)
        # A frozen stimulus stays where it is; its code is kept from the first time.
        code = torch.where(torch.isfinite(norm), (norm == 0) * ZERO_GRADIENT, NOT_FINITE)
        frozen = torch.where(frozen == 0, code, frozen)
        length = protocol.step_at(step) / (norm + EPSILON)
        move = gradient * length.view(-1, *[1] * len(axes))
        moved = (x - move).clamp(start.low, start.high)
        x = torch.where((frozen == 0).view(-1, *[1] * len(axes)), moved, x)
        if step in kept_steps:
            curve.append(loss.detach())
            report(step / protocol.total_steps)
    with torch.no_grad():
        curve.append(relative_distance(model.at_stage(x, stage), target))
    report(1.0)
    return _Batch(
        stimuli=x.cpu(),
        losses=torch.stack(curve, dim=1).cpu(),
        steps=[*sorted(kept_steps), protocol.total_steps],
        reasons=[REASONS[int(code)] for code in frozen.cpu()],
    )


ZERO_GRADIENT, NOT_FINITE = 1, 2
REASONS = {
    0: "",
    ZERO_GRADIENT: "zero gradient",
    NOT_FINITE: "the gradient is not finite",
}


def _curve_steps(total: int) -> frozenset[int]:
    return frozenset(range(0, total, max(1, total // CURVE_POINTS)))


def _check_target(model: StagedModel, stage: str, target: torch.Tensor) -> None:
    if not torch.isfinite(target).all():
        raise ItemError(
            f"model {model.id}, stage {stage}: activations of natural stimuli are not finite",
            fix="`bench models check` shows where NaN or infinity first appears",
        )
