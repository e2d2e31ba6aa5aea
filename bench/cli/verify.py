"""bench verify"""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import ExitCode


@click.command(epilog="Example: bench verify bench-runs/digits")
@click.argument("directory", type=click.Path(path_type=Path))
def verify(directory: Path) -> None:
    """Check every file of a run by its SHA-256; what fails is taken back and named.

    `bench run` then computes it again.
    """
    from bench.runner.verify import verify as check
    from bench.store.run_dir import RunDir

    found = check(RunDir.existing(directory))
    for problem in found.problems:
        click.echo(problem, err=True)
    click.echo(f"{found.checked} results checked, {len(found.problems)} damaged")
    if found.problems:
        raise click.exceptions.Exit(ExitCode.SOME_FAILED)
