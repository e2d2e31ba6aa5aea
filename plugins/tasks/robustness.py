"""Accuracy under attack: norms, eps, and several subsets of the stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.suites.suite import RobustnessMeasure
from bench.tasks.spec import TaskKind
from bench.tasks.task import Outcome, PlanContext, Task

if TYPE_CHECKING:
    import pandas as pd

    from bench.suites.suite import Suite
    from bench.tasks.task import PlannedModel
    from bench.tasks.workbench import Workbench

KIND = "robustness"
VERSION = 1
PASSES_A_STEP = 3


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model, norm and eps."""
    suite, measure = context.suite, context.suite.robustness
    if measure is None:
        return []
    digest, n = context.digest(measure.stimuli or suite.stimuli, measure.n)
    code = context.attack_code(measure.attack)
    return [
        Task(
            kind=KIND,
            model=model.spec.id,
            passes=float(n * measure.steps * PASSES_A_STEP),
            detail=f"{norm} {eps:.3g}",
            inputs={
                "epoch": VERSION,
                "model": dict(model.identity),
                "stimuli": digest,
                "n": n,
                "subsets": measure.subsets,
                "attack": measure.attack,
                "attack_code": code,
                "steps": measure.steps,
                "norm": norm,
                "eps": eps,
                "seed": suite.seed,
                **_labels_of(suite, model),
            },
        )
        for model in context.models
        for norm, sizes in measure.eps.items()
        for eps in sizes
    ]


def _labels_of(suite: Suite, model: PlannedModel) -> dict[str, str]:
    """Return what else a result hangs on where the suite's own stimuli have coarser labels."""
    own = suite.robustness is not None and suite.robustness.stimuli is None
    return {"labels": suite.label_space} if own and suite.label_space != model.spec.labels else {}


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Attack one model under one norm with one eps.

    Subset k holds the stimuli k, k + S, k + 2S, ... of S subsets (Feather et al. 2023 use five
    subsets; here every subset is as balanced as the set is).
    """
    import numpy as np
    import pandas as pd
    import torch

    from bench.api import BATCH, recognize
    from bench.attacks.spec import AttackBudget
    from bench.synthesis.batching import in_batches

    suite, measure = workbench.settings.suite, workbench.settings.suite.robustness
    assert measure is not None  # planned only where the suite has it
    norm, eps = str(task.inputs["norm"]), float(task.inputs["eps"])
    set_id = measure.stimuli or suite.stimuli
    stimuli = workbench.stimuli(set_id, measure.n)
    truth = torch.from_numpy(stimuli.labels)
    model = workbench.model(task.model)
    target = model.answering_in(stimuli.label_space)
    budget = AttackBudget(norm=norm, eps=eps, steps=measure.steps, seed=suite.seed)
    attack = workbench.plugins.attacks.get(measure.attack)

    def recognized(places: list[int]) -> pd.DataFrame:
        ids, labels = [stimuli.ids[i] for i in places], stimuli.labels[places]
        images = torch.as_tensor(stimuli.values[places])
        attacked = attack.run(target, images, truth[places], budget, ids)
        rows = recognize(model, attacked, labels, stimuli.label_space, ids)
        workbench.progress((places[-1] + 1) / len(stimuli))
        return rows

    parts = list(in_batches(recognized, len(stimuli), workbench.batch(BATCH)))
    rows = pd.concat(parts, ignore_index=True)
    rows.insert(0, "model", task.model)
    rows["label"] = stimuli.labels
    rows["attack"] = measure.attack
    rows["norm"] = norm
    rows["eps"] = eps
    rows["steps"] = measure.steps
    rows["subset"] = np.arange(len(rows)) % measure.subsets
    rows["epoch"] = VERSION
    return Outcome(rows, facts={"weights": model.weights_id})


ROBUSTNESS = TaskKind(
    id=KIND,
    version=VERSION,
    section=RobustnessMeasure,
    plan=plan,
    execute=execute,
    description="accuracy under adversarial attack",
    reference="Feather et al. 2023, supplement",
)
