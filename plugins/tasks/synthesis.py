"""Metamers of every model and stage."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from bench.spec import ImageInput, ModelSpec
from bench.tasks.spec import TaskKind
from bench.tasks.task import Outcome, PlanContext, Task

if TYPE_CHECKING:
    import torch

    from bench.models.staged import StagedModel
    from bench.suites.suite import Suite
    from bench.synthesis.protocols import Protocol
    from bench.synthesis.result import SynthesisRun
    from bench.tasks.workbench import Workbench

KIND = "synthesis"
VERSION = 2
PASSES_A_STEP = 3  # forward, and backward at about twice its cost
CHECKPOINT_STEPS = 500
PROBED = 8  # metamers of a stage that are asked whether they are finished


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model and stage."""
    suite = context.suite
    digest, n = context.digest(suite.stimuli, suite.limit)
    protocols = {model.spec.id: protocol_for(suite, model.spec) for model in context.models}
    return [
        Task(
            kind=KIND,
            model=model.spec.id,
            generator=model.spec.id,
            stage=stage,
            passes=n * protocols[model.spec.id].total_steps * PASSES_A_STEP,
            inputs={
                "epoch": VERSION,
                "model": dict(model.identity),
                "stage": stage,
                "stimuli": digest,
                "n": n,
                "label_space": suite.label_space,
                "protocol": dataclasses.asdict(protocols[model.spec.id]),
                "seed": suite.seed,
                **_distance_code(protocols[model.spec.id], context),
                **({"grey": True} if _grey_input(model.spec) else {}),
            },
        )
        for model in context.models
        for stage in model.stages
        if model.spec.stage(stage).synthesis
    ]


def _distance_code(protocol: Protocol, context: PlanContext) -> dict[str, str]:
    """Return what enters the key of metamers that a perceptual distance regularises."""
    perceptual = protocol.regulariser.perceptual if protocol.regulariser else None
    return {"metric_code": context.metric_code(perceptual)} if perceptual else {}


def _grey_input(spec: ModelSpec) -> ImageInput | None:
    """Return the input of a network that works on grey images, as its metamers are then."""
    entrance = spec.input
    return entrance if isinstance(entrance, ImageInput) and entrance.grey else None


def protocol_for(suite: Suite, spec: ModelSpec) -> Protocol:
    """Return the protocol for one model: the suite's, or the model's own variant of it."""
    return suite.protocol.resolved(spec.protocols)


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Make the metamers of one model and stage."""
    from bench.models.door import grey_view
    from bench.synthesis.checkpoints import Checkpoints
    from bench.synthesis.engine import synthesize

    suite = workbench.settings.suite
    stimuli = workbench.stimuli(suite.stimuli, suite.limit)
    model = workbench.model(task.model)
    protocol = protocol_for(suite, model.spec)
    scratch = workbench.run_dir.scratch(task.key)
    perceptual = protocol.regulariser.perceptual if protocol.regulariser else None
    natural = workbench.images(suite.stimuli, suite.limit)
    if (entrance := _grey_input(model.spec)) is not None:
        natural = grey_view(entrance, natural)
    run = synthesize(
        model,
        natural,
        stage=task.stage,
        protocol=protocol,
        seed=suite.seed,
        ids=stimuli.ids,
        batch_size=workbench.settings.batch_size,
        label_space=suite.label_space,
        progress=workbench.progress,
        checkpoints=Checkpoints(scratch, CHECKPOINT_STEPS) if _is_long(protocol) else None,
        distance=workbench.distance(perceptual) if perceptual else None,
    )
    rows = run.match.assign(
        headroom=_headroom(model, natural, run),
        stalled=[run.stalled.get(name, 0) for name in run.ids],
        reason=[run.reasons.get(name, "") for name in run.ids],
        label=stimuli.labels,
    )
    rows.insert(0, "model", task.model)
    rows.insert(1, "stage", task.stage)
    rows["protocol"] = run.protocol.name
    rows["seed"] = suite.seed
    rows["epoch"] = VERSION
    arrays = {
        "stimuli": run.stimuli.numpy(),
        "losses": run.losses.numpy(),
        "steps": run.steps.numpy(),
    }
    return Outcome(rows, arrays, {"weights": model.weights_id})


def _headroom(model: StagedModel, natural: torch.Tensor, run: SynthesisRun) -> list[float]:
    """Return what a few more gradients would gain for the first metamers, NaN for the others."""
    from bench.synthesis.convergence import headroom

    start = run.protocol.start_for(model.spec.input)
    gained = headroom(
        model, natural[:PROBED], run.stimuli[:PROBED], run.stage,
        modified_relu=run.protocol.modified_relu, low=start.low, high=start.high,
    )  # fmt: skip
    return [*gained.tolist(), *[math.nan] * (len(run.ids) - len(gained))]


def _is_long(protocol: Protocol) -> bool:
    """Return whether an interruption would cost more than making the metamers again."""
    return protocol.total_steps > CHECKPOINT_STEPS


SYNTHESIS = TaskKind(
    id=KIND,
    version=VERSION,
    plan=plan,
    execute=execute,
    description="model metamers of every stage",
    reference="Feather et al. 2023",
)
