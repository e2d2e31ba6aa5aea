"""bench attacks list"""

from __future__ import annotations

import click

from bench.cli.listing import json_option, show_rows


@click.group()
def attacks() -> None:
    """Adversarial attacks."""


@attacks.command("list", epilog="Example: bench attacks list --json")
@json_option
def list_attacks(as_json: bool) -> None:
    """List attacks."""
    from bench.plugins import installed

    plugins = installed()
    rows = [
        {
            "attack": attack.id,
            "plugin": plugins.attacks.origin(attack.id),
            "description": attack.description,
            "reference": attack.reference,
        }
        for attack in plugins.attacks
    ]
    show_rows(rows, as_json, empty="no plugin registers attacks")
