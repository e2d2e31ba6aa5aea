"""Checks what a synthesis is asked for, before anything is computed or written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.errors import BenchError, UnknownName
from bench.models.staged import StagedModel
from bench.registry import near_names
from bench.spec import AudioInput
from bench.synthesis.protocols import NoiseStart, Protocol

ROUNDING = 1e-6  # how far values may leave their range: resizing and decoding round


def checked_stage(model: StagedModel, stage: str) -> None:
    """Raise unless metamers are made from the stage."""
    if stage not in model.stages:
        near = near_names(stage, model.stages)
        advice = (
            f"did you mean {', '.join(near)}?" if near else f"stages: {', '.join(model.stages)}"
        )
        raise UnknownName(f"model {model.id} has no stage {stage!r}", fix=advice)
    if not model.spec.stage(stage).synthesis:
        raise BenchError(
            f"model {model.id}: stage {stage} is not meant for synthesis",
            fix=f"take one of {', '.join(model.synthesis_stages)}",
        )


def checked_stimuli(
    model: StagedModel, x: torch.Tensor | np.ndarray, protocol: Protocol
) -> torch.Tensor:
    """Return natural stimuli as float32 on the CPU; raise unless they can enter the model."""
    x = torch.as_tensor(x).detach().to("cpu", torch.float32)
    entrance = model.spec.input
    if isinstance(entrance, AudioInput):
        wanted = f"(N, {entrance.samples}) at {entrance.rate_hz} Hz"
        fits = x.ndim == 2 and x.shape[1] == entrance.samples
        kind = "sounds"
    else:
        wanted = f"(N, 3, {entrance.size_px}, {entrance.size_px})"
        fits = x.ndim == 4 and x.shape[1] in (1, 3)
        kind = "images"
    if not fits or len(x) == 0:
        raise BenchError(
            f"model {model.id}: stimuli of shape {tuple(x.shape)} are not {kind} for it",
            fix=f"want {wanted}",
        )
    if not bool(torch.isfinite(x).all()):
        raise BenchError(f"{kind} for model {model.id} hold NaN or infinity")
    start = protocol.start_for(entrance)
    if not protocol.noise_targets:
        _check_range(model, x, start, kind)
    return x


def checked_ids(x: torch.Tensor, ids: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the stimuli; ``"0"``, ``"1"``, ... if none are given."""
    names = tuple(str(i) for i in range(len(x))) if ids is None else tuple(str(i) for i in ids)
    if len(names) != len(x):
        raise BenchError(f"{len(names)} ids for {len(x)} stimuli")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BenchError(
            f"the id {twice!r} occurs more than once",
            fix="ids determine the noise: make them differ",
        )
    return names


def _check_range(model: StagedModel, x: torch.Tensor, start: NoiseStart, kind: str) -> None:
    low, high = float(x.min()), float(x.max())
    if low >= start.low - ROUNDING and high <= start.high + ROUNDING:
        return
    advice = "divide by 255" if kind == "images" and high > 2 else "rescale them"
    raise BenchError(
        f"{kind} for model {model.id} have values in [{low:.3g}, {high:.3g}], "
        f"not in [{start.low:g}, {start.high:g}]",
        fix=advice,
    )
