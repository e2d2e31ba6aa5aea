"""Worker processes that die."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from bench.plugins import Plugins
from bench.runner import worker
from bench.runner.backends import Processes
from bench.runner.estimate import estimate
from bench.tasks.task import RunSettings, Task


@pytest.fixture
def backend() -> Iterator[Processes]:
    processes = Processes(1)
    yield processes
    processes.close()


def kill_workers(backend: Processes, settings: RunSettings) -> None:
    before = set(multiprocessing.active_children())
    assert backend.submit(settings, []).result() == []  # so that a worker is there
    for child in set(multiprocessing.active_children()) - before:
        child.kill()
        child.join()


def test_work_goes_on_after_a_worker_died_between_two_jobs(
    backend: Processes, toy_settings: Callable[..., RunSettings]
) -> None:
    settings = toy_settings()
    kill_workers(backend, settings)

    try:
        reports = backend.submit(settings, []).result()
    except BrokenProcessPool:  # submitted before the death was noticed: the run's own case
        reports = backend.submit(settings, []).result()

    assert reports == []


def test_an_estimate_that_kills_its_worker_times_nothing(
    backend: Processes, toy_settings: Callable[..., RunSettings]
) -> None:
    settings = toy_settings()
    kill_workers(backend, settings)

    guess = backend.estimate(settings, [Task(kind="accuracy", model="toy-a", inputs={})])

    assert (guess.seconds, guess.unknown) == (0.0, ("toy-a",))
    assert backend.submit(settings, []).result() == []


def test_one_death_replaces_the_workers_once(
    toy_settings: Callable[..., RunSettings],
) -> None:
    processes = Processes(2)
    settings = toy_settings()
    try:
        kill_workers(processes, settings)
        lost = [processes.submit(settings, []) for _ in range(3)]
        broken = [future for future in lost if isinstance(future.exception(), BrokenProcessPool)]
        for future in broken:
            processes.restart(future)
        # Were the second restart not in vain, it would have taken this one's job back.
        job = processes.submit(settings, [])
        for future in broken:
            processes.restart(future)
        assert job.result() == []
    finally:
        processes.close()


def test_threads_of_one_process_take_turns(
    toy_settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[int] = []
    most: list[int] = []

    def executing(*args: Any) -> list[Any]:
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.02)
        at_work.pop()
        return []

    monkeypatch.setattr(worker, "execute_all", executing)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: worker.run_job(toy_settings(), []), range(8)))
    assert most == [1] * 8


def test_a_stopped_estimate_times_no_more_models(
    toy_plugins: Plugins, toy_settings: Callable[..., RunSettings]
) -> None:
    tasks = [Task("accuracy", name, {}, passes=10) for name in ("toy-a", "toy-b", "toy-c")]
    asked: list[str] = []

    def stopped() -> bool:
        asked.append("")
        return len(asked) > 1

    guess = estimate(toy_plugins, toy_settings(), tasks, stopped)
    assert guess.seconds > 0
    assert guess.unknown == ("toy-b", "toy-c")
