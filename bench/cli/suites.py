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
    """Show all that a suite fixes, its protocol in full, and the other named protocols."""
    from dataclasses import asdict

    from bench.plugins import installed

    plugins = installed()
    suite = plugins.suites.get(name)
    show_facts(
        {
            **suite.model_dump(mode="json"),
            "protocol": asdict(suite.protocol.resolved()),
            "named_protocols": {p.name: p.source for p in plugins.protocols},
        },
        as_json,
    )
