"""What a kind of task is, as a plugin registers it. Nothing here imports torch or pandas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.spec import check_id
from bench.tasks.task import Outcome, PlanContext, Task

if TYPE_CHECKING:
    from pydantic import BaseModel

    from bench.tasks.workbench import Workbench


class Phase(IntEnum):
    """When in a run the tasks of a kind have their turn.

    Within a phase a run goes from model to model, so that each is loaded as seldom as possible.
    """

    FIRST = 0  # quick, and shows a mistake before hours are spent
    EACH_MODEL = 1  # a model's own work
    ALL_MODELS = 2  # reads results of every model, so it waits for all of them


@dataclass(frozen=True, kw_only=True)
class TaskKind:
    """A kind of measurement: which tasks a run has of it, and how one is executed.

    Parameters
    ----------
    id
        Name of its tasks and of its table.
    plan
        Returns the tasks of this kind; an empty list where the suite does not ask for it.
    execute
        Executes one task: ``execute(task, workbench)``.
    version
        Part of every result's key. Raise it when what a task computes changes.
    section
        Checks this kind's part of a suite file, a table called by its id: a frozen pydantic model
        that forbids unknown keys. Where the suite has no such table, nothing is planned. None: the
        kind has no table, and `plan` decides by itself.
    after
        Ids of the kinds whose planned tasks and results it reads.
    phase
        When its tasks have their turn; no earlier than those of the kinds in ``after``.
    """

    id: str
    plan: Callable[[PlanContext], list[Task]]
    execute: Callable[[Task, Workbench], Outcome]
    version: int = 1
    section: type[BaseModel] | None = None
    after: tuple[str, ...] = ()
    phase: Phase = Phase.EACH_MODEL
    description: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        check_id("kind of task", self.id)
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 1:
            raise BenchError(
                f"kind of task {self.id}: version {self.version!r} is not a positive integer"
            )
