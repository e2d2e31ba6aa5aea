"""Makes metamers: many stimuli a batch, each by itself, with their evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from bench.errors import BenchError
from bench.models.folding import folded
from bench.models.staged import StagedModel
from bench.synthesis.batches import Batches, Progress, Share
from bench.synthesis.batching import batch_size_for
from bench.synthesis.checkpoints import Checkpoints
from bench.synthesis.inputs import checked_ids, checked_stage, checked_stimuli
from bench.synthesis.loop import Coupling, Work
from bench.synthesis.noise import noise_start
from bench.synthesis.optimisers import tensors_kept
from bench.synthesis.protocols import Protocol
from bench.synthesis.regularisers import Distance
from bench.synthesis.result import SynthesisInterrupted, SynthesisRun, joined
from bench.synthesis.schedules import UnitSet

__all__ = ["Share", "SynthesisInterrupted", "SynthesisRun", "synthesize", "synthesize_batches"]


def synthesize(
    model: StagedModel,
    x: torch.Tensor | np.ndarray,
    stage: str,
    protocol: Protocol,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    init: torch.Tensor | np.ndarray | None = None,
    batch_size: int | str = "auto",
    label_space: str | None = None,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    distance: Distance | None = None,
    unit_sets: Sequence[UnitSet] | None = None,
) -> SynthesisRun:
    """Make one metamer of each natural stimulus.

    Parameters
    ----------
    x
        Natural stimuli: images ``(N, 3, H, W)`` in [0, 1] or sounds ``(N, samples)`` in [-1, 1].
    ids
        Names of the stimuli; with ``seed`` they determine the noise starts and all later draws.
        ``"0"``, ``"1"``, ... if None.
    init
        Starting points instead of noise, ``(N, ...)``.
    batch_size
        Stimuli at a time; ``auto``: what memory holds. Out of memory halves it either way.
    label_space
        Where labels are compared; the model's own if None.
    progress
        Called with a `Share`: the share of the work done, with the mean loss and the time left.
    checkpoints
        Where unfinished batches are kept; the same call goes on from there, to the same result.
    distance
        The perceptual distance that the protocol's regulariser names; ``bench.synthesize`` finds
        it by that name.
    unit_sets
        Subsets of the stage for subset schedules; those of the stage's description if None.

    Raises
    ------
    BenchError
        If the stage is unknown or not meant for synthesis, or stimuli have the wrong shape or
        range.
    ItemError
        If the stage does not depend on the input, no stimulus has an activation that can be
        matched, or one stimulus alone does not fit into memory.
    SynthesisInterrupted
        On Ctrl-C, a `KeyboardInterrupt` that holds what was finished.
    """
    x = checked_stimuli(model, x, protocol)
    names = checked_ids(x, ids)
    parts: list[SynthesisRun] = []
    try:
        parts.extend(
            synthesize_batches(
                model, x, stage, protocol, seed=seed, ids=names, init=init, batch_size=batch_size,
                label_space=label_space, progress=progress, checkpoints=checkpoints,
                distance=distance, unit_sets=unit_sets,
            )
        )  # fmt: skip
    except KeyboardInterrupt:
        raise SynthesisInterrupted(joined(parts) if parts else None) from None
    return joined(parts, names)


def synthesize_batches(
    model: StagedModel,
    x: torch.Tensor | np.ndarray,
    stage: str,
    protocol: Protocol,
    *,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    init: torch.Tensor | np.ndarray | None = None,
    batch_size: int | str = "auto",
    label_space: str | None = None,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    distance: Distance | None = None,
    unit_sets: Sequence[UnitSet] | None = None,
    coupling: Coupling | None = None,
    together: int = 1,
) -> Iterator[SynthesisRun]:
    """Do what `synthesize` does, and yield each batch when it is finished.

    Whoever keeps what is yielded loses at most one batch to an interruption. With ``checkpoints``
    batches that were begun or finished come first; the files go when all are finished.
    ``coupling`` adds an objective over stimuli of one batch, in which ``together`` that follow
    each other stay.
    """
    x = checked_stimuli(model, x, protocol)
    names = checked_ids(x, ids)
    checked_stage(model, stage)
    _check_parts(model, protocol, distance)
    start = protocol.start_for(model.spec.input)
    if init is None:
        initial = noise_start(names, tuple(x.shape[1:]), start, seed)
    else:
        initial = torch.as_tensor(init, dtype=torch.float32).cpu()
    if initial.shape != x.shape:
        raise BenchError(f"init has shape {tuple(initial.shape)}, not {tuple(x.shape)}")
    if unit_sets is None:
        unit_sets = model.spec.stage(stage).unit_sets
    work = Work(
        model=model,
        network=model if protocol.exact else folded(model),
        stage=stage,
        protocol=protocol,
        start=start,
        seed=seed,
        unit_sets=unit_sets,
        distance=distance,
        coupling=coupling,
    )
    size = batch_size_for(batch_size, model, x, stage, tensors_kept(protocol))
    size = max(1, size // together)
    yield from Batches(work, names, x, initial, size, together, label_space, progress, checkpoints)


def _check_parts(model: StagedModel, protocol: Protocol, distance: Distance | None) -> None:
    """Raise where a protocol asks for what its model or its caller does not have."""
    images_only = protocol.transforms or protocol.regulariser
    if images_only and not hasattr(model.spec.input, "size_px"):
        raise BenchError(f"protocol {protocol.name} is for images; model {model.id} takes sounds")
    wanted = protocol.regulariser.perceptual if protocol.regulariser else None
    if wanted and distance is None:
        raise BenchError(
            f"protocol {protocol.name} needs the perceptual distance {wanted!r}",
            fix="pass distance=, or call bench.synthesize, which finds it among the plugins",
        )
    if distance is not None and not wanted:
        raise BenchError(f"protocol {protocol.name} has no use for a perceptual distance")
