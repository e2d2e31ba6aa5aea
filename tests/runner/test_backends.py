"""Worker processes that die."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool

import pytest

from bench.runner.backends import Processes
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
