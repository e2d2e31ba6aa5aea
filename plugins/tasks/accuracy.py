"""Accuracy on natural stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.suites.suite import AccuracyMeasure
from bench.tasks.spec import Phase, TaskKind
from bench.tasks.task import Outcome, PlanContext, Task

if TYPE_CHECKING:
    from bench.tasks.workbench import Workbench

KIND = "accuracy"
VERSION = 1
MARGIN = 0.02  # further below what its authors report, a model's input may be wrong


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model."""
    suite, measure = context.suite, context.suite.accuracy
    if measure is None:
        return []
    digest, n = context.digest(measure.stimuli or suite.stimuli, measure.n)
    return [
        Task(
            kind=KIND,
            model=model.spec.id,
            passes=float(n),
            inputs={
                "epoch": VERSION,
                "model": dict(model.identity),
                "stimuli": digest,
                "n": n,
            },
        )
        for model in context.models
    ]


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Ask one model what natural stimuli show."""
    from bench.api import BATCH, recognize

    suite, measure = workbench.settings.suite, workbench.settings.suite.accuracy
    assert measure is not None  # planned only where the suite has it
    set_id = measure.stimuli or suite.stimuli
    stimuli = workbench.stimuli(set_id, measure.n)
    model = workbench.model(task.model)
    rows = recognize(
        model,
        stimuli.values,
        stimuli.labels,
        label_space=stimuli.label_space,
        ids=stimuli.ids,
        batch_size=workbench.batch(BATCH),
    )
    rows.insert(0, "model", task.model)
    rows["label"] = stimuli.labels
    rows["epoch"] = VERSION
    found = float(rows["correct"].mean())
    notice = shortfall(task.model, found, len(rows), model.spec.accuracy)
    return Outcome(rows, facts={"weights": model.weights_id, "notice": notice})


def shortfall(model: str, found: float, n: int, reported: float | None) -> str:
    """Say that a model misses its authors' accuracy by more than `MARGIN`; empty if not."""
    if reported is None or found >= reported - MARGIN:
        return ""
    return (
        f"{model} reaches an accuracy of {found:.3f}, n {n}; its authors report {reported:.3f}: "
        "are its size, mean and deviation right?"
    )


ACCURACY = TaskKind(
    id=KIND,
    version=VERSION,
    section=AccuracyMeasure,
    phase=Phase.FIRST,  # it shows wrong preprocessing
    plan=plan,
    execute=execute,
    description="accuracy on natural stimuli",
)
