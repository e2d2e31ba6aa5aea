"""What a synthesis gives: metamers with their evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import pandas as pd
import torch

from bench.synthesis.protocols import Protocol


@dataclass(frozen=True)
class SynthesisRun:
    """Metamers of one model and stage, with their evidence.

    Attributes
    ----------
    stimuli, initial
        The metamers and the noise that they started from, float32 ``(N, ...)``, on the CPU.
    losses
        Relative distance at the stage of each stimulus, all units, without regulariser, float32
        ``(N, T)``, after ``steps`` ``(T,)`` gradient steps.
    gradients
        How many gradient steps each stimulus took, ``(N,)``.
    match
        One row a stimulus; see `bench.synthesis.match.match_table`.
    reasons
        Why a stimulus was frozen before the last step, by id; empty where none was.
    stalled
        After how many gradients a stimulus' search stalled and the rule of Feather et al. 2023
        took over, by id; empty where none did.
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
    gradients: torch.Tensor
    match: pd.DataFrame
    reasons: dict[str, str]
    stalled: dict[str, int] = field(default_factory=dict)


def joined(parts: Sequence[SynthesisRun], ids: Sequence[str] | None = None) -> SynthesisRun:
    """Return several parts of one synthesis as one, in the order of ``ids``."""
    first = parts[0]
    found = [name for part in parts for name in part.ids]
    place = {name: i for i, name in enumerate(found)}
    order = [place[name] for name in (ids if ids is not None else found)]
    whole = {
        name: torch.cat([getattr(part, name) for part in parts])[order]
        for name in ("stimuli", "initial", "losses", "gradients")
    }
    match = pd.concat([part.match for part in parts], ignore_index=True)
    reasons = {name: why for part in parts for name, why in part.reasons.items()}
    stalled = {name: step for part in parts for name, step in part.stalled.items()}
    values = {each.name: getattr(first, each.name) for each in fields(first)}
    return SynthesisRun(
        **{
            **values,
            **whole,
            "ids": tuple(found[i] for i in order),
            "match": match.iloc[order].reset_index(drop=True),
            "reasons": reasons,
            "stalled": stalled,
        }
    )


class SynthesisInterrupted(KeyboardInterrupt):
    """Ctrl-C during a synthesis; ``finished`` holds the stimuli that were done, None if none."""

    def __init__(self, finished: SynthesisRun | None) -> None:
        super().__init__()
        self.finished = finished
