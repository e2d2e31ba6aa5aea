"""From a suite and the installed models to a graph of tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from bench.errors import BenchError
from bench.plugins import Plugins
from bench.runner.identity import code_sha256
from bench.runner.kinds import in_order
from bench.runner.selection import select
from bench.store.run_dir import DamagedResult, RunDir
from bench.suites.suite import with_sections
from bench.tasks.spec import TaskKind
from bench.tasks.task import PlanContext, PlannedModel, RunSettings, Task


@dataclass(frozen=True)
class Plan:
    """The tasks of a run, every task after those that it needs."""

    tasks: tuple[Task, ...]
    models: tuple[PlannedModel, ...]
    unavailable: dict[str, str] = field(default_factory=dict)
    stimuli: dict[str, dict[str, Any]] = field(default_factory=dict)

    def counts(self, keys: Iterable[str] | None = None) -> Counter[str]:
        """Return how many tasks of each kind there are (among ``keys``, if given)."""
        wanted = None if keys is None else set(keys)
        return Counter(t.kind for t in self.tasks if wanted is None or t.key in wanted)


@dataclass(frozen=True)
class Progress:
    """What there is of a plan already.

    Parameters
    ----------
    finished
        Keys of finished tasks.
    weights
        Model to the hash of the weights that its finished results are of.
    damaged
        What is no longer what was written, in words.
    """

    finished: frozenset[str]
    weights: dict[str, str]
    damaged: tuple[str, ...]


def make_plan(plugins: Plugins, settings: RunSettings) -> Plan:
    """Plan a run.

    Raises
    ------
    BenchError
        If the suite's stimuli, models, stages or protocol do not exist or do not fit.
    """
    suite = checked(plugins, settings).suite
    selection = select(plugins, suite)
    seen: dict[str, dict[str, Any]] = {}

    @lru_cache
    def digest(set_id: str, n: int | None) -> tuple[str, int]:
        entry = plugins.stimuli.get(set_id)
        stimuli = entry.load(n, settings.data)
        if not len(stimuli):
            raise BenchError(f"stimulus set {set_id} is empty", fix="check --data")
        seen[f"{set_id}[{len(stimuli)}]"] = {
            "sha256": stimuli.digest,
            "n": len(stimuli),
            "notes": list(stimuli.notes),
            "reference": entry.reference,
            "license": entry.license,
        }
        return stimuli.digest, len(stimuli)

    def attack_code(name: str) -> str:
        return code_sha256(plugins, plugins.attacks.origin(name), plugins.attacks.get(name).run)

    def metric_code(name: str) -> str:
        return code_sha256(plugins, plugins.metrics.origin(name), plugins.metrics.get(name).build)

    context = PlanContext(suite, selection.models, digest, attack_code, metric_code)
    asked = [kind for kind in plugins.tasks if kind.section is None or suite.has_section(kind.id)]
    unused = {kind.id for kind in plugins.tasks}.difference(kind.id for kind in asked)
    tasks = _tasks(in_order(asked, unused), context)
    return Plan(tasks, selection.models, selection.unavailable, seen)


def checked(plugins: Plugins, settings: RunSettings) -> RunSettings:
    """Return settings whose suite's sections are what their kinds of task want."""
    suite = settings.suite
    return replace(settings, suite=with_sections(suite, plugins.sections, f"suite {suite.id}"))


def _tasks(kinds: Iterable[TaskKind], context: PlanContext) -> tuple[Task, ...]:
    """Let each kind plan, with the planned tasks of the kinds that it comes after."""
    planned: dict[str, tuple[Task, ...]] = {}
    keys: set[str] = set()
    for kind in kinds:
        before = {other: planned.get(other, ()) for other in kind.after}
        tasks = tuple(kind.plan(replace(context, planned=before)))
        for task in tasks:
            if task.kind != kind.id or not keys.issuperset(task.needs):
                raise BenchError(
                    f"the kind of task {kind.id} planned {task.title!r} wrongly",
                    why=f"it is of kind {task.kind}, or needs a task that is not planned",
                )
        planned[kind.id] = tasks
        keys.update(task.key for task in tasks)
    return tuple(task for tasks in planned.values() for task in tasks)


def look_up(plan: Plan, run_dir: RunDir) -> Progress:
    """Find out what is finished; a damaged result counts as not, and is named."""
    finished = set()
    weights: dict[str, str] = {}
    damaged = []
    for task in plan.tasks:
        try:
            facts = run_dir.finished(task.place)
        except DamagedResult as error:
            damaged.append(str(error))
            continue
        if facts is not None:
            finished.add(task.key)
            if facts.get("weights"):
                weights.setdefault(task.model, str(facts["weights"]))
    return Progress(frozenset(finished), weights, tuple(damaged))


def shard_of(plan: Plan, index: int, count: int) -> frozenset[str]:
    """Return the keys of shard ``index`` (1 to ``count``).

    A task goes where the first task that it needs goes, and takes all else that it needs along,
    so that a shard needs no other; what several shards need, each of them makes.
    """
    if not 1 <= index <= count:
        raise BenchError(f"shard {index}/{count} does not exist", fix="--shard I/N, I from 1 to N")
    mine = {t.key for t in plan.tasks if int(t.home, 16) % count == index - 1}
    for task in reversed(plan.tasks):  # every task stands after those that it needs
        if task.key in mine:
            mine.update(task.needs)
    return frozenset(mine)
