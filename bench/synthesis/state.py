"""What changes from step to step, and what comes out in the end."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass
class State:
    """All that changes from step to step; a checkpoint is this and nothing else.

    ``live`` has a row for each stimulus that is still worked on, whose places in the batch are
    ``rows``; ``kept`` has a row for each stimulus of the batch.
    """

    step: int
    rows: torch.Tensor
    live: dict[str, torch.Tensor]
    kept: dict[str, torch.Tensor]

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return everything as named tensors."""
        live = {f"live.{name}": value for name, value in self.live.items()}
        kept = {f"kept.{name}": value for name, value in self.kept.items()}
        return {"step": torch.tensor(self.step), "rows": self.rows, **live, **kept}

    @staticmethod
    def of(tensors: dict[str, torch.Tensor], device: torch.device) -> State:
        """Return the state that `tensors` told of."""
        parts: dict[str, dict[str, torch.Tensor]] = {"live": {}, "kept": {}}
        for name, value in tensors.items():
            part, _, rest = name.partition(".")
            if rest:
                parts[part][rest] = value.to(device)
        step = int(tensors["step"])
        return State(step, tensors["rows"].to(device), parts["live"], parts["kept"])

    def put_aside(self) -> None:
        """Copy where the stimuli stand from the live rows to the kept ones.

        During a search that is the best point so far, not the trial that is measured next.
        """
        self.kept["x"][self.rows] = self.live.get("point", self.live["x"])
        for name in ("frozen", "stalled"):
            if name in self.live:
                self.kept[name][self.rows] = self.live[name]

    def keep_only(self, alive: torch.Tensor) -> None:
        """Go on with the live rows where ``alive`` is true."""
        self.put_aside()
        self.rows = self.rows[alive]
        self.live = {name: value[alive] for name, value in self.live.items()}


@dataclass(frozen=True)
class Finished:
    """What a batch gives, on the CPU.

    ``losses`` ``(N, T)`` were taken at ``steps``; ``gradients`` ``(N,)`` is how many steps each
    stimulus took; ``reasons`` says why one was frozen, empty where none was; ``stalled``, at which
    gradient a search stalled, 0 where it did not, and nothing where there was no search.
    """

    stimuli: torch.Tensor
    losses: torch.Tensor
    steps: tuple[int, ...]
    gradients: torch.Tensor
    reasons: tuple[str, ...]
    stalled: tuple[int, ...] = ()
