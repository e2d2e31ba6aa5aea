"""Maximally different metamers: several of one stimulus, pushed apart while they match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bench.errors import BenchError
from bench.models.staged import StagedModel
from bench.synthesis.engine import synthesize_batches
from bench.synthesis.inputs import checked_ids, checked_stimuli
from bench.synthesis.protocols import Protocol
from bench.synthesis.result import SynthesisRun, joined

NEAREST = 1e-12  # equal stimuli are this far apart, so that the logarithm stays finite


def synthesize_different(
    model: StagedModel,
    x: torch.Tensor | np.ndarray,
    stage: str,
    protocol: Protocol,
    count: int = 4,
    weight: float = 1.0,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    **options: Any,
) -> SynthesisRun:
    """Make ``count`` metamers of each natural stimulus, as unlike each other as the match allows.

    To the objective of each is added -w mean_j log ||x - x_j|| over its siblings x_j, w falling
    linearly from ``weight`` to 0 over the run: they part first, and end on the match. Ours; it
    differs from MAD competition in that no metric of difference but the pixels' is maximised.

    Parameters
    ----------
    protocol
        Any without an early stop or a polish.
    **options
        Of `bench.synthesis.engine.synthesize`: batch_size, label_space, progress, distance, ...

    Returns
    -------
    A run of ``N * count`` stimuli, siblings beside each other, with ids ``ID#0``, ``ID#1``, ...;
    its match table also has ``target`` (the id) and ``apart``, the root mean squared difference
    to the nearest sibling, in units of the input.

    Raises
    ------
    BenchError
        If fewer than two are asked for, or the protocol stops early or polishes.
    """
    if count < 2 or weight < 0:
        raise BenchError(f"{count} different metamers of weight {weight}", fix="want 2 or more")
    if protocol.stop is not None or protocol.polish:
        raise BenchError(
            f"protocol {protocol.name} stops early or polishes the match; different metamers are "
            "pushed apart to the end",
            fix="protocol.replace(stop=None, polish=0)",
        )
    x = checked_stimuli(model, x, protocol)
    names = checked_ids(x, ids)
    siblings = [f"{name}#{i}" for name in names for i in range(count)]

    def push_apart(stimuli: torch.Tensor, step: int) -> torch.Tensor:
        left = 1 - step / protocol.total_steps
        return -weight * left * mean_log_distance(stimuli, count)

    batches = synthesize_batches(
        model, x.repeat_interleave(count, dim=0), stage, protocol, seed=seed, ids=siblings,
        coupling=push_apart, together=count, **options,
    )  # fmt: skip
    run = joined(list(batches), siblings)
    run.match["target"] = [name for name in names for _ in range(count)]
    run.match["apart"] = nearest_rms(run.stimuli, count).numpy()
    return run


def mean_log_distance(stimuli: torch.Tensor, count: int) -> torch.Tensor:
    """Return the mean of log ||x - x_j|| over each stimulus' siblings, ``(N,)``.

    Siblings, ``count`` beside each other, count as fixed: each is pushed by its own gradient.
    """
    groups = stimuli.reshape(len(stimuli) // count, count, -1)
    # Differences, not inner products: these cancel where stimuli are alike.
    apart = (groups[:, :, None] - groups.detach()[:, None]).square().sum(dim=-1)
    others = ~torch.eye(count, dtype=torch.bool, device=stimuli.device)
    logs = torch.where(others, apart.clamp(min=NEAREST**2), 1).log() / 2
    mean: torch.Tensor = logs.sum(dim=-1).flatten() / (count - 1)
    return mean


def nearest_rms(stimuli: torch.Tensor, count: int) -> torch.Tensor:
    """Return each stimulus' root mean squared difference to its nearest sibling, ``(N,)``."""
    groups = stimuli.reshape(len(stimuli) // count, count, -1)
    apart = (groups[:, :, None] - groups[:, None]).square().mean(dim=-1).sqrt()
    own = torch.eye(count, dtype=torch.bool, device=stimuli.device)
    return torch.where(own, torch.inf, apart).amin(dim=-1).flatten()
