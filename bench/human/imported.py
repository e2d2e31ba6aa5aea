"""Imported human data on disk: parquet tables, then a JSON record that holds their hashes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd

from bench.errors import BenchError, UnknownName
from bench.human.tidy import proportions, validate
from bench.registry import near_names
from bench.spec import check_id
from bench.store.files import read_json, write_atomically, write_json

FORMAT = 1
DIGITS = 16  # of a hash, in the name of a table
KINDS = ("proportions", "trials")


@dataclass(frozen=True)
class StoredTable:
    """One parquet file of a data set."""

    file: str
    sha256: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What is known of an imported data set; the content of its JSON record.

    ``tables`` holds ``proportions`` or ``trials``, and ``recognition`` where the source has
    recognition of the same metamers by other models. ``notes`` say what was taken for granted
    when the data were read.
    """

    name: str
    description: str = ""
    reference: str = ""
    license: str = ""
    chance: Mapping[str, float] = field(default_factory=dict)
    experiments: int = 0
    models: int = 0
    participants: int = 0
    excluded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: Mapping[str, StoredTable] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True)
class HumanData:
    """The tables of a data set."""

    record: DataSet
    proportions: pd.DataFrame
    trials: pd.DataFrame | None = None
    recognition: pd.DataFrame | None = None


def human_dir() -> Path:
    """Return the directory of imported human data."""
    from bench import config

    return config.data_dir() / "human"


def keep(record: DataSet, tables: Mapping[str, pd.DataFrame], root: Path | None = None) -> DataSet:
    """Store validated tables under ``record.name`` in place of what was there; return the record.

    Tables are named by their hash and come first, the record last and by renaming: a reader
    finds the old data or the new, never half of either.
    """
    check_id("human data set", record.name)
    root = human_dir() if root is None else root
    stored = {}
    for kind, table in tables.items():
        content = _parquet(table)
        digest = hashlib.sha256(content).hexdigest()
        file = f"{record.name}.{kind}.{digest[:DIGITS]}.parquet"
        write_atomically(root / file, content)
        stored[kind] = StoredTable(file, digest, len(table))
    main = tables["trials"] if "trials" in tables else tables["proportions"]
    record = replace(
        record,
        tables=stored,
        experiments=len(main[["modality", "experiment"]].drop_duplicates()),
        models=len(set(main["model"]) - {"natural"}),
        participants=len(main[["modality", "experiment", "participant"]].drop_duplicates()),
    )
    write_json(root / f"{record.name}.json", asdict(record))
    _sweep(root, record)
    return record


def read(name: str, root: Path | None = None) -> HumanData:
    """Return an imported data set, its files checked against their hashes.

    Raises
    ------
    BenchError
        No such data set (near names are offered), or a file that is damaged or missing.
    """
    root = human_dir() if root is None else root
    if not (root / f"{name}.json").is_file():
        known = sorted(path.stem for path in root.glob("*.json"))
        near = near_names(name, known)
        raise UnknownName(
            f"no human data set {name!r} has been imported",
            fix=f"did you mean {', '.join(near)}?" if near else f"bench humans import {name} PATH",
        )
    record = _record(root / f"{name}.json")
    tables = {kind: _read_table(root, record, kind) for kind in record.tables}
    trials = tables.get("trials")
    table = proportions(trials) if trials is not None else tables["proportions"]
    return HumanData(record, table, trials, tables.get("recognition"))


def listing(root: Path | None = None) -> tuple[list[DataSet], list[str]]:
    """Return the records of all imported data sets, and what is wrong with unreadable ones."""
    root = human_dir() if root is None else root
    records, problems = [], []
    for path in sorted(root.glob("*.json")):
        try:
            records.append(_record(path))
        except BenchError as error:
            problems.append(str(error))
    return records, problems


def _parquet(table: pd.DataFrame) -> bytes:
    """Return parquet bytes that depend on the values and the version of pyarrow only."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    pq.write_table(arrow, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _read_table(root: Path, record: DataSet, kind: str) -> pd.DataFrame:
    stored = record.tables[kind]
    path = root / stored.file
    again = f"bench humans import {record.name} PATH"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be read", why=str(error.strerror), fix=again) from error
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise BenchError(f"{path} is damaged", why="its SHA-256 is not the recorded one", fix=again)
    table = pd.read_parquet(io.BytesIO(content))
    return validate(table, str(path)) if kind == "proportions" else table


def _record(path: Path) -> DataSet:
    again = f"bench humans import {path.stem} PATH"
    try:
        content = read_json(path)
        content["tables"] = {k: StoredTable(**table) for k, table in content["tables"].items()}
        for name in ("excluded", "notes"):
            content[name] = tuple(content.get(name, ()))
        record = DataSet(**content)
    except (TypeError, KeyError, AttributeError) as error:
        raise BenchError(f"{path} is no record of human data", why=str(error), fix=again) from error
    if record.format != FORMAT or not set(record.tables) & set(KINDS):
        raise BenchError(f"{path} was written by another version of the bench", fix=again)
    return record


def _sweep(root: Path, record: DataSet) -> None:
    """Remove tables of an earlier import of the same name."""
    current = {table.file for table in record.tables.values()}
    for kind in (*KINDS, "recognition"):
        for path in root.glob(f"{record.name}.{kind}.{'[0-9a-f]' * DIGITS}.parquet"):
            if path.name not in current:
                path.unlink(missing_ok=True)
