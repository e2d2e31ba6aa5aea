"""In which order a run works, and how often it loads a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bench.runner.backends import Backend, Inline, Reports
from bench.runner.estimate import Estimate
from bench.runner.execute import Execution
from bench.runner.view import View
from bench.runner.worker import TaskReport
from bench.store.run_dir import RunDir
from bench.tasks import workbench
from bench.tasks.task import RunSettings, Task

MODELS = ["toy-a", "toy-b", "toy-c"]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each model is loaded with its weights."""
    import bench.models.load as load

    counted: Counter[str] = Counter()
    load_spec = load.load_spec

    def counting(spec: Any, weights: Any = "default", *args: Any, **options: Any) -> Any:
        if weights is not None:
            counted[spec.id] += 1
        return load_spec(spec, weights, *args, **options)

    monkeypatch.setattr(load, "load_spec", counting)
    return counted


def test_each_model_is_loaded_once(do, toy_settings, loads) -> None:
    do(toy_settings(models=MODELS))
    assert loads == dict.fromkeys(MODELS, 1)


def test_without_memory_each_is_loaded_once_a_phase(do, toy_settings, loads, monkeypatch) -> None:
    monkeypatch.setattr(workbench, "SHARE_OF_FREE_MEMORY", 0)
    do(toy_settings(models=MODELS))
    assert max(loads.values()) <= 3  # accuracy; its own metamers; recognition of all


class Murderous(Backend):
    """Works on several jobs at once; one task kills the worker, and with it all that are out."""

    slots = 2
    deaths = (BrokenProcessPool,)

    def __init__(self, victim: str) -> None:
        self.victim = victim
        self.out: list[tuple[Reports, list[str]]] = []
        self.beside: list[int] = []  # how many tasks were out whenever the culprit was

    def submit(self, settings: RunSettings, tasks: Sequence[Task]) -> Reports:
        self.out.append((Future(), [task.key for task in tasks]))
        return self.out[-1][0]

    def messages(self) -> list[tuple[str, float, float | None]]:
        """End everything that is out: the run asks between two looks at its futures."""
        keys = [key for _, job in self.out for key in job]
        if self.victim in keys:
            self.beside.append(len(keys))
        for future, job in self.out:
            if self.victim in keys:
                future.set_exception(BrokenProcessPool())
            else:
                future.set_result([TaskReport(key) for key in job])
        self.out = []
        return []

    def estimate(self, settings: RunSettings, tasks: Sequence[Task]) -> Estimate:
        return Estimate(0.0, ())

    def restart(self, lost: Reports) -> None:
        pass

    def close(self, *, now: bool = False) -> None:
        pass


def test_only_the_task_that_kills_its_worker_is_given_up(
    toy_settings: Callable[..., RunSettings],
) -> None:
    settings = toy_settings()
    tasks = [Task("recognition", f"toy-{i}", {"i": i, "j": j}) for i in range(3) for j in range(4)]
    culprit = tasks[5].key
    backend = Murderous(culprit)
    with View(tasks, Console(file=StringIO())) as view:
        work = Execution(
            settings, {"recognition": 2}, RunDir(settings.root), backend, view, set(), {}
        )
        work.work(tasks)
    assert set(work.failures) == {culprit}
    assert "its worker process died" in work.failures[culprit].reason
    assert work.finished == {task.key for task in tasks} - {culprit}
    assert backend.beside == [12, 1, 1]


class Unreachable(Murderous):
    """Loses its jobs for another reason than the death of a worker."""

    deaths = ()


def test_any_other_failure_of_a_job_fails_its_tasks_only(
    toy_settings: Callable[..., RunSettings],
) -> None:
    settings = toy_settings()
    tasks = [Task("recognition", f"toy-{i}", {"i": i}) for i in range(5)]
    backend = Unreachable(tasks[0].key)
    with View(tasks, Console(file=StringIO())) as view:
        work = Execution(
            settings, {"recognition": 2}, RunDir(settings.root), backend, view, set(), {}
        )
        work.work(tasks)
    assert tasks[0].key in work.failures
    assert tasks[4].key in work.finished
    assert "BrokenProcessPool" in work.failures[tasks[0].key].reason


def test_accuracy_comes_first_and_recognition_last(do, toy_settings, monkeypatch) -> None:
    done: list[Task] = []
    submit = Inline.submit

    def noting(self: Inline, settings: RunSettings, tasks: Sequence[Task]) -> Reports:
        done.extend(tasks)
        return submit(self, settings, tasks)

    monkeypatch.setattr(Inline, "submit", noting)
    do(toy_settings(models=MODELS))
    kinds = [task.kind for task in done]
    assert set(kinds[:3]) == {"accuracy"}
    assert set(kinds[kinds.index("recognition") :]) == {"recognition"}
    between = [t.model for t in done if t.kind in ("nulls", "synthesis", "robustness")]
    assert between == sorted(between, key=MODELS.index)
