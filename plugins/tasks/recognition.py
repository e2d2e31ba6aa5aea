"""Who recognises whose metamers: every model is shown every model's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.tasks.spec import Phase, TaskKind
from bench.tasks.task import NATURAL, Outcome, PlanContext, Task
from bench_plugins.tasks import criterion, synthesis

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.store.run_dir import Place
    from bench.tasks.workbench import Workbench

KIND = "recognition"
VERSION = 1


def plan(context: PlanContext) -> list[Task]:
    """Return one task a recognition model, generation model and stage, and one for the natural."""
    suite = context.suite
    if not suite.recognition:
        return []
    required = suite.nulls is not None and suite.nulls.required
    judged = {task.needs[0]: task.key for task in context.tasks_of(criterion.KIND) if required}
    made = context.tasks_of(synthesis.KIND)
    png = {"png": True} if suite.png else {}  # keys of runs without it stay what they were
    digest, n = context.digest(suite.stimuli, suite.limit)
    tasks = []
    for model in context.models:
        identity = {
            "epoch": VERSION,
            "model": dict(model.identity),
            "label_space": suite.label_space,
            "stimuli": digest,
            "n": n,
        }
        tasks.append(
            Task(KIND, model.spec.id, identity, (), float(n), generator=NATURAL, stage=NATURAL)
        )
        tasks.extend(
            Task(
                kind=KIND,
                model=model.spec.id,
                generator=source.model,
                stage=source.stage,
                needs=(source.key, *filter(None, [judged.get(source.key)])),
                passes=float(n),
                inputs={
                    **identity,
                    "metamers": source.key,
                    "judged": judged.get(source.key),
                    **png,
                },
            )
            for source in made
        )
    return tasks


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Ask one model what another's metamers show."""
    import numpy as np
    import torch

    from bench.api import BATCH, recognize
    from bench.store.run_dir import Place

    suite = workbench.settings.suite
    stimuli = workbench.stimuli(suite.stimuli, suite.limit)
    if task.needs:
        source = Place(synthesis.KIND, task.needs[0], task.generator, task.stage)
        saved = workbench.run_dir.pictures(source) if suite.png else None
        values = workbench.run_dir.arrays(source)["stimuli"] if saved is None else saved
        shown = torch.from_numpy(values)
        kept = _kept(task, workbench, source)
    else:
        shown = workbench.images(suite.stimuli, suite.limit)
        kept = np.ones(len(stimuli), dtype=bool)
    model = workbench.model(task.model)
    rows = recognize(
        model,
        shown,
        stimuli.labels,
        label_space=suite.label_space,
        ids=stimuli.ids,
        batch_size=workbench.batch(BATCH),
    )
    rows.insert(0, "recognition_model", task.model)
    rows.insert(1, "generation_model", task.generator)
    rows.insert(2, "stage", task.stage)
    rows["label"] = stimuli.labels
    rows["included"] = kept
    rows["epoch"] = VERSION
    return Outcome(rows, facts={"weights": model.weights_id})


def _kept(task: Task, workbench: Workbench, source: Place) -> NDArray[np.bool_]:
    """Return which metamers count: those that passed, or kept their label where no null is had."""
    from bench.store.run_dir import Place

    if len(task.needs) == 1:
        return workbench.run_dir.rows(source)["label_match"].to_numpy(bool)
    judged = workbench.run_dir.rows(
        Place(criterion.KIND, task.needs[1], task.generator, task.stage)
    )
    return judged["passed"].fillna(False).to_numpy(bool)


RECOGNITION = TaskKind(
    id=KIND,
    version=VERSION,
    after=(synthesis.KIND, criterion.KIND),
    phase=Phase.ALL_MODELS,
    plan=plan,
    execute=execute,
    description="which models recognise the metamers of which",
    reference="Feather et al. 2023, fig. 8",
)
