"""bench merge"""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: bench merge shard1 shard2 shard3 --out whole")
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the whole goes.")
def merge(directories: tuple[Path, ...], out: Path) -> None:
    """Join the shards of a run (`bench run --shard I/N --out DIR`) into one directory."""
    from bench.runner.merge import merge as join

    merged = join(directories, out)
    click.echo(f"{merged.taken} results taken over, {merged.missing} of the plan are missing")
    click.echo(f"go on with: bench report {out}")
