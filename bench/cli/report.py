"""bench report"""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: bench report bench-runs/digits")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="The run's directory of stimuli.")
def report(directory: Path, data: Path | None) -> None:
    """Draw a run's pictures, page and leaderboard anew."""
    from bench.report.build import build_report

    built = build_report(directory, data=data, anew=True)
    for warning in built.warnings:
        click.echo(f"warning: {warning}", err=True)
    for what, path in built.files.items():
        click.echo(f"{what}: {path}")
