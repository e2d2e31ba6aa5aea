"""Which synthesised stimuli are metamers: nearer than any null pair, and of the same label.

Source: Feather et al. 2023, Methods ("criteria for optimization success").
"""

from __future__ import annotations

from bench.store.run_dir import Place
from bench.tasks import nulls, synthesis
from bench.tasks.task import Outcome, PlanContext, Task
from bench.tasks.workbench import Workbench

KIND = "criterion"
EPOCH = 1


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model and stage."""
    null_of = {task.model: task for task in nulls.plan(context)}
    measures = {model.spec.id: list(model.spec.match_measures) for model in context.models}
    return [
        Task(
            kind=KIND,
            model=made.model,
            generator=made.model,
            stage=made.stage,
            needs=(made.key, null_of[made.model].key),
            inputs={
                "epoch": EPOCH,
                "metamers": made.key,
                "nulls": null_of[made.model].key,
                "measures": measures[made.model],
            },
        )
        for made in synthesis.plan(context)
        if made.model in null_of
    ]


def execute(task: Task, bench: Workbench) -> Outcome:
    """Judge the metamers of one model and stage."""
    from bench.synthesis.criterion import judge

    made, null = task.needs
    match = bench.run_dir.rows(Place(synthesis.KIND, made, task.generator, task.stage))
    summary = bench.run_dir.rows(Place(nulls.KIND, null))
    summary = summary[summary["stage"] == task.stage].drop(columns=["model", "epoch"])
    judged = judge(match, summary, task.inputs["measures"])
    columns = ["model", "stage", "id", "label_match", "beyond_null", "passed", "failed"]
    return Outcome(judged[columns].assign(epoch=EPOCH))
