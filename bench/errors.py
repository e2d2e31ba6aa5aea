"""Errors that are shown to people: one line, the next thing to try, an exit code."""

from collections.abc import Iterable
from enum import IntEnum

from bench.legible import legible, one_line


class ExitCode(IntEnum):
    """What the process returns (documented in docs/running.md)."""

    DONE = 0
    SOME_FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


class BenchError(Exception):
    """A mistake or a failure that a person can act on.

    Parameters
    ----------
    what
        What happened, naming the model, stage or file.
    why
        The reason, where it is known.
    fix
        The next thing to try.
    """

    exit_code: ExitCode = ExitCode.USAGE

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(what, why, fix)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        line = self.what
        if self.why:
            line += f": {self.why}"
        if self.fix:
            line += f" ({self.fix})"
        return one_line(line)


class ItemError(BenchError):
    """A failure of one item (a model, a stage, a file) that leaves the others intact."""

    exit_code = ExitCode.SOME_FAILED


class UnknownName(BenchError):
    """A name that no registry entry has."""


class NameCollision(BenchError):
    """Two entries that want the same name."""


def lines_by_reason(items: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line a reason: the first item that has it, and how many more do.

    Parameters
    ----------
    items
        What failed or is missing, and why.
    """
    names: dict[str, list[str]] = {}
    for name, reason in items:
        names.setdefault(reason, []).append(name)
    return [
        legible(f"{first}: {reason}" if not more else f"{first} (and {len(more)} more): {reason}")
        for reason, (first, *more) in names.items()
    ]
