"""A run directory: what is finished, what failed, and the tables of it all.

run.json                                      what the run is (written first and last)
metamers/<model>/<stage>/<key>.safetensors    stimuli and their ids
metamers/<model>/<stage>/<key>/<id>.png       the same in 8 bits, where the run asks for it
parts/<kind>/<key>.parquet                    the rows of one task
<key>.json beside them                        the commit marker, written last
failures/<key>.json                           why a task failed, until it succeeds
tables/<kind>.parquet                         all rows of a kind, see bench.store.tables
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from bench.errors import BenchError
from bench.store.files import (
    FileRecord,
    StoreError,
    content_is,
    read_json,
    records_to_json,
    untouched,
    write_atomically,
    write_json,
)
from bench.store.keys import as_folder, bytes_sha256
from bench.store.pictures import are_images, from_png, to_png

FORMAT = 1
RECORD = "run.json"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Place:
    """Where one task's result lies."""

    kind: str
    key: str
    model: str = ""
    stage: str = ""

    @property
    def marker(self) -> Path:
        """Path of the commit marker, relative to the run directory."""
        if self.kind == "synthesis":
            folder = Path("metamers") / as_folder(self.model) / as_folder(self.stage)
        else:
            folder = Path("parts") / self.kind
        return folder / f"{self.key}.json"


class DamagedResult(StoreError):
    """A finished result that no longer is what was written.

    Attributes
    ----------
    place
        Whose result it is, where the one who noticed knew.
    """

    place: Place | None = None


class RunDir:
    """One run directory, opened.

    Parameters
    ----------
    root
        The directory; it need not exist yet.
    png
        Whether images are also written as PNG files.

    Raises
    ------
    BenchError
        If something else lies there.
    """

    def __init__(self, root: Path, *, png: bool = False) -> None:
        self.root = root
        self.png = png
        if root.exists() and not root.is_dir():
            raise BenchError(f"{root} is a file, not a run directory", fix="choose another --out")

    @classmethod
    def existing(cls, root: Path) -> RunDir:
        """Open a run directory that must be there."""
        if not (root / RECORD).is_file():
            raise BenchError(
                f"{root} is not a run directory", why=f"it has no {RECORD}", fix="see `bench run`"
            )
        return cls(root)

    def refuse_foreign(self) -> None:
        """Raise a `BenchError` if the directory holds something that is not a run."""
        if self.root.is_dir() and not (self.root / RECORD).exists():
            strangers = [p.name for p in self.root.iterdir() if p.name not in _OWN_NAMES]
            if strangers:
                raise BenchError(
                    f"{self.root} holds other files ({strangers[0]}, ...) and no {RECORD}",
                    fix="choose an empty or new directory with --out",
                )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory alone; raise a `BenchError` if another run holds it."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(self.root / ".lock", timeout=0)
            lock.acquire()
        except filelock.Timeout:
            raise BenchError(
                f"another run is at work in {self.root}",
                fix="wait for it, or choose another --out",
            ) from None
        except OSError as error:
            raise BenchError(
                f"{self.root} cannot be written",
                why=error.strerror or str(error),
                fix="choose another --out",
            ) from None
        try:
            yield
        finally:
            lock.release()

    # -- the run's own record

    def write_record(self, record: dict[str, Any]) -> None:
        """Write run.json."""
        write_json(self.root / RECORD, {"format": FORMAT, **record})

    def read_record(self) -> dict[str, Any] | None:
        """Return run.json, None if there is none yet; raise `StoreError` if it is damaged."""
        path = self.root / RECORD
        if not path.exists():
            return None
        record = read_json(path)
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise StoreError(
                f"{path} is not of format {FORMAT}",
                fix="it was written by another version of the bench; choose another --out",
            )
        return record

    # -- results of tasks

    def commit(
        self,
        place: Place,
        rows: pd.DataFrame,
        arrays: Arrays | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        """Store a task's result; the marker is written last.

        Parameters
        ----------
        rows
            Its rows of the table of its kind.
        arrays
            Stimuli, for synthesis.
        facts
            What else the marker tells: the task's inputs, seconds taken.
        """
        marker = self.root / place.marker
        files = []
        if arrays is not None:
            ids = {"ids": json.dumps(list(rows["id"]))}
            data = save_safetensors({k: np.ascontiguousarray(v) for k, v in arrays.items()}, ids)
            files.append(write_atomically(marker.with_suffix(".safetensors"), data))
            if self.png and are_images(arrays["stimuli"]):
                files += [
                    _write_beside(marker, f"{place.key}/{as_folder(name)}.png", to_png(image))
                    for name, image in zip(rows["id"], arrays["stimuli"], strict=True)
                ]
        files.append(write_atomically(marker.with_suffix(".parquet"), to_parquet(rows)))
        self.failure_path(place.key).unlink(missing_ok=True)
        shutil.rmtree(self.scratch(place.key), ignore_errors=True)
        write_json(marker, {**(facts or {}), "files": records_to_json(files)})

    def finished(self, place: Place) -> dict[str, Any] | None:
        """Return what the marker tells of a result that is there, untouched; None if it is not.

        Raises
        ------
        DamagedResult
            If it was finished and is no longer what was written.
        """
        marker = self.root / place.marker
        if not marker.exists():
            return None
        facts = self.facts(place)
        if not all(untouched(marker.parent, record) for record in _records(facts, place)):
            raise _damaged(f"the result in {marker} was changed or cut off", place)
        return facts

    def damaged_files(self, place: Place) -> list[Path]:
        """Return the files of a finished result whose content is not what was written."""
        folder = (self.root / place.marker).parent
        try:
            records = self._files(place)
        except DamagedResult:
            return [self.root / place.marker]
        return [folder / r.name for r in records if not content_is(folder / r.name, r)]

    def withdraw(self, place: Place) -> None:
        """Take back a result's marker, so that it is computed again."""
        (self.root / place.marker).unlink(missing_ok=True)

    def adopt(self, place: Place, other: RunDir) -> None:
        """Copy a finished result from another run directory, checked; the marker goes last."""
        if damaged := other.damaged_files(place):
            raise DamagedResult(
                f"{damaged[0]} was changed or cut off", fix=f"`bench verify {other.root}`"
            )
        source = other.root / place.marker
        names = [record.name for record in other._files(place)]
        target = self.root / place.marker
        copied = [
            _write_beside(target, name, (source.parent / name).read_bytes()) for name in names
        ]
        facts = {**other.facts(place), "files": records_to_json(copied)}
        write_json(target, facts)

    def facts(self, place: Place) -> dict[str, Any]:
        """Return what the marker tells; raise `DamagedResult` if it cannot be read."""
        path = self.root / place.marker
        try:
            marker = read_json(path)
        except StoreError as error:
            raise _damaged(str(error), place) from None
        if not isinstance(marker, dict):
            raise _damaged(f"{path} is damaged", place)
        return marker

    def rows(self, place: Place) -> pd.DataFrame:
        """Return a finished task's rows, checked."""
        data = self._checked(place, ".parquet")
        return pd.read_parquet(io.BytesIO(data))

    def arrays(self, place: Place) -> Arrays:
        """Return a finished task's arrays, checked."""
        try:
            return load_safetensors(self._checked(place, ".safetensors"))
        except SafetensorError as error:
            raise _damaged(f"{place.marker}: its arrays are damaged: {error}", place) from None

    def pictures(self, place: Place) -> NDArray[np.float32] | None:
        """Return a finished task's PNG files, checked, ``(N, C, H, W)`` in [0, 1]; None if none."""
        folder = (self.root / place.marker).parent
        records = [r for r in self._files(place) if r.name.endswith(".png")]
        images = [from_png(_content(folder / r.name, r, place)) for r in records]
        return np.stack(images) if images else None

    def _checked(self, place: Place, suffix: str) -> bytes:
        record = next((r for r in self._files(place) if r.name.endswith(suffix)), None)
        return _content((self.root / place.marker).with_suffix(suffix), record, place)

    def _files(self, place: Place) -> list[FileRecord]:
        return _records(self.facts(place), place)

    def scratch(self, key: str) -> Path:
        """Return where a task may keep what it needs to go on after an interruption."""
        return self.root / "unfinished" / key

    # -- failures

    def failure_path(self, key: str) -> Path:
        """Return where the reason of a failed task is kept."""
        return self.root / "failures" / f"{key}.json"

    def record_failure(self, key: str, reason: str, details: str, task: dict[str, Any]) -> None:
        """Keep why a task failed."""
        write_json(
            self.failure_path(key), {"reason": reason, "task": task, "details": details.split("\n")}
        )

    def failure(self, key: str) -> str | None:
        """Return why a task failed the last time, None if it did not."""
        path = self.failure_path(key)
        return str(read_json(path)["reason"]) if path.exists() else None

    # -- tables

    def table_path(self, kind: str) -> Path:
        """Return the path of a kind's table."""
        return self.root / "tables" / f"{kind}.parquet"

    def table(self, kind: str) -> pd.DataFrame | None:
        """Return a kind's table, None if the run has none."""
        path = self.table_path(kind)
        if not path.exists():
            return None
        try:
            return pd.read_parquet(path)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(
                f"{path} is damaged", why=str(error), fix="`bench run` rebuilds it"
            ) from None


_OWN_NAMES = frozenset(
    {
        ".lock",
        "failures",
        "metamers",
        "parts",
        "pictures",
        "report.html",
        "report.json",
        "tables",
        "unfinished",
    }
)


def _write_beside(marker: Path, name: str, data: bytes) -> FileRecord:
    """Write a file whose ``name`` is relative to the marker's folder, and recorded so."""
    return replace(write_atomically(marker.parent / name, data), name=name)


def _records(facts: dict[str, Any], place: Place) -> list[FileRecord]:
    try:
        return [FileRecord(**record) for record in facts["files"]]
    except (KeyError, TypeError):
        raise _damaged(f"{place.marker} is damaged", place) from None


def _content(path: Path, record: FileRecord | None, place: Place) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:  # says nothing of the file: a network's hiccup, too many open files
        raise StoreError(f"{path} cannot be read", why=error.strerror or str(error)) from None
    if record is None or bytes_sha256(data) != record.sha256:
        raise _damaged(f"{path} was changed or cut off", place)
    return data


def _damaged(what: str, place: Place) -> DamagedResult:
    error = DamagedResult(what, fix="`bench run` computes it again")
    error.place = place
    return error


def to_parquet(rows: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    return buffer.getvalue()
