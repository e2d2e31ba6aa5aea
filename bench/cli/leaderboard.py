"""bench leaderboard build|check|show|diff"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.cli.listing import json_option, show_rows
from bench.errors import BenchError, ExitCode


def _folders(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in ("leaderboards", "results"):
        command = click.option(
            f"--{name}", type=click.Path(path_type=Path), default=name, show_default=True
        )(command)
    return command


@click.group()
def leaderboard() -> None:
    """Leaderboards, built from published results."""


@leaderboard.command("build", epilog="Example: bench leaderboard build digits")
@click.argument("suites", nargs=-1)
@_folders
def build_boards(suites: tuple[str, ...], results: Path, leaderboards: Path) -> None:
    """Build boards as Markdown, CSV, JSON, HTML; of human data, an outdated picture anew."""
    from bench.leaderboard.publish import SCHEMA, Folders, build
    from bench.leaderboard.result import result_schema
    from bench.report.human_scatter import draw_outdated
    from bench.store.files import write_atomically

    folders = Folders(results, leaderboards)
    for path, text in build(folders, suites or None).items():
        write_atomically(path, text.encode())
        click.echo(path)
    write_atomically(results / SCHEMA, result_schema().encode())
    for path in draw_outdated(folders, suites or None):
        click.echo(path)


@leaderboard.command("check")
@_folders
def check_boards(results: Path, leaderboards: Path) -> None:
    """Prove that each board follows from the published results."""
    from bench.leaderboard.publish import Folders, check

    problems = check(Folders(results, leaderboards))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        click.echo("mend it with: bench leaderboard build", err=True)
        raise click.exceptions.Exit(ExitCode.SOME_FAILED)
    click.echo(f"every board in {leaderboards} follows from {results}")


@leaderboard.command("show", epilog="Example: bench leaderboard show digits")
@click.argument("suite")
@_folders
@json_option
def show_board(suite: str, results: Path, leaderboards: Path, as_json: bool) -> None:
    """Show a suite's board."""
    from bench.leaderboard.publish import read_board, suites_in
    from bench.leaderboard.render import as_json as board_json
    from bench.leaderboard.render import screen

    if suite not in (known := suites_in(results)):
        raise BenchError(
            f"{results} has no results of a suite {suite!r}", fix=f"there are: {', '.join(known)}"
        )
    board = read_board(results, suite)
    click.echo(board_json(board) if as_json else "\n".join(screen(board)))


@leaderboard.command(
    "diff", epilog="Example: bench leaderboard diff old.json leaderboards/digits.json"
)
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@json_option
def diff_boards(before: Path, after: Path, as_json: bool) -> None:
    """Show what changed between two boards (their .json files)."""
    from bench.leaderboard.diff import diff

    show_rows(diff(before, after), as_json, empty="no change")
