"""The tables of a run directory: all rows of a kind, rebuilt from the parts."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bench.store.files import write_atomically
from bench.store.run_dir import DamagedResult, Place, RunDir, to_parquet

MADE, JUDGED = "synthesis", "criterion"
WHOSE = ["model", "stage", "id"]
VERDICT = ["beyond_null", "passed"]


def tables_of(run_dir: RunDir, places: Iterable[Place]) -> dict[str, pd.DataFrame]:
    """Return the table of each kind that has finished results among ``places``.

    Raises
    ------
    DamagedResult
        If a part is not what was written.
    """
    parts: dict[str, list[pd.DataFrame]] = {}
    for place in places:
        if (run_dir.root / place.marker).exists():
            parts.setdefault(place.kind, []).append(run_dir.rows(place))
    tables = {kind: pd.concat(frames, ignore_index=True) for kind, frames in parts.items()}
    if MADE in tables and JUDGED in tables:
        tables[MADE] = _with_verdicts(tables[MADE], tables[JUDGED])
    return tables


def write_tables(run_dir: RunDir, places: Iterable[Place]) -> list[str]:
    """Rebuild the tables of all finished results; damaged ones are taken back and named.

    A kind of which nothing is finished has no table.
    """
    damaged = []
    places = list(places)
    while True:
        try:
            tables = tables_of(run_dir, places)
        except DamagedResult as error:
            if error.place is None:
                raise
            run_dir.withdraw(error.place)
            damaged.append(str(error))
        else:
            break
    for kind, table in tables.items():
        write_atomically(run_dir.table_path(kind), to_parquet(table))
    for path in run_dir.root.glob("tables/*.parquet"):
        if path.stem not in tables:
            path.unlink()
    return damaged


def _with_verdicts(made: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Return the metamers' rows with what was found when null distributions were compared."""
    unjudged = made.drop(columns=VERDICT)
    filled = unjudged.merge(judged[WHOSE + VERDICT], on=WHOSE, how="left", validate="one_to_one")
    return filled[list(made.columns)]
