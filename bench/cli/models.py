"""bench models list|show|check"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from bench.cli.listing import json_option, show_facts, show_rows
from bench.errors import BenchError, ExitCode
from bench.legible import legible

if TYPE_CHECKING:
    from bench.spec import ModelSpec

RANDOM = "none"
LONGEST_FAMILY = 40  # a listing of all models folds larger families into a line


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
    specs = [spec for spec in plugins.models if family is None or spec.family == family]
    if as_json:
        show_rows([_row(plugins, spec) for spec in specs], as_json)
        return
    sizes = Counter(spec.family for spec in specs)
    folded = {f: n for f, n in sizes.items() if n > LONGEST_FAMILY and family is None}
    rows = [_row(plugins, spec) for spec in specs if spec.family not in folded]
    for row in rows:
        row["parameters"] = row["parameters"] and f"{row['parameters'] / 1e6:.2f} M"
        for key in ("labels", "plugin", "needs"):
            del row[key]
    show_rows(rows, as_json, empty="no model is registered")
    for name, n in folded.items():
        needs = {f", {_availability(s)}" for s in specs if s.family == name}
        click.echo(
            f"and {name}:NAME, {n} models{needs.pop() if len(needs) == 1 else ''}: "
            f"`bench models list --family {name}`"
        )
    for source in plugins.sources:
        click.echo(legible(f"and any {source.id}:NAME: {source.description}"))
    for report in plugins.broken:
        for reason in filter(None, (report.reason, *report.problems)):
            click.echo(f"plugin {report.name}: {reason}", err=True)


def _row(plugins: Any, spec: ModelSpec) -> dict[str, Any]:
    return {
        "model": spec.id,
        "family": spec.family,
        "modality": _modality(spec),
        "training": spec.training,
        "labels": spec.labels,
        "stages": len(spec.stages),
        "parameters": spec.parameters,
        "license": spec.license,
        "available": _availability(spec),
        "plugin": plugins.models.origin(spec.id),
        "needs": _needs(spec),
    }


def _modality(spec: ModelSpec) -> str:
    from bench.spec import ImageInput

    return "image" if isinstance(spec.input, ImageInput) else "sound"


def _needs(spec: ModelSpec) -> list[str]:
    return [f"pip install {need}" for need in spec.missing_packages()]


def _availability(spec: ModelSpec) -> str:
    """Say in a few words what stands between the user and the model's weights."""
    if needs := _needs(spec):
        return ", ".join(needs)
    weights = spec.weights.get("default")
    if weights is None or weights.file is not None:
        return "yes"
    if weights.archive is not None or any(part.archive is not None for part in weights.parts):
        return "weights from an archive"
    return "weights are fetched"


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
            "modality": _modality(spec),
            "training": spec.training,
            "parameters": spec.parameters,
            "plugin": plugins.models.origin(spec.id),
            "labels": spec.labels,
            "input": str(spec.input),
            "reported_accuracy": spec.accuracy,
            "reference": spec.reference,
            "license": spec.license,
            "needs": _needs(spec),
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


@models.command("check", epilog="Example: bench models check digits-vit alexnet; or: all")
@click.argument("names", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--weights",
    help="A set's name, a file, or `none` for random.  "
    "[default: its own if they are at hand, else random ones]",
)
@click.option("--device", default="cpu", show_default=True)
@json_option
def check_models(names: tuple[str, ...], weights: str | None, device: str, as_json: bool) -> None:
    """Load models and check every stage: shape, gradient, order, batch independence.

    Unless --weights asks for it, nothing is fetched but by the builder of a model that is named.
    """
    from bench.plugins import installed

    plugins = installed()
    specs = {spec.id: spec for name in names for spec in _selected(plugins, name)}
    skipped = _skipped(specs.values(), names)
    for needs, ids in skipped.items():
        shown = ids[0] if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1} more"
        click.echo(f"not checked, for want of `{needs}`: {shown}", err=True)
    left_out = {name for ids in skipped.values() for name in ids}
    asked = [spec for spec in specs.values() if spec.id not in left_out]
    found = []
    for i, spec in enumerate(asked, 1):
        if len(asked) > 1:
            click.echo(f"[{i}/{len(asked)}] {spec.id}", err=True)
        chosen = weights or _at_hand(spec, named=spec.id in names)
        facts = _checked(spec, None if chosen == RANDOM else chosen, device)
        facts["weights"] = chosen
        found.append(facts)
        if not as_json:
            _show_report(facts, brief=len(asked) > 1)
    if as_json:
        show_facts(found[0], True) if len(found) == 1 else show_rows(found, True)
    bad = [facts["model"] for facts in found if facts["problems"]]
    if len(asked) > 1:
        click.echo(f"{len(asked)} checked, {len(bad)} failed: {', '.join(bad) or '-'}", err=True)
    if bad:
        raise click.exceptions.Exit(ExitCode.SOME_FAILED)


def _skipped(specs: Iterable[ModelSpec], names: tuple[str, ...]) -> dict[str, list[str]]:
    """Return what to install: the models that need it, but for those that were asked for by id."""
    skipped: dict[str, list[str]] = {}
    for spec in specs:
        if (needs := ", ".join(_needs(spec))) and spec.id not in names:
            skipped.setdefault(needs, []).append(spec.id)
    return skipped


def _show_report(facts: dict[str, Any], *, brief: bool) -> None:
    """Print what a check found; of one that passed among many, only that it did."""
    click.echo(f"{facts['model']}: {'FAILED' if facts['problems'] else 'ok'}{_which(facts)}")
    if facts["problems"] or not brief:
        show_rows(facts["stages"], False, empty="  no stage could be read")
        show_rows(facts["checks"], False, empty=f"  {'; '.join(facts['problems'])}")


def _at_hand(spec: ModelSpec, *, named: bool) -> str:
    """Return which weights to check a model with where that was left open."""
    from bench.models.weights import at_hand

    own = spec.weights.get("default")
    if own is None:  # what its builder does may be a download
        return "default" if named else RANDOM
    return "default" if at_hand(own) else RANDOM


def _which(facts: dict[str, Any]) -> str:
    return " (random weights)" if facts["weights"] == RANDOM else ""


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
