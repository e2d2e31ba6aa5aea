"""What a worker does: executes tasks and commits their results. Runs here, or in a process."""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench import config
from bench.errors import BenchError
from bench.legible import one_line
from bench.plugins import installed
from bench.registry import Registry
from bench.runner.estimate import Estimate, estimate
from bench.store.files import DiskFull
from bench.store.run_dir import DamagedResult, RunDir
from bench.tasks.spec import TaskKind
from bench.tasks.task import RunSettings, Task
from bench.tasks.workbench import Workbench

PARENT_CHECK_SECONDS = 1.0


# Called with a task's key, the share of it that is done, and its mean loss where it has one.
Tell = Callable[[str, float, float | None], None]


class Stopped(BaseException):
    """The run was interrupted: leave the task in hand."""


@dataclass(frozen=True)
class TaskReport:
    """What became of a task: done, perhaps with a notice for people, or failed with a reason."""

    key: str
    reason: str = ""
    details: str = ""
    disk_full: bool = False
    seconds: float = 0.0
    weights: str = ""
    device: str = ""
    notice: str = ""


@dataclass
class _Process:
    """What the initialiser left for this process' jobs."""

    tell: Tell | None = None
    stop: Any = None
    bench: Workbench | None = None


_process = _Process()
_turn = threading.Lock()


def start_process(threads: int, parent: int, messages: Any, stop: Any) -> None:
    """Prepare a worker process: threads, interrupts, a way to tell how far it is.

    Parameters
    ----------
    parent
        Process id of the one that leads the run; it may be gone before this is called.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    config.limit_threads(threads)
    import torch

    torch.set_num_threads(threads)
    _process.tell = lambda key, share, loss: messages.put((key, share, loss))
    _process.stop = stop


def _leave_with_parent(parent: int) -> None:
    """End this process when the parent is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_SECONDS)
    os._exit(1)


def run_job(settings: RunSettings, tasks: Sequence[Task]) -> list[TaskReport]:
    """Execute tasks one after the other; a failure of one leaves the others.

    Threads of one process (a Dask worker may have several) take turns: models are not theirs alone.
    """
    with _turn:
        if _process.bench is None or _process.bench.settings != settings:
            _process.bench = Workbench(settings, installed())
        kinds = installed().tasks
        return execute_all(_process.bench, kinds, tasks, _process.tell, _process.stop)


def estimate_job(settings: RunSettings, tasks: Sequence[Task]) -> Estimate:
    """Estimate how long tasks take in this process, until the run is stopped."""
    stop = _process.stop
    return estimate(installed(), settings, tasks, stopped=lambda: bool(stop and stop.is_set()))


def execute_all(
    bench: Workbench,
    kinds: Registry[TaskKind],
    tasks: Sequence[Task],
    tell: Tell | None = None,
    stop: Any = None,
) -> list[TaskReport]:
    """Execute tasks at a workbench, telling how far each is, until ``stop`` is set."""
    reports = []
    for task in tasks:

        def progress(share: float, key: str = task.key) -> None:
            if stop is not None and stop.is_set():
                raise Stopped
            if tell is not None:
                tell(key, float(share), getattr(share, "loss", None))

        bench.progress = progress
        try:
            progress(0.0)
            reports.append(_execute(bench, kinds, task))
        except Stopped:
            break
        if reports[-1].disk_full:
            break
    return reports


def _execute(bench: Workbench, kinds: Registry[TaskKind], task: Task) -> TaskReport:
    from bench.models.load import device_name

    start = time.monotonic()
    run_dir: RunDir = bench.run_dir
    try:
        outcome = kinds.get(task.kind).execute(task, bench)
        seconds = time.monotonic() - start
        weights = str(outcome.facts.get("weights", ""))
        facts = {"kind": task.kind, "key": task.key, "inputs": dict(task.inputs), **outcome.facts}
        run_dir.commit(task.place, outcome.rows, outcome.arrays, {**facts, "seconds": seconds})
    except DiskFull as error:
        return TaskReport(task.key, str(error), disk_full=True)
    except BenchError as error:
        if isinstance(error, DamagedResult) and error.place is not None:
            run_dir.withdraw(error.place)
        return TaskReport(task.key, str(error))
    except Exception as error:  # noqa: BLE001  a plugin's network may fail in any way
        text = one_line(error)[:500]
        reason = f"{type(error).__name__}: {text}"
        return TaskReport(task.key, reason, traceback.format_exc())
    device = device_name(bench.settings.device)
    notice = str(outcome.facts.get("notice", ""))
    return TaskReport(task.key, seconds=seconds, weights=weights, device=device, notice=notice)
