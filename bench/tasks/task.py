"""What a task is, and what planning and executing one are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.spec import ModelSpec
from bench.store.keys import content_key
from bench.suites.suite import Suite

if TYPE_CHECKING:  # a plugin that only describes tasks must not load pandas
    import pandas as pd

    from bench.store.run_dir import Arrays, Place

NATURAL = "natural"  # the generation model and the stage of stimuli that no model made


@dataclass(frozen=True)
class RunSettings:
    """All that a run was asked for, the same in every process that works on it."""

    root: Path
    suite: Suite
    data: Path | None = None
    device: str = "auto"
    batch_size: int | str = "auto"


@dataclass(frozen=True)
class PlannedModel:
    """A model of a run.

    Parameters
    ----------
    identity
        What enters the keys of its tasks: id, weights, and hashes of its description and code.
    stages
        The stages that the run asks for, ordered by depth.
    """

    spec: ModelSpec
    identity: Mapping[str, str]
    stages: tuple[str, ...]


@dataclass(frozen=True)
class PlanContext:
    """What planning is given.

    Parameters
    ----------
    digest
        ``digest(set_id, n)`` returns the SHA-256 of the first ``n`` stimuli of a set, and how many
        there really are.
    attack_code, metric_code
        Given an attack's or a perceptual distance's id, return the SHA-256 of its plugin's code.
    planned
        The planned tasks of the kinds that this one comes after.
    """

    suite: Suite
    models: tuple[PlannedModel, ...]
    digest: Callable[[str, int | None], tuple[str, int]]
    attack_code: Callable[[str], str]
    metric_code: Callable[[str], str]
    planned: Mapping[str, tuple[Task, ...]] = field(default_factory=dict)

    def tasks_of(self, kind: str) -> tuple[Task, ...]:
        """Return the planned tasks of a kind that the kind in hand comes after."""
        try:
            return self.planned[kind]
        except KeyError:
            raise BenchError(
                f"a kind of task reads those of {kind} without saying so",
                fix=f"name {kind} in its `after`",
            ) from None


@dataclass(frozen=True)
class Task:
    """One piece of work, idempotent.

    Parameters
    ----------
    model
        The model that executes it.
    inputs
        All that determines the result, JSON-able; the key is its hash.
    needs
        Keys of the tasks whose results it reads.
    passes
        About how many forward passes of one stimulus it takes (a gradient counts as two more).
    generator, stage
        Whose metamers it makes or reads.
    """

    kind: str
    model: str
    inputs: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    passes: float = 0.0
    generator: str = ""
    stage: str = ""
    detail: str = ""

    @cached_property
    def key(self) -> str:
        """The content key."""
        return content_key({"kind": self.kind, **self.inputs})

    @property
    def home(self) -> str:
        """The key that says which shard the task is in: of the first task that it needs."""
        return self.needs[0] if self.needs else self.key

    @property
    def place(self) -> Place:
        """Where its result lies."""
        from bench.store.run_dir import Place

        return Place(self.kind, self.key, self.generator, self.stage)

    @property
    def title(self) -> str:
        """The task in a few words, for people."""
        parts = [self.kind, self.model]
        if self.generator and self.generator != self.model:
            parts.append(f"of {self.generator}")
        parts.extend(p for p in (self.stage, self.detail) if p)
        return " ".join(parts)


@dataclass(frozen=True)
class Outcome:
    """What executing a task gives: rows of its kind's table, and stimuli where it made some."""

    rows: pd.DataFrame
    arrays: Arrays | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
