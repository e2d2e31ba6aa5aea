"""Null distributions: how alike each stage finds pairs of different natural stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import config
from bench.suites.suite import NullMeasure
from bench.tasks.spec import TaskKind
from bench.tasks.task import Outcome, PlanContext, Task

if TYPE_CHECKING:
    from bench.tasks.workbench import Workbench

KIND = "nulls"
VERSION = 1


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model: all its stages in one pass."""
    suite, measure = context.suite, context.suite.nulls
    if measure is None:
        return []
    digest, n = context.digest(measure.stimuli, measure.n)
    return [
        Task(
            kind=KIND,
            model=model.spec.id,
            passes=float(n),
            inputs={
                "epoch": VERSION,
                "model": dict(model.identity),
                "stages": list(model.stages),
                "stimuli": digest,
                "n": n,
                "pairs": measure.pairs,
                "seed": suite.seed,
            },
        )
        for model in context.models
    ]


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Build the null distributions of one model, or reuse those that are kept already."""
    import pandas as pd

    from bench.store.null_assets import NullStore, keep_nulls

    measure = workbench.settings.suite.nulls
    assert measure is not None  # planned only where the suite has it
    model = workbench.model(task.model)
    assets = keep_nulls(
        NullStore(config.data_dir() / "nulls"),
        model,
        workbench.stimuli(measure.stimuli, measure.n),
        measure.stimuli,
        stages=task.inputs["stages"],
        pairs=measure.pairs,
        seed=workbench.settings.suite.seed,
        code=task.inputs["model"]["code"],
        progress=workbench.progress,
    )
    rows = pd.DataFrame([row for asset in assets for row in asset.summary])
    rows.insert(0, "model", task.model)
    rows["epoch"] = VERSION
    return Outcome(rows, facts={"weights": model.weights_id})


NULLS = TaskKind(
    id=KIND,
    version=VERSION,
    section=NullMeasure,
    plan=plan,
    execute=execute,
    description="how alike each stage finds pairs of different natural stimuli",
    reference="Feather et al. 2023, Methods",
)
