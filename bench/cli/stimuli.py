"""bench stimuli list|show"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from bench.cli.listing import json_option, show_facts, show_rows


@click.group()
def stimuli() -> None:
    """Sets of natural images and sounds."""


@stimuli.command("list")
@json_option
def list_stimuli(as_json: bool) -> None:
    """List stimulus sets."""
    from bench.plugins import installed

    plugins = installed()
    rows = [
        {
            "set": entry.id,
            "labels": entry.label_space,
            "size": entry.size,
            "plugin": plugins.stimuli.origin(entry.id),
            "description": entry.description,
        }
        for entry in plugins.stimuli
    ]
    show_rows(rows, as_json, empty="no plugin registers stimuli")


@stimuli.command("show", epilog="Example: bench stimuli show digits-scenes-test --limit 20")
@click.argument("name")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Your directory, if the set needs it."
)
@json_option
def show_stimuli(name: str, limit: int | None, data: Path | None, as_json: bool) -> None:
    """Load a set and show its size, shape, classes and hash."""
    from bench.labels.spaces import space
    from bench.plugins import installed

    entry = installed().stimuli.get(name)
    loaded = entry.load(limit, data)
    classes = space(loaded.label_space).classes
    counts = Counter(int(label) for label in loaded.labels)
    show_facts(
        {
            "set": entry.id,
            "description": entry.description,
            "labels": loaded.label_space,
            "n": len(loaded),
            "shape": list(loaded.values[[0]].shape[1:]),
            "sha256": loaded.digest,
            "notes": list(loaded.notes),
            "reference": entry.reference,
            "license": entry.license,
            "classes": {classes[label]: counts[label] for label in sorted(counts)},
        },
        as_json,
    )
