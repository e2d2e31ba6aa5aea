"""bench labels list"""

from __future__ import annotations

import click

from bench.cli.listing import json_option, show_rows


@click.group()
def labels() -> None:
    """Label spaces: the classes that models and stimuli name."""


@labels.command("list", epilog="Example: bench labels list --json")
@json_option
def list_labels(as_json: bool) -> None:
    """List label spaces, and in which others their labels can be read."""
    from bench.labels.spaces import MAPS
    from bench.plugins import installed

    plugins = installed()
    rows = [
        {
            "labels": space.id,
            "classes": len(space.classes),
            "chance": space.chance,
            "read_as": [target for source, target in MAPS if source == space.id],
            "plugin": plugins.label_spaces.origin(space.id),
        }
        for space in plugins.label_spaces
    ]
    show_rows(rows, as_json)
