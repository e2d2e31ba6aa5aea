"""Works through a plan: which task when, what to do with what failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, wait
from dataclasses import dataclass, field

from bench.runner.backends import Backend, Reports
from bench.runner.view import View
from bench.runner.worker import TaskReport
from bench.store.run_dir import RunDir
from bench.tasks.task import RunSettings, Task

POLL_SECONDS = 0.2
JOB_PASSES = 3000.0  # small tasks of one model go out together, up to about so many passes
MOST_DEATHS = 2  # a task that takes its worker process down so often, by itself, is given up


@dataclass
class Execution:
    """The state of a run while it is executed.

    Parameters
    ----------
    phases
        Kind of task to when in a run its tasks have their turn.
    finished
        Keys that need no work any more.
    weights
        Model id to what its weights were when its first task was done: they must not change.
    """

    settings: RunSettings
    phases: Mapping[str, int]
    run_dir: RunDir
    backend: Backend
    view: View
    finished: set[str]
    weights: dict[str, str]
    failures: dict[str, TaskReport] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    disk_full: TaskReport | None = None
    # Tasks that were in hand when a worker died. Each is tried again with nothing beside it, so
    # that only the one at fault is given up, and after all others, so that none waits for it.
    _suspects: set[str] = field(default_factory=set)
    _deaths: dict[str, int] = field(default_factory=dict)

    def work(self, todo: Iterable[Task]) -> None:
        """Execute tasks, each after those that it needs; stop early only if the disk is full."""
        waiting = list(todo)
        order = {model: i for i, model in enumerate(dict.fromkeys(t.model for t in waiting))}
        ready: deque[Task] = deque()
        flying: dict[Reports, list[Task]] = {}
        while True:
            waiting = self._sort(waiting, ready)
            ready = deque(sorted(ready, key=lambda task: self._turn(task, order)))
            self._submit(ready, flying)
            if not flying:
                return  # all is done, or what is left waits for tasks of another shard
            done, _ = wait(flying, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for message in self.backend.messages():
                self.view.tell(*message)
            for future in done:
                ready.extend(self._settle(future, flying.pop(future)))

    def _turn(self, task: Task, order: Mapping[str, int]) -> tuple[bool, int, int]:
        return task.key in self._suspects, self.phases[task.kind], order[task.model]

    def _submit(self, ready: deque[Task], flying: dict[Reports, list[Task]]) -> None:
        """Send out what the backend has room for; a suspect only while nothing else is out."""
        while ready and len(flying) <= self.backend.slots and self.disk_full is None:
            out = {task.key for job in flying.values() for task in job}
            if out and (ready[0].key in self._suspects or not out.isdisjoint(self._suspects)):
                return
            job = self._take_job(ready)
            flying[self.backend.submit(self.settings, job)] = job

    def _sort(self, waiting: list[Task], ready: deque[Task]) -> list[Task]:
        """Move tasks whose needs are met to ``ready``; fail those whose needs have failed."""
        left = []
        for task in waiting:
            lost = next((need for need in task.needs if need in self.failures), None)
            if lost is not None:
                self._fail(task, TaskReport(task.key, "what it needs was not made"))
            elif all(need in self.finished for need in task.needs):
                ready.append(task)
            else:
                left.append(task)
        return left

    def _settle(self, future: Reports, job: list[Task]) -> list[Task]:
        """Take note of a job that ended; return tasks that must be tried again."""
        try:
            reports: Mapping[str, TaskReport] = {r.key: r for r in future.result()}
        except CancelledError:
            return job
        except self.backend.deaths:
            self.backend.restart(future)
            return self._after_death(job)
        except Exception as error:  # noqa: BLE001  a cluster may fail in any way
            for task in job:
                self._fail(task, TaskReport(task.key, f"{type(error).__name__}: {error}"))
            return []
        for task in job:
            report = reports.get(task.key)
            if report is None:
                continue
            if report.disk_full:
                self.disk_full = report
            if report.reason:
                self._fail(task, report)
            else:
                self._finish(task, report)
        return []

    def _finish(self, task: Task, report: TaskReport) -> None:
        known = self.weights.setdefault(task.model, report.weights) if report.weights else ""
        if known != report.weights:
            self.run_dir.withdraw(task.place)
            reason = changed_weights(task.model, known, report.weights)
            self._fail(task, TaskReport(task.key, reason))
            return
        self.finished.add(task.key)
        self.devices.add(report.device)
        self.view.done(task)
        if report.notice:
            self.view.notice(report.notice)

    def _fail(self, task: Task, report: TaskReport) -> None:
        self.failures[task.key] = report
        self.view.failed(task, report.reason)
        if not report.disk_full:
            about = {"kind": task.kind, "title": task.title, "inputs": dict(task.inputs)}
            self.run_dir.record_failure(task.key, report.reason, report.details, about)

    def _after_death(self, job: list[Task]) -> list[Task]:
        """Return what to try again of a job whose worker process died."""
        if any(task.key not in self._suspects for task in job):
            self._suspects.update(task.key for task in job)
            return job
        (task,) = job  # a suspect goes out alone
        self._deaths[task.key] = self._deaths.get(task.key, 0) + 1
        if self._deaths[task.key] < MOST_DEATHS:
            return job
        reason = "its worker process died, most likely for want of memory"
        self._fail(task, TaskReport(task.key, f"{reason}; try a smaller --batch-size"))
        return []

    def _take_job(self, ready: deque[Task]) -> list[Task]:
        """Take the next task, and with it the small ones of the same model and kind that follow."""
        job = [ready.popleft()]
        passes = job[0].passes
        while (
            ready
            and self._suspects.isdisjoint((job[0].key, ready[0].key))
            and (ready[0].model, ready[0].kind) == (job[0].model, job[0].kind)
            and passes + ready[0].passes <= JOB_PASSES
        ):
            passes += ready[0].passes
            job.append(ready.popleft())
        return job


def changed_weights(model: str, known: str, now: str) -> str:
    """Say that a model is no longer what a run began with."""
    return (
        f"the weights of {model} are no longer those that this run began with "
        f"({known[:12]}, now {now[:12]}); choose another --out"
    )
