"""Joins the answers of an experiment, a file a participant, into one table to import."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from bench.errors import BenchError
from bench.human.delimited import read_delimited
from bench.human.experiment_record import LISTED, MEASURED
from bench.store.files import read_json, write_atomically

JOINED = "all-answers.csv"
COLUMNS = [*LISTED, *MEASURED]
PERSON = ["experiment", "participant"]


def join_answers(folder: Path, delimiter: str = ",") -> tuple[Path, list[str]]:
    """Write ``all-answers.csv`` into a folder of answers as they came back.

    CSV files are what participants downloaded, JSON files what the page sent (``rows``). The same
    answers twice, as a file and sent, or downloaded again, count once.

    Parameters
    ----------
    delimiter
        Between the values of a row, in the CSV files that came back.

    Returns
    -------
    path
        The table of all answers, separated by commas.
    notes
        What else lies in the folder and was left out.

    Raises
    ------
    BenchError
        A folder without answers, a file that is none, or two different ones of a participant.
    """
    there = sorted(path for path in folder.iterdir() if path.name != JOINED)
    kinds = {path: _kind(path) for path in there}
    others = [path.name for path, kind in kinds.items() if kind is None]
    notes = [f"left out, neither CSV nor JSON: {', '.join(others)}"] if others else []
    paths = [path for path, kind in kinds.items() if kind is not None]
    if not paths:
        raise BenchError(
            f"{folder} holds no answers",
            why="; ".join(notes),
            fix="put participants' files into it",
        )
    seen: dict[tuple[str, ...], tuple[Path, pd.DataFrame]] = {}
    for path in paths:
        for person, rows in _read(path, kinds[path], delimiter).groupby(PERSON, sort=False):
            own = rows.reset_index(drop=True)
            before, known = seen.setdefault(tuple(map(str, person)), (path, own))
            if not own.equals(known):
                raise BenchError(
                    f"{path} and {before} are different answers of participant {person[1]} "
                    f"({person[0]})",
                    fix="keep one; each participant's link is for one person",
                )
    table = pd.concat([rows for _, rows in seen.values()], ignore_index=True)
    target = folder / JOINED
    write_atomically(target, table.to_csv(index=False, lineterminator="\n").encode())
    return target, notes


def _kind(path: Path) -> str | None:
    """Return which kind of answers a file's name promises; mail programs append ``.txt``."""
    name = path.name.lower().removesuffix(".txt")
    suffix = next((s for s in (".csv", ".json") if name.endswith(s)), None)
    return suffix if path.is_file() and not path.name.startswith(".") else None


def _read(path: Path, kind: str | None, delimiter: str) -> pd.DataFrame:
    """Return one file's answers, all as text."""
    if kind == ".csv":
        table = read_delimited(path, COLUMNS, delimiter)[COLUMNS]
        return table.assign(**{name: table[name].str.strip() for name in PERSON})
    content = read_json(path)
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows:
        raise BenchError(f"{path} holds no answers", why="it has no list called 'rows'")
    for number, row in enumerate(rows, start=1):
        absent = [n for n in COLUMNS if n not in row] if isinstance(row, dict) else COLUMNS
        if absent:
            raise BenchError(f"{path}, row {number} has no {absent[0]!r}")
    text = [[_text(row[name]) for name in COLUMNS] for row in rows]
    return pd.DataFrame(text, columns=COLUMNS, dtype=object)


def _text(value: object) -> str:
    """Return a JSON value as the page writes it into a CSV: 300, not 300.0."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
