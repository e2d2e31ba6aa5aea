"""bench suites list|show"""

from __future__ import annotations

import click

from bench.cli.listing import json_option, show_facts, show_rows


@click.group()
def suites() -> None:
    """Suites: which stimuli, models, protocol and measures make one benchmark."""


@suites.command("list")
@json_option
def list_suites(as_json: bool) -> None:
    """List suites."""
    from bench.plugins import installed

    plugins = installed()
    rows = [
        {
            "suite": suite.id,
            "title": suite.title,
            "stimuli": f"{suite.limit} of {suite.stimuli}",
            "protocol": suite.protocol.name,
            "plugin": plugins.suites.origin(suite.id),
        }
        for suite in plugins.suites
    ]
    show_rows(rows, as_json)


@suites.command("show", epilog="Example: bench suites show digits")
@click.argument("name")
@json_option
def show_suite(name: str, as_json: bool) -> None:
    """Show everything that a suite fixes."""
    from bench.plugins import installed

    show_facts(installed().suites.get(name).model_dump(mode="json"), as_json)
