"""The batches of one synthesis: sized by memory, resumed from checkpoints, told of as they end."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.errors import ItemError
from bench.synthesis import checkpoints as saved
from bench.synthesis.batching import is_out_of_memory, with_halving
from bench.synthesis.checkpoints import Checkpoints
from bench.synthesis.loop import BatchLoop, Work
from bench.synthesis.match import match_table
from bench.synthesis.result import SynthesisRun
from bench.synthesis.state import Finished, State


class Share(float):
    """The share of the work that is done, 0 to 1, with the mean loss and the time left."""

    loss: float
    seconds_left: float

    def __new__(cls, share: float, loss: float, seconds_left: float) -> Share:
        self = super().__new__(cls, min(1.0, share))
        self.loss, self.seconds_left = loss, seconds_left
        return self


Progress = Callable[[Share], None]


@dataclass
class Batches:
    """The batches of one synthesis, made one after another.

    ``size`` counts groups of ``together`` stimuli, which no batch divides.
    """

    work: Work
    ids: tuple[str, ...]
    natural: torch.Tensor
    initial: torch.Tensor
    size: int
    together: int
    label_space: str | None
    progress: Progress | None
    checkpoints: Checkpoints | None

    def __iter__(self) -> Iterator[SynthesisRun]:
        self.began = time.monotonic()
        self.done = 0
        self._ended: list[Path] = []
        for begun in self._begun():
            yield self._run(begun)
        waiting = [i for i in range(len(self.ids)) if i not in self._seen]
        while waiting:
            part = self._fitting(waiting)
            waiting = waiting[len(part.ids) :]
            yield part
        for path in self._ended:
            path.unlink(missing_ok=True)

    def _fitting(self, waiting: list[int]) -> SynthesisRun:
        """Run the first of the waiting rows, half as many each time that memory runs out."""
        asked = min(self.size, len(waiting) // self.together)
        try:
            part, fitted = with_halving(lambda n: self._run(waiting[: n * self.together]), asked)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise ItemError(
                f"model {self.work.model.id}, stage {self.work.stage}: one stimulus alone does "
                f"not fit into the memory of {self.work.model.device}",
                fix="take another device or an earlier stage",
            ) from None
        if fitted < asked:
            self.size = fitted
        return part

    def _begun(self) -> list[list[int]]:
        """Return the rows of batches that have a checkpoint; none of them twice."""
        self._seen: set[int] = set()
        place = {name: i for i, name in enumerate(self.ids)}
        found = []
        for names in saved.batches_in(self.checkpoints.folder) if self.checkpoints else []:
            rows = [place[name] for name in names if name in place]
            if len(rows) == len(names) and self._seen.isdisjoint(rows) and self._loaded(rows):
                self._seen.update(rows)
                found.append(rows)
        return found

    def _loaded(self, rows: list[int]) -> State | None:
        if self.checkpoints is None:
            return None
        key = self._key(rows)
        tensors = saved.load(saved.path_of(self.checkpoints, key), key)
        return State.of(tensors, self.work.model.device) if tensors else None

    def _key(self, rows: list[int]) -> str:
        work = self.work
        inputs: dict[str, Any] = {
            "model": [work.model.id, work.model.weights_id],
            "stage": work.stage,
            "protocol": dataclasses.asdict(work.protocol),
            "seed": work.seed,
            "ids": [self.ids[i] for i in rows],
            "unit_sets": [str(units) for units in work.unit_sets],
        }
        return saved.fingerprint(inputs, self.natural[rows], self.initial[rows])

    def _run(self, rows: list[int]) -> SynthesisRun:
        names = tuple(self.ids[i] for i in rows)
        natural, initial = self.natural[rows], self.initial[rows]
        loop = BatchLoop(self.work, names, natural, initial, self._loaded(rows))
        key = self._key(rows) if self.checkpoints is not None else ""
        self._advance(loop, len(rows), key)
        if self.checkpoints is not None:  # a later batch may be interrupted: this one stays
            self._ended.append(self._save(loop, key))
        finished = loop.finish()
        del loop
        part = self._with_match(names, natural, initial, finished)
        self.done += len(rows)
        return part

    def _save(self, loop: BatchLoop, key: str) -> Path:
        assert self.checkpoints is not None  # whoever saves has asked
        path = saved.path_of(self.checkpoints, key)
        saved.save(path, loop.state.tensors(), key, loop.ids)
        return path

    def _advance(self, loop: BatchLoop, n: int, key: str) -> None:
        protocol = self.work.protocol
        every = protocol.stop.every if protocol.stop else 0
        while loop.state.step < protocol.total_steps and len(loop.state.rows):
            loop.advance()
            step = loop.state.step
            last = step - 1
            if last in loop.curve_steps or (every and last % every == 0):
                if not loop.drop_finished():
                    break
                self._report(loop, n)
            if self.checkpoints is not None and step % self.checkpoints.every == 0:
                self._save(loop, key)
        self._report(loop, n, ended=True)

    def _report(self, loop: BatchLoop, n: int, ended: bool = False) -> None:
        if self.progress is None:
            return
        within = 1.0 if ended else loop.state.step / self.work.protocol.total_steps
        share = (self.done + n * within) / len(self.ids)
        spent = time.monotonic() - self.began
        self.progress(Share(share, loop.mean_loss(), spent * (1 - share) / share))

    def _with_match(
        self,
        names: tuple[str, ...],
        natural: torch.Tensor,
        initial: torch.Tensor,
        finished: Finished,
    ) -> SynthesisRun:
        work = self.work
        losses = finished.losses[:, -1]
        measure = partial(
            match_table, work.model, natural, finished.stimuli, work.stage, names, losses
        )
        match, _ = with_halving(lambda n: measure(n, self.label_space), len(names))
        return SynthesisRun(
            model=work.model.id,
            stage=work.stage,
            protocol=work.protocol,
            seed=work.seed,
            ids=names,
            stimuli=finished.stimuli,
            initial=initial,
            losses=finished.losses,
            steps=torch.tensor(finished.steps),
            gradients=finished.gradients,
            match=match,
            reasons={name: why for name, why in zip(names, finished.reasons, strict=True) if why},
            stalled={name: at for name, at in zip(names, finished.stalled, strict=False) if at},
        )
