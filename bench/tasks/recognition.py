"""Who recognises whose metamers: every model is shown every model's."""

from __future__ import annotations

from bench.store.run_dir import Place
from bench.tasks import synthesis
from bench.tasks.task import NATURAL, Outcome, PlanContext, Task
from bench.tasks.workbench import Workbench

KIND = "recognition"
EPOCH = 1


def plan(context: PlanContext) -> list[Task]:
    """Return one task a recognition model, generation model and stage, and one for the natural."""
    suite = context.suite
    if not suite.recognition:
        return []
    made = synthesis.plan(context)
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
                needs=(source.key,),
                passes=float(n),
                inputs={**identity, "metamers": source.key},
            )
            for source in made
        )
    return tasks


def execute(task: Task, bench: Workbench) -> Outcome:
    """Ask one model what another's metamers show."""
    import torch

    from bench.api import recognize

    suite = bench.settings.suite
    stimuli = bench.stimuli(suite.stimuli, suite.limit)
    if task.needs:
        source = Place(synthesis.KIND, task.needs[0], task.generator, task.stage)
        shown = torch.from_numpy(bench.run_dir.arrays(source)["stimuli"])
        kept = bench.run_dir.rows(source)["label_match"].to_numpy()
    else:
        shown = torch.as_tensor(stimuli.values[:])
        kept = None
    model = bench.model(task.model)
    rows = recognize(model, shown, stimuli.labels, label_space=suite.label_space, ids=stimuli.ids)
    rows.insert(0, "recognition_model", task.model)
    rows.insert(1, "generation_model", task.generator)
    rows.insert(2, "stage", task.stage)
    rows["label"] = stimuli.labels
    rows["included"] = True if kept is None else kept
    rows["epoch"] = EPOCH
    return Outcome(rows, facts={"weights": model.weights_id})
