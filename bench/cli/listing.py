"""How commands show lists: a table for people, JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from bench.legible import LAYOUT, legible

WIDE = 400

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def show_rows(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str = "nothing") -> None:
    """Print rows of equal keys."""
    if as_json:
        click.echo(json.dumps(list(rows), indent=1, ensure_ascii=False))
        return
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for i, name in enumerate(rows[0]):
        table.add_column(name.replace("_", " "), overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*(Text(as_text(value)) for value in row.values()))
    console = Console()
    if not console.is_terminal:  # a file or a pipe has no width to fit
        console.width = WIDE
    console.print(table)


def show_facts(facts: Mapping[str, Any], as_json: bool) -> None:
    """Print one thing's facts, a line each."""
    if as_json:
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        if isinstance(value, Mapping):
            click.echo(f"{name.replace('_', ' ')}:")
            for key, item in value.items():
                click.echo(f"  {key}: {as_text(item)}")
        else:
            click.echo(f"{name.replace('_', ' '):<{width}}  {as_text(value)}")


def as_text(value: Any) -> str:
    """Return a value as a table's cell; what is missing is a dash."""
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return legible(str(value), keep=LAYOUT)
