"""Which files in a user's folder are images: what is hidden or the system's own is no one's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from bench.errors import BenchError
from bench.stimuli.images import SUFFIXES

# What operating systems and file servers leave in people's folders, besides hidden names.
SYSTEM_NAMES = frozenset(
    {
        "__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information",
        "lost+found", "thumbs.db", "desktop.ini", "icon\r",
    }
)  # fmt: skip


def is_shown(name: str) -> bool:
    """Return whether a file or folder of this name is a person's own, and not hidden."""
    return not name.startswith(".") and name.casefold() not in SYSTEM_NAMES


def folders_in(folder: Path) -> list[Path]:
    """Return the folders directly in ``folder``, sorted."""
    return sorted(path for path in _entries(folder) if path.is_dir() and is_shown(path.name))


def files_in(folder: Path) -> list[Path]:
    """Return the files directly in ``folder``, sorted."""
    return sorted(path for path in _entries(folder) if path.is_file() and is_shown(path.name))


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below ``folder``, sorted.

    Raises
    ------
    BenchError
        If a folder cannot be read: its files would be left out unseen.
    """
    for place, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(filter(is_shown, folders))
        yield from (Path(place, name) for name in sorted(filter(is_shown, names)))


def image_paths(folder: Path) -> Iterator[Path]:
    """Yield the image files below ``folder``, by their suffix, sorted."""
    return filter(is_image, files_below(folder))


def is_image(path: Path) -> bool:
    """Return whether a file's suffix promises an image that can be read."""
    return path.suffix.lower() in SUFFIXES


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    raise BenchError(
        f"folder {error.filename} cannot be read", why=error.strerror or str(error)
    ) from None
