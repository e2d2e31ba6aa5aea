"""bench nulls build|show"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench import config
from bench.cli.listing import json_option, show_rows
from bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd

    from bench.plugins import Plugins
    from bench.spec import ModelSpec
    from bench.stimuli.sets import StimulusSet
    from bench.store.null_assets import NullAsset

MEBIBYTE = 1 << 20
_path = click.Path(path_type=Path)


@click.group()
def nulls() -> None:
    """Null distributions: how alike a model finds pairs of different natural stimuli.

    A metamer counts when it is nearer to its natural stimulus than any such pair.
    """


@nulls.command(epilog="Example: bench nulls build digits-lowpass --pairs 20000")
@click.argument("model")
@click.option("--stages", help="Names separated by commas; all that make metamers by default.")
@click.option("--stimuli", "set_id", help="Stimulus set; the model's training set by default.")
@click.option("--limit", type=click.IntRange(min=2), help="Only the first N stimuli of the set.")
@click.option(
    "--pairs",
    type=click.IntRange(min=1),
    help="How many; by default 1,000,000 (Feather et al. 2023) or all that there are.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--weights", default="default", help="A set's name, a file, or `none` for random.")
@click.option("--memory", type=click.IntRange(min=1), help="MiB for activations.  [default: 4096]")
@click.option("--device", default="auto", show_default=True)
@click.option("--data", type=_path, help="Your directory of stimuli, if the set needs it.")
@click.option("--out", type=_path, help="Where null distributions are kept.")
@json_option
def build(model: str, as_json: bool, **options: Any) -> None:
    """Compute null distributions that are not there yet, all stages in one pass."""
    from bench.models.load import load_spec
    from bench.plugins import installed
    from bench.store.keys import files_sha256
    from bench.store.null_assets import NullStore, keep_nulls

    plugins = installed()
    spec = plugins.model(model)
    stages = _names(options["stages"])
    for stage in stages or ():
        spec.stage(stage)  # a wrong name is said before anything is loaded
    chosen = _stimulus_set(plugins, spec, options["set_id"])
    weights = None if options["weights"] == "none" else options["weights"]
    stimuli = chosen.load(options["limit"], options["data"])
    network = load_spec(spec, weights, options["device"])
    with _progress() as progress:
        assets = keep_nulls(
            NullStore(_folder(options["out"])),
            network,
            stimuli,
            chosen.id,
            stages=stages,
            pairs=options["pairs"],
            seed=options["seed"],
            code=files_sha256(plugins.source_files(plugins.models.origin(spec.id))),
            memory_bytes=options["memory"] and options["memory"] * MEBIBYTE,
            progress=progress,
        )
    show_rows([_row(asset) for asset in assets], as_json)


@nulls.command(epilog="Example: bench nulls show digits-lowpass --picture nulls.png --run DIR")
@click.argument("model", required=False)
@click.option("--stages", help="Names separated by commas.")
@click.option("--picture", type=_path, help="Draw the model's null distributions: a PNG.")
@click.option("--run", "run_dir", type=_path, help="Mark this run's metamers in the picture.")
@click.option("--weights", default="", help="Only of the weights whose hash begins so.")
@click.option("--out", type=_path, help="Where null distributions are kept.")
@json_option
def show(model: str | None, as_json: bool, **options: Any) -> None:
    """List the null distributions that are kept, and draw them."""
    from bench.store.null_assets import NullStore

    folder = _folder(options["out"])
    kept, damaged = NullStore(folder).assets(model)
    wanted = _names(options["stages"])
    found = [
        asset
        for asset in kept
        if (wanted is None or asset.identity.stage in wanted)
        and asset.identity.weights.startswith(options["weights"])
    ]
    empty = f"no null distribution is kept in {folder}; see `bench nulls build`"
    show_rows([_row(asset) for asset in found], as_json, empty=empty)
    for problem in damaged:
        click.echo(f"damaged: {problem}", err=True)
    if options["run_dir"] and not options["picture"]:
        raise BenchError("--run marks metamers in a picture", fix="name one with --picture")
    if options["picture"]:
        _draw(model, found, options["picture"], options["run_dir"])
        click.echo(f"picture: {options['picture']}", err=True)


def _folder(out: Path | None) -> Path:
    return out or config.data_dir() / "nulls"


def _names(text: str | None) -> list[str] | None:
    return [part.strip() for part in text.split(",") if part.strip()] if text else None


def _stimulus_set(plugins: Plugins, spec: ModelSpec, name: str | None) -> StimulusSet:
    """Return the set called ``name``, or the one that the model's label space was trained on."""
    if name is not None:
        return plugins.stimuli.get(name)
    fitting = [entry for entry in plugins.stimuli if entry.label_space == spec.labels]
    training = [entry for entry in fitting if entry.id.endswith("-train")] or fitting
    if len(training) != 1:
        names = ", ".join(entry.id for entry in training) or "see `bench stimuli list`"
        raise BenchError(f"model {spec.id}: name its natural stimuli", fix=f"--stimuli: {names}")
    return training[0]


def _row(asset: NullAsset) -> dict[str, Any]:
    identity = asset.identity
    largest = {row["measure"]: row["max"] for row in asset.summary}
    left_out = max(row["pairs"] - row["n"] for row in asset.summary)
    return {
        "model": identity.model,
        "stage": identity.stage,
        "pairs": identity.pairs,
        "left_out": left_out,
        **{
            f"max_{measure}": None if value is None else round(value, 4)
            for measure, value in largest.items()
        },
        "stimuli": identity.stimuli,
        "seed": identity.seed,
        "weights": identity.weights[:12],
        "key": identity.key,
        "status": asset.status,
    }


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        pairs = bar.add_task("pairs", total=1.0)
        yield lambda share: bar.update(pairs, completed=share)


def _draw(model: str | None, found: list[NullAsset], picture: Path, run_dir: Path | None) -> None:
    from bench.report.nulls import NullPanel, draw_nulls
    from bench.store.files import write_atomically

    if model is None or not found:
        raise BenchError("nothing to draw", fix="name a model of which null distributions are kept")
    if len({asset.identity.weights for asset in found}) > 1:
        raise BenchError(
            f"null distributions of several weights of {model} are kept",
            fix="choose one with --weights and the beginning of its hash",
        )
    largest: dict[str, NullAsset] = {}
    for asset in sorted(found, key=lambda asset: asset.identity.pairs):
        largest[asset.identity.stage] = asset
    metamers = None if run_dir is None else _metamers(run_dir, found[0].identity.model)
    panels = [
        NullPanel(
            stage,
            largest[stage].table(),
            None if metamers is None else metamers[metamers["stage"] == stage],
        )
        for stage in _by_depth(model, largest)
    ]
    write_atomically(picture, draw_nulls(found[0].identity.model, panels))


def _by_depth(model: str, stages: Iterable[str]) -> list[str]:
    """Return stages in the model's order; by name where the model is no longer installed."""
    from bench.plugins import installed

    models = installed().models
    depth = {name: i for i, name in enumerate(models.get(model).stages)} if model in models else {}
    return sorted(stages, key=lambda stage: (depth.get(stage, len(depth)), stage))


def _metamers(run_dir: Path, model: str) -> pd.DataFrame:
    from bench.store.run_dir import RunDir

    table = RunDir.existing(run_dir).table("synthesis")
    if table is None or model not in set(table["model"]):
        raise BenchError(f"{run_dir} has no metamers of {model}", fix="`bench run` makes them")
    return table[table["model"] == model]
