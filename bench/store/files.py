"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, ExitCode


class StoreError(BenchError):
    """A file of the run directory cannot be written or read."""


class DiskFull(StoreError):
    """No space is left: what is finished is kept, what follows cannot be."""

    exit_code = ExitCode.SOME_FAILED


@dataclass(frozen=True)
class FileRecord:
    """What a file is known to be: enough to tell quickly that it has not been touched."""

    name: str
    sha256: str
    size: int
    mtime_ns: int


def write_atomically(path: Path, data: bytes) -> FileRecord:
    """Write a file under a temporary name, sync it, and rename it into place.

    Raises
    ------
    DiskFull
        If no space is left.
    StoreError
        If the folder cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        stat = path.stat()
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise _explained(error, path) from None
    return FileRecord(path.name, hashlib.sha256(data).hexdigest(), stat.st_size, stat.st_mtime_ns)


def _explained(error: OSError, path: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(
            f"{path} cannot be written",
            why="the disk is full",
            fix="free some space and run again; finished work is kept",
        )
    return StoreError(f"{path} cannot be written", why=error.strerror or str(error))


def write_json(path: Path, value: Any) -> FileRecord:
    """Write ``value`` as readable JSON, atomically."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    return write_atomically(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file; raise `StoreError` naming it if that fails."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path} cannot be read", why=error.strerror or str(error)) from None
    except ValueError as error:
        raise StoreError(f"{path} is damaged", why=str(error)) from None


def untouched(folder: Path, record: FileRecord) -> bool:
    """Return whether a file is what its record says.

    Size and modification time decide where they agree; where the time differs (a copied
    directory, say), the content does.
    """
    path = folder / record.name
    try:
        stat = path.stat()
    except OSError:
        return False
    if stat.st_size != record.size:
        return False
    return stat.st_mtime_ns == record.mtime_ns or content_is(path, record)


def content_is(path: Path, record: FileRecord) -> bool:
    """Return whether a file's content has the recorded SHA-256."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == record.sha256
    except OSError:
        return False


def records_to_json(records: list[FileRecord]) -> list[dict[str, Any]]:
    """Return file records as a marker keeps them."""
    return [asdict(record) for record in records]
