"""The end of a run: leaderboard, pictures, page."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import BenchError
from bench.leaderboard.board import Board, make_board
from bench.leaderboard.collect import KINDS, Tables, collect
from bench.leaderboard.render import files, screen
from bench.plugins import installed
from bench.report.convergence import stalled, warning
from bench.store.files import read_json, write_atomically, write_json
from bench.store.run_dir import Place, RunDir

STAMP = "report.json"
BOARD = "leaderboard"
ACCURACY = "accuracy"  # the kind of task that tells people something


@dataclass(frozen=True)
class Report:
    """What was built: lines for the screen, and files by what they are."""

    board_lines: list[str]
    files: dict[str, Path]
    warnings: list[str]


def build_report(root: Path, data: Path | None = None, *, anew: bool = False) -> Report:
    """Build a run's leaderboard, pictures and page from its tables.

    They are drawn only where the tables have changed since, or if ``anew``.

    Raises
    ------
    BenchError
        If the directory holds no run, or no result yet.
    """
    run_dir = RunDir.existing(root)
    record = run_dir.read_record() or {}
    results = collect(record, Tables.of(run_dir))
    board = make_board(results)
    warnings = notices(run_dir, record)
    stamp = _stamp(run_dir, record)
    known = _known(run_dir)
    if not anew and known.get("stamp") == stamp:
        there = {k: Path(root, v) for k, v in known["files"].items()}
        return Report(screen(board), there, warnings)
    written = _write_board(run_dir, board)
    written |= _draw(run_dir, record, board, data)
    write_json(
        root / STAMP,
        {"stamp": stamp, "files": {k: str(p.relative_to(root)) for k, p in written.items()}},
    )
    return Report(screen(board), written, warnings)


def notices(run_dir: RunDir, record: Mapping[str, Any]) -> list[str]:
    """Return what people should know of finished tasks.

    Models that miss their authors' accuracy; metamers that are unfinished or hard to match.
    """
    found = []
    for task in record["tasks"]:
        place = Place(task["kind"], task["key"], task["generator"], task["stage"])
        if place.kind == ACCURACY and (run_dir.root / place.marker).exists():
            found.append(str(run_dir.facts(place).get("notice", "")))
    made = run_dir.table("synthesis")
    if made is not None:
        found += [warning(made), stalled(made)]
    return [line for line in found if line]


def _write_board(run_dir: RunDir, board: Board) -> dict[str, Path]:
    for ending, text in files(board, BOARD).items():
        write_atomically(run_dir.root / f"{BOARD}.{ending}", text.encode())
    return {"leaderboard": run_dir.root / f"{BOARD}.md"}


def _draw(
    run_dir: RunDir, record: Mapping[str, Any], board: Board, data: Path | None
) -> dict[str, Path]:
    from bench.report.page import write_page
    from bench.report.pictures import draw_all

    failures = [
        (task["title"], reason)
        for task in record["tasks"]
        if (reason := run_dir.failure(task["key"])) is not None
    ]
    natural = _natural(record, data)
    pictures = draw_all(run_dir, dict(record), board.rows, natural)
    page = write_page(run_dir, dict(record), board.rows, pictures, failures, natural)
    return {"pictures": run_dir.root / "pictures", "page": page}


def _natural(record: Mapping[str, Any], data: Path | None) -> tuple[list[str], np.ndarray] | None:
    """Return ids and values of the natural stimuli, None where they are no longer to be had."""
    suite = record["suite"]
    try:
        stimuli = installed().stimuli.get(suite["stimuli"]).load(suite["limit"], data)
    except BenchError:
        return None
    return list(stimuli.ids), stimuli.values[list(range(len(stimuli)))]


def _stamp(run_dir: RunDir, record: Mapping[str, Any]) -> str:
    """Return a hash of all that the report shows."""
    total = hashlib.sha256(repr([record["status"], record["suite"], record["models"]]).encode())
    for kind in KINDS:
        path = run_dir.table_path(kind)
        total.update(path.read_bytes() if path.exists() else b"-")
    return total.hexdigest()


def _known(run_dir: RunDir) -> dict[str, Any]:
    """Return what the last report wrote; nothing where a file of it is gone."""
    path = run_dir.root / STAMP
    if not path.exists():
        return {}
    known = read_json(path)
    there = all((run_dir.root / name).exists() for name in known["files"].values())
    return known if there else {}
