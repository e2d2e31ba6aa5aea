"""Which synthesised stimuli are metamers: nearer than any null pair, and of the same label.

Source: Feather et al. 2023, Methods ("criteria for optimization success").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tasks.spec import TaskKind
from bench.tasks.task import Outcome, PlanContext, Task
from bench_plugins.tasks import nulls, synthesis

if TYPE_CHECKING:
    from bench.tasks.workbench import Workbench

KIND = "criterion"
VERSION = 1


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model and stage."""
    null_of = {task.model: task for task in context.tasks_of(nulls.KIND)}
    measures = {model.spec.id: list(model.spec.match_measures) for model in context.models}
    return [
        Task(
            kind=KIND,
            model=made.model,
            generator=made.model,
            stage=made.stage,
            needs=(made.key, null_of[made.model].key),
            inputs={
                "epoch": VERSION,
                "metamers": made.key,
                "nulls": null_of[made.model].key,
                "measures": measures[made.model],
            },
        )
        for made in context.tasks_of(synthesis.KIND)
        if made.model in null_of
    ]


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Judge the metamers of one model and stage."""
    from bench.store.run_dir import Place
    from bench.synthesis.criterion import judge

    made, null = task.needs
    match = workbench.run_dir.rows(Place(synthesis.KIND, made, task.generator, task.stage))
    summary = workbench.run_dir.rows(Place(nulls.KIND, null))
    summary = summary[summary["stage"] == task.stage].drop(columns=["model", "epoch"])
    judged = judge(match, summary, task.inputs["measures"])
    columns = ["model", "stage", "id", "label_match", "beyond_null", "passed", "failed"]
    return Outcome(judged[columns].assign(epoch=VERSION))


CRITERION = TaskKind(
    id=KIND,
    version=VERSION,
    after=(nulls.KIND, synthesis.KIND),
    plan=plan,
    execute=execute,
    description="which synthesised stimuli are metamers",
    reference="Feather et al. 2023, Methods, criteria for optimization success",
)
