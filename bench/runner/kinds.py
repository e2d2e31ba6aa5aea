"""In which order kinds of task are planned."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bench.errors import BenchError
from bench.tasks.spec import TaskKind


def in_order(kinds: Iterable[TaskKind], unused: Collection[str] = ()) -> list[TaskKind]:
    """Return kinds of task, each after those that it reads, otherwise as they were registered.

    Parameters
    ----------
    unused
        Ids of kinds that others may read, but of which there are no tasks.

    Raises
    ------
    BenchError
        If one comes after a kind that no plugin registers, or has its turn before it, or kinds
        wait for each other.
    """
    waiting = list(kinds)
    known = {kind.id: kind for kind in waiting}
    for kind in waiting:
        for other in set(kind.after).difference(unused):
            _check(kind, known.get(other), other)
    placed: list[TaskKind] = []
    while waiting:
        there = {kind.id for kind in placed}.union(unused)
        following = next((kind for kind in waiting if there.issuperset(kind.after)), None)
        if following is None:
            names = ", ".join(kind.id for kind in waiting)
            raise BenchError(f"kinds of task wait for each other: {names}", fix="see their `after`")
        waiting.remove(following)
        placed.append(following)
    return placed


def _check(kind: TaskKind, other: TaskKind | None, name: str) -> None:
    if other is None:
        raise BenchError(
            f"the kind of task {kind.id} reads results of {name}, which no plugin registers",
            fix="see `bench plugins list`",
        )
    if other.phase > kind.phase:
        raise BenchError(
            f"the kind of task {kind.id} has its turn before {name}, whose results it reads",
            fix=f"{kind.id} needs the phase {other.phase.name} or a later one",
        )
