"""Null distributions: how alike each stage finds pairs of different natural stimuli."""

from __future__ import annotations

from bench import config
from bench.tasks.task import Outcome, PlanContext, Task
from bench.tasks.workbench import Workbench

KIND = "nulls"
EPOCH = 1


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
                "epoch": EPOCH,
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


def execute(task: Task, bench: Workbench) -> Outcome:
    """Build the null distributions of one model, or reuse those that are kept already."""
    import pandas as pd

    from bench.store.null_assets import NullStore, keep_nulls

    measure = bench.settings.suite.nulls
    assert measure is not None  # planned only where the suite has it
    model = bench.model(task.model)
    assets = keep_nulls(
        NullStore(config.data_dir() / "nulls"),
        model,
        bench.stimuli(measure.stimuli, measure.n),
        measure.stimuli,
        stages=task.inputs["stages"],
        pairs=measure.pairs,
        seed=bench.settings.suite.seed,
        code=task.inputs["model"]["code"],
        progress=bench.progress,
    )
    rows = pd.DataFrame([row for asset in assets for row in asset.summary])
    rows.insert(0, "model", task.model)
    rows["epoch"] = EPOCH
    return Outcome(rows, facts={"weights": model.weights_id})
