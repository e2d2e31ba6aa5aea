"""bench stats observer|models|stages|correlation|reliability|recognition"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.cli.listing import json_option
from bench.cli.stats_table import RULES, records, show_effects, show_statistics
from bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd

    from bench.human.analyses import Draws
    from bench.human.imported import HumanData
    from bench.human.paper_tables import ObserverRow
    from bench.stats.permutation import Rule

T = TypeVar("T")
data_option = click.option(
    "--data",
    default="feather2023",
    show_default=True,
    metavar="NAME|PATH",
    help="An imported data set, or where data lie.",
)
experiment_option = click.option("--experiment", help="Only this one; else all that qualify.")
leave_out_option = click.option("--leave-out", multiple=True, metavar="STAGE")
all_stages_option = click.option(
    "--all-stages", is_flag=True, help="Keep the stages that the paper leaves out."
)
seed_option = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
permutations_option = click.option(
    "--permutations", type=click.IntRange(min=1), default=10_000, show_default=True
)
rule_option = click.option(
    "--rule",
    type=click.Choice(list(RULES)),
    default=next(iter(RULES)),
    show_default=True,
    help="How a permutation p follows from its count; feather2023 makes the paper's tables.",
)


@click.group()
def stats() -> None:
    """The statistics of Feather et al. (2023), on their data or yours."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What was asked of an analysis of variance."""

    models: tuple[str, ...]
    data: str
    experiment: str | None
    leave_out: tuple[str, ...]
    permutations: int
    seed: int
    rule: Rule
    all_stages: bool = False

    def draws(self) -> Draws:
        from bench.human.analyses import Draws

        return Draws(self.permutations, self.seed, self.rule)


def _effect_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (data_option, experiment_option, leave_out_option, permutations_option, seed_option)
    for option in (json_option, rule_option, *reversed(options)):
        command = option(command)
    return click.argument("models", nargs=-1)(command)


@stats.command("observer", epilog="Example: bench stats observer cornet_s")
@_effect_options
@all_stages_option
def observer(*, as_json: bool, **options: Any) -> None:
    """Compare people with the model whose metamers they saw: mixed ANOVA, observer x stage.

    Without MODELS: the rows of Supplementary Table 1, CLIP ResNet50 without its `final`.
    """
    from bench.human.analyses import observer_effect
    from bench.human.paper_tables import TABLE_1

    show_effects(_per_model(observer_effect, TABLE_1, Choice(**options)), as_json)


@stats.command("stages", epilog="Example: bench stats stages hmax_standard")
@_effect_options
@all_stages_option
def stages(*, as_json: bool, **options: Any) -> None:
    """Ask whether people's recognition differs between stages: one-way repeated measures.

    Without MODELS: HMAX and Spectemp, without their `final`, as in the paper.
    """
    from bench.human.analyses import stage_effect
    from bench.human.paper_tables import STAGE_ROWS

    show_effects(_per_model(stage_effect, STAGE_ROWS, Choice(**options)), as_json)


@stats.command("models", epilog="Example: bench stats models resnet50_l2_3_robust resnet50")
@_effect_options
def compare(*, as_json: bool, **options: Any) -> None:
    """Compare people's recognition of the metamers of two or more MODELS: stage x model.

    Without MODELS: the rows of Supplementary Table 2 (docs/statistics.md says which of them are
    printed in another place).
    """
    from bench.human.analyses import experiments_with, model_effect
    from bench.human.paper_tables import TABLE_2

    choice = Choice(**options)
    human = _open(choice.data)
    pairs: list[tuple[tuple[str, ...], str]] = [
        ((row.first, row.second), row.experiment) for row in TABLE_2
    ]
    if choice.models:
        shown = experiments_with(human.proportions, choice.models)
        pairs = [(choice.models, place) for place in shown]
    tables = [
        model_effect(
            human.proportions, names, place, leave_out=choice.leave_out, draws=choice.draws()
        ).assign(left_out=", ".join(choice.leave_out))
        for names, place in _restricted(pairs, choice.experiment)
    ]
    show_effects(tables, as_json)


@stats.command("correlation", epilog="Example: bench stats correlation --modality audio")
@data_option
@click.option("--recognition", type=click.Path(path_type=Path), help="CSV; see docs/formats.md.")
@click.option("--modality", type=click.Choice(["vision", "audio"]), help="Only this one.")
@click.option("--resamples", type=click.IntRange(min=1), default=1_000, show_default=True)
@seed_option
@json_option
def correlation(
    *,
    data: str,
    recognition: Path | None,
    modality: str | None,
    resamples: int,
    seed: int,
    as_json: bool,
) -> None:
    """Correlate human recognition with recognition by other models, one point a model and stage."""
    from bench.human import analyses
    from bench.human.feather2023 import read_recognition
    from bench.human.paper_tables import CORRELATION_MODELS

    human = _open(data)
    others = read_recognition(recognition) if recognition else human.recognition
    if others is None:
        raise BenchError(
            f"{data} has no recognition by other models",
            fix="import it with network_recognition.csv beside it, or give --recognition FILE",
        )
    rows, notes = [], [analyses.CORRELATION_METHOD]
    for name in [modality] if modality else _modalities(human, others):
        found = analyses.correlation(
            human.proportions, others, name, analyses.Draws(resamples, seed)
        )
        rows.append(
            {
                "modality": name,
                "r2": found.correlation.r2,
                "r2_low": found.interval.low,
                "r2_high": found.interval.high,
                "rho": found.correlation.rho,
                "p_r": found.correlation.p_r,
                "p_rho": found.correlation.p_rho,
                "n": found.correlation.n,
                "n_models": len(found.models),
                "n_participants": found.interval.n,
                "n_resamples": resamples,
                "seed": seed,
                "models_without": ", ".join(found.models_without),
                "method": analyses.CORRELATION_METHOD,
            }
        )
        if human.record.name == "feather2023":
            notes.append(
                f"{name}: {len(found.models)} of the paper's {CORRELATION_MODELS[name]} models "
                f"are public with recognition by other models"
            )
    show_statistics(rows, as_json, notes, hide=("method", "models_without", "p_r", "p_rho"))


@stats.command("reliability", epilog="Example: bench stats reliability")
@data_option
@click.option("--splits", type=click.IntRange(min=1), default=1_000, show_default=True)
@seed_option
@json_option
def reliability(*, data: str, splits: int, seed: int, as_json: bool) -> None:
    """Split-half reliability of people's recognition over model stages, and the noise ceiling."""
    from bench.human import analyses

    human = _open(data)
    rows = [
        {"modality": name}
        | asdict(analyses.reliability(human.proportions, name, analyses.Draws(splits, seed)))
        for name in _modalities(human)
    ]
    notes = [rows[0]["method"], "reliability is also the ceiling of an R2; ceiling_r that of an r"]
    show_statistics(rows, as_json, notes, hide=("method",))


@stats.command("recognition", epilog="Example: bench stats recognition alexnet")
@click.argument("model")
@data_option
@experiment_option
@click.option("--resamples", type=click.IntRange(min=1), default=1_000, show_default=True)
@seed_option
@json_option
def recognition(
    *, model: str, data: str, experiment: str | None, resamples: int, seed: int, as_json: bool
) -> None:
    """Show people's recognition of a model's metamers at each stage, with SEM and 95% interval."""
    from bench.human import analyses

    human = _open(data)
    rows: list[dict[str, Any]] = []
    for _, where in _restricted(_shown(human, (model,)), experiment):
        curve = analyses.recognition_curve(
            human.proportions, model, where, analyses.Draws(resamples, seed)
        )
        curve = curve.assign(n_resamples=resamples, seed=seed, method=analyses.CURVE_METHOD)
        rows += records(curve)
    show_statistics(rows, as_json, [analyses.CURVE_METHOD], hide=("method",))


def _open(data: str) -> HumanData:
    from bench.human.sources import open_data

    return open_data(data)


def _modalities(human: HumanData, others: pd.DataFrame | None = None) -> list[str]:
    found = set(human.proportions["modality"])
    if others is not None:
        found &= set(others["modality"])
    return [name for name in ("vision", "audio") if name in found]


def _per_model(
    analysis: Callable[..., pd.DataFrame], rows: Sequence[ObserverRow], choice: Choice
) -> list[pd.DataFrame]:
    """Run an analysis of single models; stages are left out as asked, or as in the paper."""
    human = _open(choice.data)
    in_paper = {row.model: row.leave_out for row in rows}
    pairs = [(row.model, row.experiment) for row in rows]
    if choice.models or human.record.name != "feather2023":
        pairs = _shown(human, choice.models)
    tables = []
    for model, place in _restricted(pairs, choice.experiment):
        without = choice.leave_out
        if not without and not choice.all_stages:
            without = in_paper.get(model, ())
        table = analysis(human.proportions, model, place, leave_out=without, draws=choice.draws())
        tables.append(table.assign(left_out=", ".join(without)))
    return tables


def _shown(human: HumanData, models: Sequence[str]) -> list[tuple[str, str]]:
    """Return each model (all, if none is named) with each experiment that showed it."""
    from bench.human.analyses import experiments_with

    table = human.proportions
    names = models or list(dict.fromkeys(table["model"]))
    return [(name, place) for name in names for place in experiments_with(table, [name])]


def _restricted(pairs: Sequence[tuple[T, str]], experiment: str | None) -> list[tuple[T, str]]:
    kept = [pair for pair in pairs if experiment in (None, pair[1])]
    if not kept:
        raise BenchError(
            f"experiment {experiment!r} has none of these data",
            fix=f"experiments that do: {', '.join(dict.fromkeys(place for _, place in pairs))}",
        )
    return kept
