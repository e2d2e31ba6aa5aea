"""What a person sees of a run while it works: a bar with the time left, or lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from bench.tasks.task import Task

LOG_EVERY_SECONDS = 30.0


class View:
    """Shows how far a run is.

    Parameters
    ----------
    tasks
        All tasks of the work ahead.
    """

    def __init__(self, tasks: Iterable[Task], console: Console) -> None:
        self._tasks = {task.key: task for task in tasks}
        self._shares: dict[str, float] = {}
        self._console = console
        self._reasons: set[str] = set()
        self._passes_done = 0.0
        self._last_log = time.monotonic()
        self._bar = Progress(
            # What is done gives way where the terminal is narrow, never the time left.
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
            ),
            BarColumn(bar_width=12),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )
        self._total = sum(task.passes for task in self._tasks.values()) or 1.0
        self._line = self._bar.add_task("starting", total=self._total)

    def __enter__(self) -> View:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def tell(self, key: str, share: float, loss: float | None = None) -> None:
        """Note that a task is done to a share, 0 to 1, and how large its mean loss is."""
        task = self._tasks.get(key)
        if task is None or share <= self._shares.get(key, -1.0):
            return
        self._passes_done += (share - max(0.0, self._shares.get(key, 0.0))) * task.passes
        self._shares[key] = share
        self._show(task, loss)

    def done(self, task: Task) -> None:
        """Note that a task is finished."""
        self.tell(task.key, 1.0)

    def notice(self, text: str) -> None:
        """Say what someone should know before the run is over."""
        self._console.print(f"warning: {text}", markup=False, style="yellow")

    def failed(self, task: Task, reason: str) -> None:
        """Note that a task failed; a reason is said when it first occurs."""
        if reason not in self._reasons:
            self._reasons.add(reason)
            self._console.print(f"failed: {task.title}: {reason}", markup=False, style="red")
        self.tell(task.key, 1.0)

    def _show(self, task: Task, loss: float | None) -> None:
        text = task.title if loss is None else f"{task.title}, loss {loss:.3f}"
        self._bar.update(self._line, completed=self._passes_done, description=text)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_log >= LOG_EVERY_SECONDS:
            self._last_log = now
            share = self._passes_done / self._total
            self._console.print(f"{share:4.0%} {text}", markup=False)
