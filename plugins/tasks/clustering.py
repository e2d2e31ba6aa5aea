"""Matching of metamers to their natural stimuli among threes, for every model and stage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.suites.suite import AlignmentMeasure
from bench.tasks.spec import TaskKind
from bench.tasks.task import Outcome, PlanContext, Task
from bench_plugins.tasks import synthesis
from bench_plugins.tasks.alignment import beside, shown_metamers, shown_targets

if TYPE_CHECKING:  # planning must not load torch
    from bench.proxies.triples import Triples
    from bench.tasks.workbench import Workbench

KIND = "clustering"
VERSION = 1
HARD = "hard"
PASSES = 3.0  # of a stimulus: it is compared with three targets


def plan(context: PlanContext) -> list[Task]:
    """Return one task a model, stage, distance and kind of threes."""
    measure = context.suite.alignment
    if measure is None or measure.clustering is None:
        return []
    return [
        Task(
            kind=KIND,
            model=source.model,
            generator=source.model,
            stage=source.stage,
            needs=(source.key,),
            passes=PASSES * float(source.inputs["n"]),
            detail=f"{metric} {triples}",
            inputs={
                "epoch": VERSION,
                "metamers": source.key,
                "metric": metric,
                "metric_code": context.metric_code(metric),
                "triples": triples,
                "seed": context.suite.seed,
                "similarity": _similarity_identity(measure, context) if triples == HARD else None,
            },
        )
        for source in context.tasks_of(synthesis.KIND)
        for metric in measure.metrics
        for triples in measure.clustering.triples
    ]


def execute(task: Task, workbench: Workbench) -> Outcome:
    """Match one model's and stage's metamers by one distance."""
    from bench.proxies.clustering import clustering
    from bench.proxies.triples import random_triples

    suite = workbench.settings.suite
    targets = shown_targets(workbench)
    metamers = beside(shown_metamers(task, workbench), targets)
    metric, kind = str(task.inputs["metric"]), str(task.inputs["triples"])
    ids = workbench.stimuli(suite.stimuli, suite.limit).ids
    threes = _hard(workbench) if kind == HARD else random_triples(len(ids), suite.seed)
    rows = clustering(metamers, targets, threes, workbench.distance(metric), ids)
    rows.insert(0, "model", task.model)
    rows.insert(1, "stage", task.stage)
    rows.insert(2, "metric", metric)
    rows.insert(3, "triples", kind)
    rows["epoch"] = VERSION
    return Outcome(rows)


def _hard(workbench: Workbench) -> Triples:
    if workbench.triples is None:
        workbench.triples = _find_hard(workbench)
    return workbench.triples


def _find_hard(workbench: Workbench) -> Triples:
    from bench.proxies.triples import hard_triples, read_similarity, similarity_by

    suite = workbench.settings.suite
    measure = suite.alignment
    assert measure is not None  # planned only where the suite has it
    source = _similarity(measure)
    if isinstance(source, Path):
        ids = workbench.stimuli(suite.stimuli, suite.limit).ids
        return hard_triples(read_similarity(source, ids))
    targets, distance = shown_targets(workbench), workbench.distance(source)
    return hard_triples(similarity_by(targets, distance, progress=workbench.progress))


def _similarity(measure: AlignmentMeasure) -> Path | str:
    """Return what says how similar targets are: a file, or a distance's id."""
    assert measure.clustering is not None
    given = measure.clustering.similarity
    if given is not None and given.endswith(".npz"):
        return Path(given)
    return given or measure.metrics[0]


def _similarity_identity(measure: AlignmentMeasure, context: PlanContext) -> str:
    """Return what enters the key: the distance's id and code, or the file's SHA-256."""
    from bench.models.download import file_sha256

    source = _similarity(measure)
    if isinstance(source, str):
        return f"{source} {context.metric_code(source)}"
    if not source.is_file():
        raise BenchError(f"similarity file {source} does not exist")
    return file_sha256(source)


CLUSTERING = TaskKind(
    id=KIND,
    version=VERSION,
    after=(synthesis.KIND,),
    plan=plan,
    execute=execute,
    description="matching of metamers to natural stimuli among triplets, by perceptual distances",
    reference="Nanda et al. 2023",
)
