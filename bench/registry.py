"""Registries: what is registered under which name, and by whom."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from bench.errors import NameCollision, UnknownName


class HasId(Protocol):
    """Anything that carries its own name."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=HasId)

NEAR_NAMES_SHOWN = 3
WHOLE_LIST_SHOWN = 12


class Registry(Generic[T]):
    """Entries by id, case ignored, each with the plugin that it came from.

    Parameters
    ----------
    kind
        What the entries are, in the singular ("model"), for messages.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, tuple[T, str]] = {}

    def add(self, entry: T, origin: str) -> None:
        """Register ``entry``; raise `NameCollision`, naming both origins, if its id is taken."""
        key = entry.id.casefold()
        if key in self._entries:
            taken, other = self._entries[key]
            raise NameCollision(
                f"{self.kind} {entry.id!r} of plugin {origin!r} is already registered "
                f"as {taken.id!r} by plugin {other!r}",
                fix=f"rename one, or uninstall one of the plugins; {other!r} is kept",
            )
        self._entries[key] = (entry, origin)

    def get(self, name: str) -> T:
        """Return the entry called ``name``; raise `UnknownName` with near names otherwise."""
        return self._lookup(name)[0]

    def origin(self, name: str) -> str:
        """Return the plugin that registered ``name``."""
        return self._lookup(name)[1]

    def _lookup(self, name: str) -> tuple[T, str]:
        try:
            return self._entries[name.casefold()]
        except KeyError:
            raise UnknownName(
                f"no {self.kind} is called {name!r}", fix=self._advice(name)
            ) from None

    def _advice(self, name: str) -> str:
        near = near_names(name, [entry.id for entry in self])
        if near:
            return f"did you mean {', '.join(near)}?"
        if 0 < len(self) <= WHOLE_LIST_SHOWN:
            return f"there are: {', '.join(entry.id for entry in self)}"
        command = {
            "stimulus set": "stimuli",
            "label space": "labels",
            "human data set": "humans",
            "kind of task": "tasks",
        }.get(self.kind)
        return f"`bench {command or self.kind + 's'} list` shows all {len(self)}"

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._entries

    def __iter__(self) -> Iterator[T]:
        return iter(entry for entry, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Return the names in ``known`` that a misspelt ``name`` may have meant, nearest first."""
    by_key = {other.casefold(): other for other in known}
    keys = difflib.get_close_matches(name.casefold(), by_key, n=NEAR_NAMES_SHOWN, cutoff=0.6)
    return [by_key[key] for key in keys]
