"""bench tasks list"""

from __future__ import annotations

import click

from bench.cli.listing import json_option, show_rows


@click.group()
def tasks() -> None:
    """Kinds of measurement that a run can make."""


@tasks.command("list", epilog="Example: bench tasks list --json")
@json_option
def list_tasks(as_json: bool) -> None:
    """List kinds of task, with the sections of a suite file that ask for them."""
    from bench.plugins import installed
    from bench.runner.kinds import in_order

    plugins = installed()
    rows = [
        {
            "task": kind.id,
            "version": kind.version,
            "reads": list(kind.after),
            "section": list(kind.section.model_fields) if kind.section else [],
            "plugin": plugins.tasks.origin(kind.id),
            "description": kind.description,
            "reference": kind.reference,
        }
        for kind in in_order(plugins.tasks)
    ]
    show_rows(rows, as_json, empty="no plugin registers kinds of task")
