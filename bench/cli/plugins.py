"""bench plugins list"""

from __future__ import annotations

import click

from bench.cli.listing import json_option, show_rows


@click.group()
def plugins() -> None:
    """Plugins of this environment."""


@plugins.command("list", epilog="Example: bench plugins list --json")
@json_option
def list_plugins(as_json: bool) -> None:
    """List plugins; a broken one is shown with its reason, the others work."""
    from bench.plugins import installed

    rows = []
    for report in installed().reports.values():
        problems = [p for p in (report.reason, *report.problems) if p]
        rows.append(
            {
                "plugin": report.name,
                "distribution": report.distribution,
                "version": report.version,
                "state": "broken" if not report.loaded else "partly" if problems else "ok",
                "registers": [f"{len(ids)} {kind}" for kind, ids in report.entries.items()],
                "reason": "; ".join(problems),
                "where": report.where,
            }
        )
    show_rows(rows, as_json, empty="no plugin is installed")
