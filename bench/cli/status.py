"""bench status"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from bench.cli.listing import json_option, show_facts


@click.command(epilog="Example: bench status bench-runs/digits")
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
def status(directory: Path, as_json: bool) -> None:
    """Show how far a run is, and why tasks failed."""
    from bench.errors import lines_by_reason
    from bench.runner.record import places
    from bench.store.run_dir import RunDir

    run_dir = RunDir.existing(directory)
    record = run_dir.read_record() or {}
    planned: Counter[str] = Counter()
    done: Counter[str] = Counter()
    failed = []
    for place, task in zip(places(record), record["tasks"], strict=True):
        planned[place.kind] += 1
        done[place.kind] += (run_dir.root / place.marker).exists()
        reason = run_dir.failure(place.key)
        if reason is not None:
            failed.append((task["title"], reason))
    show_facts(
        {
            "directory": str(directory),
            "status": record["status"],
            "suite": record["suite"]["id"],
            "models": len(record["models"]),
            "started": record["started"],
            "ended": record.get("ended"),
            "command": record["command"],
            "done": {kind: f"{done[kind]} of {planned[kind]}" for kind in planned},
            **({"failed": [{"task": t, "reason": r} for t, r in failed]} if as_json else {}),
        },
        as_json,
    )
    if failed and not as_json:
        click.echo("failed:")
        for line in lines_by_reason(failed):
            click.echo(f"  {line}")
