"""bench publish"""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: bench publish bench-runs/digits")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--to", type=click.Path(path_type=Path), default="results", show_default=True)
def publish(directory: Path, to: Path) -> None:
    """Turn a finished run into results/<suite>/<model>.json, one small file a model."""
    from bench.leaderboard.publish import publish as write
    from bench.store.run_dir import RunDir

    for path in write(RunDir.existing(directory), to):
        click.echo(path)
