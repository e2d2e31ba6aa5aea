"""bench metrics list"""

from __future__ import annotations

import click

from bench.cli.listing import json_option, show_rows


@click.group()
def metrics() -> None:
    """Perceptual distances between images or sounds."""


@metrics.command("list", epilog="Example: bench metrics list --json")
@json_option
def list_metrics(as_json: bool) -> None:
    """List metrics, with what each does not see and what it downloads."""
    from bench.plugins import installed

    plugins = installed()
    rows = [
        {
            "metric": metric.id,
            "plugin": plugins.metrics.origin(metric.id),
            "description": metric.description,
            "misses": metric.misses,
            "downloads": metric.downloads,
            "reference": metric.reference,
        }
        for metric in plugins.metrics
    ]
    show_rows(rows, as_json, empty="no plugin registers metrics")
