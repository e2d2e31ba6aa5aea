"""Who recognises whose metamers: every model is shown every model's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.store.run_dir import Place
from bench.tasks import criterion, synthesis
from bench.tasks.task import NATURAL, Outcome, PlanContext, Task
from bench.tasks.workbench import Workbench

KIND = "recognition"
EPOCH = 1


def plan(context: PlanContext) -> list[Task]:
    """Return one task a recognition model, generation model and stage, and one for the natural."""
    suite = context.suite
    if not suite.recognition:
        return []
    required = suite.nulls is not None and suite.nulls.required
    judged = {task.needs[0]: task.key for task in criterion.plan(context) if required}
    made = synthesis.plan(context)
    png = {"png": True} if suite.png else {}  # keys of runs without it stay what they were
    digest, n = context.digest(suite.stimuli, suite.limit)
    tasks = []
    for model in context.models:
        identity = {
            "epoch": EPOCH,
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


def execute(task: Task, bench: Workbench) -> Outcome:
    """Ask one model what another's metamers show."""
    import torch

    from bench.api import BATCH, recognize

    suite = bench.settings.suite
    stimuli = bench.stimuli(suite.stimuli, suite.limit)
    if task.needs:
        source = Place(synthesis.KIND, task.needs[0], task.generator, task.stage)
        saved = bench.run_dir.pictures(source) if suite.png else None
        values = bench.run_dir.arrays(source)["stimuli"] if saved is None else saved
        shown = torch.from_numpy(values)
        kept = _kept(task, bench, source)
    else:
        shown = bench.images(suite.stimuli, suite.limit)
        kept = np.ones(len(stimuli), dtype=bool)
    model = bench.model(task.model)
    rows = recognize(
        model,
        shown,
        stimuli.labels,
        label_space=suite.label_space,
        ids=stimuli.ids,
        batch_size=bench.batch(BATCH),
    )
    rows.insert(0, "recognition_model", task.model)
    rows.insert(1, "generation_model", task.generator)
    rows.insert(2, "stage", task.stage)
    rows["label"] = stimuli.labels
    rows["included"] = kept
    rows["epoch"] = EPOCH
    return Outcome(rows, facts={"weights": model.weights_id})


def _kept(task: Task, bench: Workbench, source: Place) -> NDArray[np.bool_]:
    """Return which metamers count: those that passed, or kept their label where no null is had."""
    if len(task.needs) == 1:
        return bench.run_dir.rows(source)["label_match"].to_numpy(bool)
    judged = bench.run_dir.rows(Place(criterion.KIND, task.needs[1], task.generator, task.stage))
    return judged["passed"].fillna(False).to_numpy(bool)
