"""bench protocols list"""

from __future__ import annotations

import click

from bench.cli.listing import json_option, show_rows


@click.group()
def protocols() -> None:
    """Protocols: how metamers are made."""


@protocols.command("list", epilog="Example: bench protocols list --json")
@json_option
def list_protocols(as_json: bool) -> None:
    """List the named protocols."""
    from bench.plugins import installed

    plugins = installed()
    rows = [
        {
            "protocol": protocol.name,
            "steps": protocol.total_steps,
            "optimizer": protocol.optimizer,
            "plugin": plugins.protocols.origin(protocol.name),
            "source": protocol.source,
        }
        for protocol in plugins.protocols
    ]
    show_rows(rows, as_json)
