"""The vocabulary of a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.attacks.spec import AttackBudget, AttackSpec
from bench.labels.spaces import decide
from bench.models.load import load_spec, pick_device
from bench.models.staged import StagedModel
from bench.plugins import installed
from bench.proxies.two_afc import two_afc
from bench.spec import ModelSpec
from bench.stimuli.sets import Stimuli, Values
from bench.synthesis import engine
from bench.synthesis.batching import in_batches
from bench.synthesis.nulls import null_distribution
from bench.synthesis.protocols import Protocol

__all__ = [
    "alignment_2afc",
    "attack",
    "load",
    "load_stimuli",
    "null_distribution",
    "recognize",
    "synthesize",
]

BATCH = 64


def load(
    model: str | ModelSpec,
    weights: str | Path | None = "default",
    device: str | torch.device = "auto",
    seed: int = 0,
) -> StagedModel:
    """Load a model of an installed plugin (or a description of your own).

    Parameters
    ----------
    weights
        Name of a set of weights; None for random ones drawn from ``seed``; or the path of a
        checkpoint, also under the key names that its authors published.

    Raises
    ------
    BenchError
        If no such model exists, a package that it needs is missing, or its weights cannot be had.
    """
    spec = model if isinstance(model, ModelSpec) else installed().model(model)
    return load_spec(spec, weights, device, seed)


def load_stimuli(name: str, limit: int | None = None, data: str | Path | None = None) -> Stimuli:
    """Load a stimulus set of an installed plugin: its first ``limit`` stimuli, or all.

    Parameters
    ----------
    data
        Your directory of files, for sets that need one.
    """
    return installed().stimuli.get(name).load(limit, None if data is None else Path(data))


def synthesize(
    model: StagedModel,
    x: torch.Tensor | np.ndarray,
    stage: str,
    protocol: Protocol,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    init: torch.Tensor | np.ndarray | None = None,
    batch_size: int | str = "auto",
    **options: Any,
) -> engine.SynthesisRun:
    """Make one metamer of each natural stimulus.

    Parameters
    ----------
    x
        Natural stimuli: images ``(N, 3, H, W)`` in [0, 1] or sounds ``(N, samples)`` in [-1, 1].
    ids
        Names of the stimuli; with ``seed`` they determine the noise starts and all later draws.
    init
        Starting points instead of noise, ``(N, ...)``.
    **options
        What else `bench.synthesis.engine.synthesize` takes: label_space, progress, checkpoints,
        distance (found among the plugins where the protocol names one), unit_sets.

    Returns
    -------
    ``stimuli``, ``initial``, ``losses`` ``(N, T)`` at ``steps`` ``(T,)``, and ``match``, a row a
    stimulus: the evidence that it is a metamer.

    Raises
    ------
    BenchError
        If the stage is unknown or not meant for synthesis, or stimuli have the wrong shape or
        range.
    """
    wanted = protocol.regulariser.perceptual if protocol.regulariser else None
    if wanted and options.get("distance") is None:
        options["distance"] = installed().metrics.get(wanted).build(model.device)
    return engine.synthesize(
        model, x, stage, protocol, seed, ids, init, batch_size=batch_size, **options
    )


def recognize(
    model: StagedModel,
    x: torch.Tensor | np.ndarray | Values,
    labels: Sequence[int] | np.ndarray | torch.Tensor,
    label_space: str | None = None,
    ids: Sequence[str] | None = None,
    batch_size: int = BATCH,
) -> pd.DataFrame:
    """Ask a model what stimuli show.

    Parameters
    ----------
    x
        Stimuli ``(N, ...)``; values that are read when they are indexed are read in batches.
    labels
        True classes ``(N,)`` in ``label_space`` (the model's own, if None).
    batch_size
        How many stimuli at once; halved where they do not fit into memory.

    Returns
    -------
    One row a stimulus: ``id``, ``predicted``, ``correct``.
    """
    space = label_space or model.spec.labels

    def answer(places: list[int]) -> torch.Tensor:
        return model.logits(torch.as_tensor(x[places], dtype=torch.float32)).cpu()

    logits = torch.cat(list(in_batches(answer, len(x), batch_size)))
    predicted = decide(logits.numpy(), model.spec.labels, space)
    names = [str(i) for i in range(len(x))] if ids is None else list(ids)
    return pd.DataFrame(
        {"id": names, "predicted": predicted, "correct": predicted == np.asarray(labels)}
    )


def attack(
    model: StagedModel,
    x: torch.Tensor | np.ndarray | Values,
    y: Sequence[int] | np.ndarray | torch.Tensor,
    kind: str = "pgd",
    norm: str = "linf",
    eps: float = 4 / 255,
    steps: int = 64,
    step_size: float | None = None,
    random_start: bool = False,
    seed: int = 0,
    *,
    ids: Sequence[str] | None = None,
    batch_size: int = BATCH,
) -> torch.Tensor:
    """Attack stimuli.

    Parameters
    ----------
    x
        Natural stimuli ``(N, ...)``.
    y
        True classes ``(N,)`` in the model's own label space.
    kind
        Id of an attack that a plugin registers.
    norm, eps, steps, step_size, random_start, seed
        Its budget, see `bench.attacks.spec.AttackBudget`.
    ids
        Names of the stimuli; with ``seed`` they determine random starts.
    batch_size
        How many stimuli at once; halved where they do not fit into memory.

    Returns
    -------
    Attacked stimuli, of the shape of ``x``, on the CPU.

    Raises
    ------
    BenchError
        If there is no such attack, or the budget makes no sense.
    """
    spec: AttackSpec = installed().attacks.get(kind)
    budget = AttackBudget(
        norm=norm,
        eps=eps,
        steps=steps,
        step_size=step_size,
        random_start=random_start,
        seed=seed,
    )
    names = [str(i) for i in range(len(x))] if ids is None else list(ids)
    truth = torch.as_tensor(y)

    def attacked(places: list[int]) -> torch.Tensor:
        part = torch.as_tensor(x[places], dtype=torch.float32)
        return spec.run(model, part, truth[places], budget, [names[i] for i in places])

    return torch.cat(list(in_batches(attacked, len(x), batch_size)))


def alignment_2afc(
    run_stimuli: torch.Tensor | np.ndarray,
    target: torch.Tensor | np.ndarray,
    initial: torch.Tensor | np.ndarray,
    metric: str = "lpips-alex",
    device: str | torch.device = "cpu",
) -> float:
    """Return the share of stimuli that look more like their target than like their start.

    Source: Nanda et al. 2023, eq. 1. `bench.proxies.two_afc.two_afc` gives the single choices.
    """
    distance = installed().metrics.get(metric).build(pick_device(device))
    shown, wanted, begun = (
        torch.as_tensor(x, dtype=torch.float32) for x in (run_stimuli, target, initial)
    )
    return float(two_afc(shown, wanted, begun, distance)["aligned"].mean())
