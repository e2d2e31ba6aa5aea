"""bench merge"""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import ExitCode


@click.command(epilog="Example: bench merge shard1 shard2 shard3 --out whole")
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where the whole goes; bench-runs/SUITE if left."
)
def merge(directories: tuple[Path, ...], out: Path | None) -> None:
    """Join the shards of a run (`bench run --shard I/N --out DIR`) into one directory."""
    from bench.runner.merge import merge as join

    merged = join(directories, out)
    click.echo(f"{merged.taken} results taken over into {merged.out}")
    if merged.missing:
        click.echo(f"{merged.missing} of the plan are missing: merge the other shards", err=True)
        raise click.exceptions.Exit(ExitCode.SOME_FAILED)
    click.echo(f"go on with: bench report {merged.out}")
