"""One run from beginning to end: plan, execute, tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console

from bench.errors import BenchError, ExitCode, UnknownName
from bench.plugins import Plugins
from bench.runner.backends import Backend, Dask, Inline, Processes, Workers, default_workers
from bench.runner.execute import Execution, changed_weights
from bench.runner.identity import UNDECLARED
from bench.runner.plan import Plan, checked, look_up, make_plan, shard_of
from bench.runner.record import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    PARTIAL,
    measured_on,
    new_record,
    now,
    places,
    refuse_other_settings,
)
from bench.runner.view import View
from bench.store.files import DiskFull, StoreError
from bench.store.run_dir import RunDir
from bench.store.tables import write_tables
from bench.tasks.task import RunSettings, Task


@dataclass(frozen=True)
class Failure:
    """A task that failed, and why."""

    title: str
    reason: str


@dataclass
class RunResult:
    """How a run ended; ``left_out`` are models that were asked for by name, with reasons."""

    status: str
    failures: list[Failure] = field(default_factory=list)
    executed: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code that the command returns."""
        if self.status == INTERRUPTED:
            return ExitCode.INTERRUPTED
        return ExitCode.SOME_FAILED if self.failures or self.left_out else ExitCode.DONE


@dataclass(frozen=True)
class Prospect:
    """A plan beside what is there already."""

    settings: RunSettings
    plan: Plan
    todo: tuple[Task, ...]
    finished: frozenset[str]
    weights: dict[str, str]
    damaged: tuple[str, ...]
    gone: tuple[str, ...]
    shard: str


def prospect(plugins: Plugins, settings: RunSettings, shard: tuple[int, int] | None) -> Prospect:
    """Plan a run and find out what is left to do; nothing is written.

    Models that an earlier call ran in the same directory stay in the plan.

    Raises
    ------
    BenchError
        If the call is wrong, or the directory holds something else.
    """
    settings = checked(plugins, settings)
    run_dir = RunDir(settings.root)
    run_dir.refuse_foreign()
    old = run_dir.read_record()
    gone: tuple[str, ...] = ()
    if old is not None:
        refuse_other_settings(
            old,
            {"suite": settings.suite.model_dump(mode="json", exclude_none=True)},
            str(settings.root),
        )
        known = [model["id"] for model in old["models"]]
        gone = tuple(name for name in known if not _registered(plugins, name))
        kept = [name for name in known if name not in gone]
        models = tuple(dict.fromkeys([*settings.suite.models, *kept]))
        settings = replace(settings, suite=settings.suite.model_copy(update={"models": models}))
    plan = make_plan(plugins, settings)
    seen = look_up(plan, run_dir)
    mine = None if shard is None else shard_of(plan, *shard)
    todo = tuple(
        task
        for task in plan.tasks
        if task.key not in seen.finished and (mine is None or task.key in mine)
    )
    name = "" if shard is None else f"{shard[0]}/{shard[1]}"
    return Prospect(settings, plan, todo, seen.finished, seen.weights, seen.damaged, gone, name)


def _registered(plugins: Plugins, name: str) -> bool:
    try:
        plugins.model(name)
    except UnknownName:
        return False
    return True


def run(
    plugins: Plugins,
    settings: RunSettings,
    workers: Workers,
    shard: tuple[int, int] | None,
    console: Console,
    announce: Any = None,
) -> RunResult:
    """Do what is left of a run, and rebuild its tables.

    Parameters
    ----------
    announce
        Called with the `Prospect` before the work starts.

    Raises
    ------
    BenchError
        If the call is wrong, or another run is at work in the directory.
    """
    run_dir = RunDir(settings.root)
    run_dir.refuse_foreign()
    executed = 0
    with run_dir.locked():
        for _ in range(2):  # a second time for results that prove to be damaged when they are read
            ahead = prospect(plugins, settings, shard)
            if announce is not None:
                announce(ahead)
            result, damaged = _go_on(plugins, ahead, workers, run_dir, console)
            executed += result.executed
            if not damaged or result.status == INTERRUPTED:
                asked = ahead.settings.suite.models
                missing = {k: v for k, v in ahead.plan.unavailable.items() if k in asked}
                return replace(result, executed=executed, left_out=missing)
    raise StoreError(damaged[0], why="just after it was written", fix="check the disk")


def _go_on(
    plugins: Plugins, ahead: Prospect, workers: Workers, run_dir: RunDir, console: Console
) -> tuple[RunResult, list[str]]:
    """Do what is left, and rebuild the tables; also return which results are damaged."""
    old = run_dir.read_record()
    record = new_record(plugins, ahead.settings, ahead.plan, old, ahead.shard)
    record["weights"] = {**ahead.weights, **record["weights"]}
    _refuse_changed_weights(ahead, record["weights"])
    if old is not None and not ahead.todo and old["tasks"] == record["tasks"]:
        record = old
    else:
        run_dir.write_record(record)
    result = _execute(plugins, ahead, workers, run_dir, record, console)
    damaged = write_tables(run_dir, places(record))
    if result.executed or record.get("status") != result.status:
        run_dir.write_record({**record, "status": result.status, "ended": now()})
    return result, damaged


def _refuse_changed_weights(ahead: Prospect, known: Mapping[str, str]) -> None:
    """Raise if a model with nothing left to do is no longer what was measured.

    Weights that a plugin declares are in the keys; those that its builder fetches show only when
    they are loaded. (A model with tasks left is compared as they end.)
    """
    busy = {task.model for task in ahead.todo}
    for planned in ahead.plan.models:
        name = planned.spec.id
        if planned.identity["weights"] != UNDECLARED or name in busy or name not in known:
            continue
        from bench.models.load import load_spec

        try:
            loaded = load_spec(planned.spec, device="cpu").weights_id
        except BenchError:
            continue  # nothing is to be computed with it, and what was measured stays true
        if loaded != known[name]:
            raise BenchError(changed_weights(name, known[name], loaded))


def _execute(
    plugins: Plugins,
    ahead: Prospect,
    workers: Workers,
    run_dir: RunDir,
    record: dict[str, Any],
    console: Console,
) -> RunResult:
    done = FINISHED if not ahead.shard else PARTIAL
    if not ahead.todo:
        return RunResult(done)
    with View(ahead.todo, console) as view, _backend(plugins, ahead, workers, view) as backend:
        phases = {kind.id: int(kind.phase) for kind in plugins.tasks}
        done_before, weights = set(ahead.finished), dict(record["weights"])
        work = Execution(ahead.settings, phases, run_dir, backend, view, done_before, weights)
        before = len(work.finished)
        try:
            guess = backend.estimate(ahead.settings, ahead.todo)
            console.print(guess.in_words(backend.slots), markup=False)
            work.work(ahead.todo)
            status = FAILED if work.failures and not ahead.shard else done
        except KeyboardInterrupt:
            backend.close(now=True)
            status = INTERRUPTED
    record["weights"] = work.weights
    record["device"] = ", ".join(sorted({*work.devices, *measured_on(record)}))
    if work.disk_full is not None:
        raise DiskFull(work.disk_full.reason)
    titles = {task.key: task.title for task in ahead.todo}
    failures = [Failure(titles[key], report.reason) for key, report in work.failures.items()]
    return RunResult(status, failures, executed=len(work.finished) - before + len(failures))


@contextmanager
def _backend(plugins: Plugins, ahead: Prospect, workers: Workers, view: View) -> Iterator[Backend]:
    backend: Backend
    if workers.dask is not None:
        backend = Dask(workers.dask)
    else:
        count = workers.count
        if count is None:
            count = min(default_workers(ahead.settings.device), len(ahead.todo))
        backend = Processes(count) if count > 1 else Inline(plugins, view)
    try:
        yield backend
    finally:
        backend.close()
