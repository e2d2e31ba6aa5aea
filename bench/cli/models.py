"""bench models list|show|check"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from bench.cli.listing import json_option, show_facts, show_rows
from bench.errors import BenchError, ExitCode

if TYPE_CHECKING:
    from bench.spec import ModelSpec


@click.group()
def models() -> None:
    """Models of the installed plugins."""


@models.command("list", epilog="Example: bench models list --family clip")
@click.option("--family", help="Only this family.")
@json_option
def list_models(family: str | None, as_json: bool) -> None:
    """List models; one that needs a package shows the command that installs it."""
    from bench.plugins import installed

    plugins = installed()
    rows = [
        {
            "model": spec.id,
            "family": spec.family,
            "training": spec.training,
            "labels": spec.labels,
            "stages": len(spec.stages),
            "plugin": plugins.models.origin(spec.id),
            "needs": [f"pip install {need}" for need in spec.missing_packages()],
        }
        for spec in plugins.models
        if family is None or spec.family == family
    ]
    show_rows(rows, as_json, empty="no model is registered")
    if not as_json:
        for source in plugins.sources:
            click.echo(f"and any {source.id}:NAME: {source.description}")
        for report in plugins.broken:
            for reason in filter(None, (report.reason, *report.problems)):
                click.echo(f"plugin {report.name}: {reason}", err=True)


@models.command("show", epilog="Example: bench models show digits-vit")
@click.argument("model")
@json_option
def show_model(model: str, as_json: bool) -> None:
    """Show a model's stages, input, weights and sources."""
    from bench.plugins import installed

    plugins = installed()
    spec = plugins.model(model)
    show_facts(
        {
            "model": spec.id,
            "family": spec.family,
            "training": spec.training,
            "plugin": plugins.models.origin(spec.id),
            "labels": spec.labels,
            "input": str(spec.input),
            "reported_accuracy": spec.accuracy,
            "reference": spec.reference,
            "license": spec.license,
            "needs": [f"pip install {need}" for need in spec.missing_packages()],
            "stages": {name: _stage_line(spec, name) for name in spec.stages},
            "weights": {
                name: f"{w.url or (w.file.name if w.file else '-')} sha256 {w.sha256 or '-'}"
                for name, w in spec.weights.items()
            },
        },
        as_json,
    )


def _stage_line(spec: ModelSpec, name: str) -> str:
    stage = spec.stage(name)
    note = "" if stage.synthesis else " (measured, not synthesised)"
    return f"{stage.module or 'output of the model'}{note}"


@models.command("check", epilog="Example: bench models check digits-vit --weights none")
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
@click.option("--weights", default="default", help="A set's name, a file, or `none` for random.")
@click.option("--device", default="cpu", show_default=True)
@json_option
def check_models(names: tuple[str, ...], weights: str, device: str, as_json: bool) -> None:
    """Load models and check every stage: shape, gradient, order, batch independence."""
    from bench.plugins import installed

    plugins = installed()
    specs = [spec for name in names for spec in _selected(plugins, name)]
    bad = 0
    for spec in specs:
        facts = _checked(spec, None if weights == "none" else weights, device)
        bad += bool(facts["problems"])
        if as_json:
            show_facts(facts, as_json)
        else:
            click.echo(f"{spec.id}: {'FAILED' if facts['problems'] else 'ok'}")
            show_rows(facts["stages"], False, empty="  no stage could be read")
            show_rows(facts["checks"], False, empty=f"  {'; '.join(facts['problems'])}")
    if bad:
        raise click.exceptions.Exit(ExitCode.SOME_FAILED)


def _selected(plugins: Any, name: str) -> Iterator[ModelSpec]:
    if name == "all":
        yield from plugins.models
    elif name.startswith("family:"):
        yield from (s for s in plugins.models if s.family == name.removeprefix("family:"))
    else:
        yield plugins.model(name)


def _checked(spec: ModelSpec, weights: str | None, device: str) -> dict[str, Any]:
    from bench.testing.conformance import check_model

    try:
        report = check_model(spec, weights=weights, device=device)
    except BenchError as error:
        return {"model": spec.id, "stages": [], "checks": [], "problems": [str(error)]}
    return {
        "model": spec.id,
        "stages": [
            {
                "stage": stage.name,
                "shape": list(stage.shape),
                "features": stage.features,
                "modified_relu": stage.modified_relu,
            }
            for stage in report.stages
        ],
        "checks": [
            {"check": c.question, "found": c.found, "problem": c.problem} for c in report.checks
        ],
        "problems": [c.problem for c in report.checks if c.problem],
    }
