"""Checks every result of a run by content."""

from __future__ import annotations

from dataclasses import dataclass

from bench.runner.record import places
from bench.store.files import StoreError
from bench.store.run_dir import Place, RunDir
from bench.store.tables import JUDGED, MADE, tables_of, write_tables


@dataclass(frozen=True)
class Verification:
    """How many results were checked, and what is wrong, a line each."""

    checked: int
    problems: tuple[str, ...]


def verify(run_dir: RunDir) -> Verification:
    """Check results and tables; damaged results are taken back, wrong tables rebuilt.

    Raises
    ------
    BenchError
        If a run is at work in the directory, or its record is damaged.
    """
    with run_dir.locked():
        record = run_dir.read_record() or {}
        problems = []
        finished: list[Place] = []
        taken_back: set[str] = set()
        for place in places(record):
            if not (run_dir.root / place.marker).exists():
                continue
            damaged = run_dir.damaged_files(place)
            if damaged:
                names = ", ".join(str(path.relative_to(run_dir.root)) for path in damaged)
                problems.append(f"damaged, will be computed again: {names}")
                run_dir.withdraw(place)
                taken_back.add(place.kind)
            else:
                finished.append(place)
        if JUDGED in taken_back:  # whose verdicts stand in the metamers' table too
            taken_back.add(MADE)
        whole = {place.kind for place in finished} - taken_back
        problems += _wrong_tables(run_dir, [p for p in finished if p.kind in whole])
        write_tables(run_dir, finished)
        return Verification(len(finished) + len(problems), tuple(problems))


def _wrong_tables(run_dir: RunDir, finished: list[Place]) -> list[str]:
    wrong = []
    for kind, wanted in tables_of(run_dir, finished).items():
        try:
            table = run_dir.table(kind)
        except StoreError:
            table = None
        if table is None or not table.equals(wanted):
            wrong.append(f"not what its parts say, rebuilt: {run_dir.table_path(kind)}")
    return wrong
