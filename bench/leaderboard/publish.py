"""Published results on disk: ``results/<suite>/<model>.json``, and boards built from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.leaderboard.board import make_board
from bench.leaderboard.collect import Tables, collect
from bench.leaderboard.human_board import HumanBoard, make_human_board
from bench.leaderboard.human_picture import picture_problem
from bench.leaderboard.human_result import HumanResult
from bench.leaderboard.render import AnyBoard, files
from bench.leaderboard.result import ModelResult, read_result, result_schema
from bench.store.files import write_atomically
from bench.store.keys import as_folder
from bench.store.run_dir import RunDir

SCHEMA = "schema.json"
# A failed task leaves its own row empty; of a run cut short or a shard any row may be half filled.
PUBLISHABLE = ("finished", "finished with failures")


@dataclass(frozen=True)
class Folders:
    """Where results and leaderboards are."""

    results: Path
    leaderboards: Path


def publish(run_dir: RunDir, to: Path) -> list[Path]:
    """Write one result a model of a finished run.

    Raises
    ------
    BenchError
        If the run is not finished: a board must not hang on what happened to be done.
    """
    record = run_dir.read_record()
    if record is None or record["status"] not in PUBLISHABLE:
        status = "no record" if record is None else record["status"]
        raise BenchError(
            f"{run_dir.root} is not finished ({status})",
            fix="`bench run` goes on with it; `bench merge` joins shards",
        )
    return write_results(collect(record, Tables.of(run_dir)), to)


def write_results(results: Sequence[ModelResult | HumanResult], to: Path) -> list[Path]:
    """Write results as ``<to>/<suite>/<model>.json``, and the schema beside them."""
    written = []
    for result in results:
        path = to / result.suite.id / f"{as_folder(result.model.id)}.json"
        text = result.model_dump_json(indent=1) + "\n"
        write_atomically(path, text.encode())
        written.append(path)
    write_atomically(to / SCHEMA, result_schema().encode())
    return written


def suites_in(results: Path) -> list[str]:
    """Return the suites that have published results."""
    if not results.is_dir():
        raise BenchError(
            f"{results} is not a directory", fix="run this where results/ is, or give --results"
        )
    return sorted(p.name for p in results.iterdir() if p.is_dir() and any(p.glob("*.json")))


def read_board(results: Path, suite: str) -> AnyBoard:
    """Return the board of all results of a suite, which are of runs or of people.

    Raises
    ------
    BenchError
        If they are of both kinds, or cannot be ranked together.
    """
    found = [read_result(path) for path in sorted((results / suite).glob("*.json"))]
    runs = [result for result in found if isinstance(result, ModelResult)]
    people = [result for result in found if isinstance(result, HumanResult)]
    if runs and people:
        raise BenchError(
            f"{results / suite} holds results of runs and of people",
            why=f"{runs[0].model.id} is of a run, {people[0].model.id} of people",
            fix="publish them as different suites",
        )
    return make_human_board(people) if people else make_board(runs)


def build(folders: Folders, suites: Sequence[str] | None = None) -> dict[Path, str]:
    """Return the content of every board that follows from the published results."""
    wanted = suites_in(folders.results) if suites is None else list(suites)
    content = {}
    for suite in wanted:
        for ending, text in files(read_board(folders.results, suite), suite).items():
            content[folders.leaderboards / f"{suite}.{ending}"] = text
    return content


def check(folders: Folders) -> list[str]:
    """Return what is wrong: boards that do not follow from their results, in whatever file."""
    problems = []
    schema = folders.results / SCHEMA
    if not schema.exists() or schema.read_text(encoding="utf-8") != result_schema():
        problems.append(f"{schema} is not the schema of this version")
    for path, text in build(folders).items():
        if not path.exists():
            problems.append(f"{path} is missing")
        elif path.read_text(encoding="utf-8") != text:
            problems.append(f"{path} does not follow from {folders.results}")
    for suite in suites_in(folders.results):
        board = read_board(folders.results, suite)
        if isinstance(board, HumanBoard):
            problems += picture_problem(board, folders.leaderboards)
    return problems
