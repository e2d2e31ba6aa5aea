"""Where jobs are executed: in this process, in worker processes, or on a Dask cluster.

All three answer the interface of `concurrent.futures`.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from bench import config
from bench.errors import BenchError
from bench.plugins import Plugins
from bench.runner.estimate import Estimate, estimate
from bench.runner.worker import TaskReport, estimate_job, execute_all, run_job, start_process
from bench.tasks.task import RunSettings, Task
from bench.tasks.workbench import Workbench


@dataclass(frozen=True)
class Workers:
    """Where the work is done: ``count`` processes (None: as suits the device), or Dask."""

    count: int | None = None
    dask: str | None = None


MOST_LOCAL_WORKERS = 4  # a worker takes about 0.6 GB; more are a matter of --workers
DASK_TIMEOUT_SECONDS = 20
THREADS_A_WORKER = 1  # several threads on busy cores are slower than one
Reports = Future[list[TaskReport]]


class Backend(ABC):
    """Takes jobs.

    Attributes
    ----------
    slots
        How many it works on at once.
    deaths
        What a job's future raises when the process that worked on it died.
    """

    slots: int = 1
    deaths: tuple[type[BaseException], ...] = ()

    @abstractmethod
    def submit(self, settings: RunSettings, tasks: Sequence[Task]) -> Reports:
        """Start a job."""

    @abstractmethod
    def estimate(self, settings: RunSettings, tasks: Sequence[Task]) -> Estimate:
        """Return how long the tasks will take, measured where they will be done."""

    def messages(self) -> list[tuple[str, float, float | None]]:
        """Return what workers told since the last call: task keys, shares done, mean losses."""
        return []

    @abstractmethod
    def restart(self, lost: Reports) -> None:
        """Replace the workers that died with a job, unless that was done for another one."""

    @abstractmethod
    def close(self, *, now: bool = False) -> None:
        """End; with ``now``, without waiting for the tasks in hand to finish."""


class Inline(Backend):
    """Executes jobs in this process, when they are submitted."""

    def __init__(self, plugins: Plugins, view: Any) -> None:
        self._plugins = plugins
        self._view = view
        self._bench: Workbench | None = None

    def estimate(self, settings: RunSettings, tasks: Sequence[Task]) -> Estimate:
        return estimate(self._plugins, settings, tasks)

    def submit(self, settings: RunSettings, tasks: Sequence[Task]) -> Reports:
        if self._bench is None:
            import torch

            torch.set_num_threads(THREADS_A_WORKER)
            self._bench = Workbench(settings, self._plugins)
        future: Reports = Future()
        future.set_result(execute_all(self._bench, self._plugins.tasks, tasks, self._view.tell))
        return future

    def restart(self, lost: Reports) -> None:
        """Nothing to do: what ends this process ends the run."""

    def close(self, *, now: bool = False) -> None:
        self._bench = None


class Processes(Backend):
    """Executes jobs in worker processes, one compute thread each."""

    deaths = (BrokenProcessPool,)

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self._context = multiprocessing.get_context("spawn")
        self._messages = self._context.Queue()
        self._stop = self._context.Event()
        self._pool = self._start()
        self._pools: WeakKeyDictionary[Reports, ProcessPoolExecutor] = WeakKeyDictionary()

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self.slots,
            mp_context=self._context,
            initializer=start_process,
            initargs=(THREADS_A_WORKER, os.getpid(), self._messages, self._stop),
        )

    def estimate(self, settings: RunSettings, tasks: Sequence[Task]) -> Estimate:
        try:
            return self._pool.submit(estimate_job, settings, tasks).result()
        except BrokenProcessPool:  # which model it was shows when its tasks are tried
            self._replace()
            return Estimate(0.0, tuple(dict.fromkeys(task.model for task in tasks)))

    def submit(self, settings: RunSettings, tasks: Sequence[Task]) -> Reports:
        try:
            future = self._pool.submit(run_job, settings, tasks)
        except BrokenProcessPool:  # a worker died since the last look at what it was doing
            self._replace()
            future = self._pool.submit(run_job, settings, tasks)
        self._pools[future] = self._pool
        return future

    def messages(self) -> list[tuple[str, float, float | None]]:
        told = []
        while True:
            try:
                told.append(self._messages.get_nowait())
            except queue.Empty:
                return told

    def restart(self, lost: Reports) -> None:
        if self._pools.get(lost) is self._pool:  # all jobs in hand are lost with one worker
            self._replace()

    def _replace(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._start()

    def close(self, *, now: bool = False) -> None:
        if now:
            self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


class Dask(Backend):
    """Executes jobs on a Dask cluster whose workers share the file system."""

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client, KilledWorker
        except ModuleNotFoundError:
            raise BenchError(
                "--dask needs the package distributed",
                fix='pip install "metamer-bench[dask]"',
            ) from None
        try:
            self._client = Client(address, timeout=DASK_TIMEOUT_SECONDS)
        except (OSError, ValueError) as error:
            raise BenchError(f"no Dask scheduler answers at {address}", why=str(error)) from None
        self._pool: Executor = self._client.get_executor(pure=False)
        self.deaths = (KilledWorker,)
        self.slots = max(1, len(self._client.nthreads()))  # the threads of one take turns

    def estimate(self, settings: RunSettings, tasks: Sequence[Task]) -> Estimate:
        return self._pool.submit(estimate_job, settings, tasks).result()

    def submit(self, settings: RunSettings, tasks: Sequence[Task]) -> Reports:
        return self._pool.submit(run_job, settings, tasks)

    def restart(self, lost: Reports) -> None:
        """Nothing to do: the scheduler gives a lost worker's tasks to another."""

    def close(self, *, now: bool = False) -> None:
        self._pool.shutdown(wait=not now)  # closing the client cancels what is left
        self._client.close()


def require_device(device: str) -> None:
    """Raise a `BenchError` unless the device can be used."""
    if device not in ("auto", "cpu"):
        from bench.models.load import pick_device

        pick_device(device)


def default_workers(device: str) -> int:
    """Return how many worker processes suit the device: one a core, one alone for a GPU."""
    if device == "auto" and config.may_have_gpu():
        from bench.models.load import pick_device

        device = pick_device("auto").type
    on_cpu = device in ("auto", "cpu")
    return min(config.cpu_count(), MOST_LOCAL_WORKERS) if on_cpu else 1
