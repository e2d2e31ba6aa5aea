"""bench alignment"""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.listing import json_option, show_rows


@click.command(epilog="Example: bench alignment runs/free runs/leaning runs/adversarial --stage fc")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--stage", help="Only this stage.")
@json_option
def alignment(runs: tuple[Path, ...], stage: str | None, as_json: bool) -> None:
    """Show the alignment of runs under several protocols side by side.

    Mean over perceptual distances and seeds, with the standard deviation over them, in percent.
    """
    from bench.errors import BenchError
    from bench.report.alignment import compare_alignment, side_by_side

    found = compare_alignment(runs)
    if stage is not None:
        if stage not in set(found["stage"]):
            there = ", ".join(dict.fromkeys(found["stage"]))
            raise BenchError(f"no model of these runs has a stage {stage!r}", fix=there)
        found = found[found["stage"] == stage]
    if as_json:
        found = found.astype(object).where(found.notna(), None)
    shown = found if as_json else side_by_side(found)
    rows = [{str(name): value for name, value in row.items()} for row in shown.to_dict("records")]
    show_rows(rows, as_json)
