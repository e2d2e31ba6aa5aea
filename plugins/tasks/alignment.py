"""Two-alternative forced choice by perceptual distances, for every model and stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.suites.suite import AlignmentMeasure
from bench.tasks.spec import TaskKind
from bench.tasks.task import Outcome, PlanContext, Task
from bench_plugins.tasks import synthesis

if TYPE_CHECKING:
    import torch

    from bench.synthesis.parts import NoiseStart
    from bench.tasks.workbench import Workbench

KIND = "alignment"
VERSION = 1


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model, stage and distance."""
    measure = context.suite.alignment
    if measure is None:
        return []
    return [
        Task(
            kind=KIND,
            model=source.model,
            generator=source.model,
            stage=source.stage,
            needs=(source.key,),
            passes=float(source.inputs["n"]),
            detail=metric,
            inputs={
                "epoch": VERSION,
                "metamers": source.key,
                "metric": metric,
                "metric_code": context.metric_code(metric),
            },
        )
        for source in context.tasks_of(synthesis.KIND)
        for metric in measure.metrics
    ]


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Ask one distance whether one model's metamers look like their natural stimuli."""
    from bench.proxies.two_afc import two_afc
    from bench.synthesis.noise import noise_start

    suite = workbench.settings.suite
    ids = workbench.stimuli(suite.stimuli, suite.limit).ids
    metamers, targets = shown_metamers(task, workbench), shown_targets(workbench)
    initial = noise_start(ids, tuple(metamers.shape[1:]), _start(task, workbench), suite.seed)
    metric = str(task.inputs["metric"])
    shown, begun = (beside(images, targets) for images in (metamers, initial))
    rows = two_afc(shown, targets, begun, workbench.distance(metric))
    rows.insert(0, "model", task.model)
    rows.insert(1, "stage", task.stage)
    rows.insert(2, "metric", metric)
    rows.insert(3, "id", list(ids))
    rows["epoch"] = VERSION
    return Outcome(rows)


def shown_metamers(task: Task, workbench: Workbench) -> torch.Tensor:
    """Return the metamers that a task needs as an observer sees them.

    One that was frozen at a start outside its range (see the synthesis table's ``reason``) is
    that start, clipped.
    """
    import torch

    from bench.store.run_dir import Place

    source = Place(synthesis.KIND, task.needs[0], task.generator, task.stage)
    metamers = torch.from_numpy(workbench.run_dir.arrays(source)["stimuli"])
    start = _start(task, workbench)
    return metamers if start.clipped else metamers.clamp(start.low, start.high)


def beside(images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return images as large and with as many channels as those that they are compared with.

    Metamers of a network that works on grey images of its own size are such images.
    """
    from bench.models.door import resized

    if images.ndim != targets.ndim or images.shape == targets.shape:
        return images
    height, width = targets.shape[-2:]
    return resized(images, (height, width), "bicubic").expand(-1, targets.shape[1], -1, -1)


def shown_targets(workbench: Workbench) -> torch.Tensor:
    """Return a suite's natural stimuli as an observer sees them.

    Noise as a target (Nanda et al. 2023, section 2.3) leaves [0, 1]; an image of it does not.
    Stimuli out of range under any other protocol are a mistake, and stay so.
    """
    suite = workbench.settings.suite
    targets = workbench.images(suite.stimuli, suite.limit)
    return targets.clamp(0, 1) if suite.protocol.resolved().noise_targets else targets


def _start(task: Task, workbench: Workbench) -> NoiseStart:
    spec = workbench.plugins.model(task.model)
    return synthesis.protocol_for(workbench.settings.suite, spec).start_for(spec.input)


ALIGNMENT = TaskKind(
    id=KIND,
    version=VERSION,
    section=AlignmentMeasure,
    after=(synthesis.KIND,),
    plan=plan,
    execute=execute,
    description="two-alternative forced choice by perceptual distances",
    reference="Nanda et al. 2023, eq. 1",
)
