"""bench humans import|list|show|publish|experiment"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.listing import json_option, show_facts, show_rows
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.human.imported import DataSet


@click.group()
def humans() -> None:
    """Human responses to metamers, in the form of docs/formats.md."""


@humans.group(
    "import",
    invoke_without_command=False,
    epilog="Example: bench humans import feather2023 ~/model_metamers_pytorch",
)
def import_() -> None:
    """Check human data and keep them; nothing is kept of data with a mistake."""


@import_.command("feather2023", epilog="Example: bench humans import feather2023 .")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def import_feather2023(path: Path, as_json: bool) -> None:
    """Import the public data of Feather et al. (2023).

    PATH is a clone of github.com/jenellefeather/model_metamers_pytorch, or a folder with
    human_recognition.csv. Recognition by other models, for `bench stats correlation`, comes from
    network_recognition.csv beside it; the clone has it as pickles only, which are not read.
    """
    from bench.human.sources import import_published

    _report(import_published("feather2023", path), as_json)


@import_.command("published", epilog="Example: bench humans import published mylab2025 DIR")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
def import_plugin(name: str, path: Path, as_json: bool) -> None:
    """Import data for which a plugin registers an importer called NAME."""
    from bench.human.sources import import_published

    _report(import_published(name, path), as_json)


@import_.command("table", epilog="Example: bench humans import table means.csv --name mine")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the data set; the file's name without it.")
@json_option
def import_own_table(file: Path, name: str | None, as_json: bool) -> None:
    """Import a table of proportions in the form of docs/formats.md (CSV or parquet)."""
    from bench.human.sources import import_table

    _report(import_table(file, name or file.stem), as_json)


@import_.command(
    "trials",
    epilog="Example: bench humans import trials raw.csv --name pilot --modality vision "
    "--experiment 1 --column participant=worker --stage-order conv1,layer1,final "
    "--exclude catch=0.75",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the data set; the file's name without it.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Name a column; OURS= for none.",
)
@click.option("--modality", type=click.Choice(["vision", "audio"]), help="If no column says it.")
@click.option("--experiment", help="If no column says it.")
@click.option("--stage-order", default="", metavar="A,B,..", help="By depth, natural left out.")
@click.option("--natural", multiple=True, metavar="STAGE", help="Else what begins with natural.")
@click.option("--exact", is_flag=True, help="Right is only what is the label to the letter.")
@click.option("--delimiter", default=",", show_default=True, help="Between values; `tab` for tabs.")
@click.option("--exclude", multiple=True, metavar="PHASE=P", help="Who is right less often is out.")
@click.option("--choices", type=int, help="Number of answers to choose from, for chance.")
@json_option
def import_raw_trials(
    *,
    file: Path,
    name: str | None,
    columns: tuple[str, ...],
    modality: str | None,
    experiment: str | None,
    stage_order: str,
    natural: tuple[str, ...],
    exact: bool,
    delimiter: str,
    exclude: tuple[str, ...],
    choices: int | None,
    as_json: bool,
) -> None:
    """Import raw trials of any experiment: a row a trial, with participant, model, stage, correct.

    FILE may be the folder of answers to `bench humans experiment`, a file a participant.
    Columns are found by their usual names (participant, subject, model, layer, ..), or named with
    --column. Responses are compared with labels without regard to case, spaces at the ends and the
    spelling of numbers, unless --exact. What was guessed or changed is printed. Trials whose phase
    is not `main` (catch, demo) serve --exclude only.
    """
    from bench.human.allocation import chance_level
    from bench.human.exclusion import ExclusionRule
    from bench.human.sources import import_trials
    from bench.human.trials import TrialColumns

    described = TrialColumns(
        named=dict(_named(text) for text in columns),
        modality=modality,
        experiment=experiment,
        stage_order=tuple(filter(None, stage_order.split(","))),
        natural=natural,
        exact=exact,
        delimiter="\t" if delimiter == "tab" else delimiter,
    )
    rules = [ExclusionRule(phase, _proportion(p)) for phase, p in map(_exclusion, exclude)]
    chance = None if choices is None else chance_level(choices)
    name = name or file.stem
    record = import_trials(file, name, described, rules=rules, chance=chance)
    _report(record, as_json)


@humans.command(
    epilog="Example: bench humans experiment bench-runs/digits --out pilot --models digits-lowpass"
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--participants", type=click.IntRange(1, 999_999), default=20, show_default=True)
@click.option("--models", default="", metavar="A,B,..", help="Whose metamers; all by default.")
@click.option("--stages", default="", metavar="A,B,..", help="Of which stages; all by default.")
@click.option(
    "--between-models", is_flag=True, help="Each participant sees the metamers of one model only."
)
@click.option("--trials", type=click.IntRange(min=2), help="Main trials; all stimuli by default.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--icons", type=click.Path(path_type=Path), help="Folder with a picture a class.")
@click.option("--submit-url", help="Where the page also sends answers, as JSON.")
@click.option("--data", type=click.Path(path_type=Path), help="The run's directory of stimuli.")
def experiment(
    *,
    run: Path,
    out: Path,
    participants: int,
    models: str,
    stages: str,
    between_models: bool,
    trials: int | None,
    seed: int,
    icons: Path | None,
    submit_url: str | None,
    data: Path | None,
) -> None:
    """Make an experiment with people of a finished run: a folder for any web server.

    Design and timing are those of Feather et al. (2023): natural images and metamers, each shown
    for 300 ms and masked, and a grid of answers. See docs/experiment.md.
    """
    from bench.human.experiment_folder import Settings, build_experiment
    from bench.human.experiment_run import Choice

    choice = Choice(_words(models), _words(stages), data)
    settings = Settings(choice, participants, trials, seed, between_models, icons, submit_url)
    for line in build_experiment(run, out, settings).summary():
        click.echo(line)


@humans.command("list")
@json_option
def list_humans(as_json: bool) -> None:
    """List imported data sets."""
    from bench.human.imported import listing

    records, problems = listing()
    rows = [
        {
            "data": record.name,
            "experiments": record.experiments,
            "models": record.models,
            "participants": record.participants,
            "tables": list(record.tables),
            "reference": record.reference,
        }
        for record in records
    ]
    show_rows(rows, as_json, empty="nothing imported; see `bench humans import --help`")
    for problem in problems:
        click.echo(problem, err=True)


@humans.command("show", epilog="Example: bench humans show feather2023")
@click.argument("name")
@json_option
def show_human(name: str, as_json: bool) -> None:
    """Show a data set: source, files and hashes, and who saw which models."""
    from bench.human.imported import read

    data = read(name)
    people = data.proportions[data.proportions["observer"] == "human"]
    shown = people.groupby(["modality", "experiment", "model"], sort=True).agg(
        participants=("participant", "nunique"), stages=("stage", "nunique")
    )
    rows = [
        {str(name): value for name, value in row.items()}
        for row in shown.reset_index().to_dict("records")
    ]
    if as_json:
        show_facts(_facts(data.record) | {"shown": rows}, True)
        return
    _report(data.record, False)
    click.echo()
    show_rows(rows, False)


@humans.command("publish", epilog="Example: bench humans publish feather2023 --facts DIR")
@click.argument("data")
@click.option("--to", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option(
    "--facts",
    type=click.Path(path_type=Path),
    help="Folder with models.json (training, accuracy) and adversarial.csv, for feather2023.",
)
def publish_humans(data: str, to: Path, facts: Path | None) -> None:
    """Turn human data into results/<data>-<modality>/<model>.json, one small file a model.

    DATA is the name of an imported data set, or a path. Boards are then built by
    `bench leaderboard build`.
    """
    from bench.human.sources import open_data
    from bench.leaderboard.human_collect import collect_humans
    from bench.leaderboard.human_facts import feather2023_facts
    from bench.leaderboard.publish import write_results

    known = None if facts is None else feather2023_facts(facts)
    for path in write_results(collect_humans(open_data(data), known), to):
        click.echo(path)


def _report(record: DataSet, as_json: bool) -> None:
    facts = _facts(record)
    if as_json:
        show_facts(facts, True)
        return
    notes = facts.pop("notes")  # sentences, each on a line of its own
    show_facts(facts, False)
    for note in notes:
        click.echo(f"note: {note}")


def _facts(record: DataSet) -> dict[str, Any]:
    facts = asdict(record)
    del facts["format"]
    facts |= {"excluded": list(record.excluded), "notes": list(record.notes)}
    facts["tables"] = {
        kind: f"{table.rows} rows, {table.file}, sha256 {table.sha256}"
        for kind, table in record.tables.items()
    }
    return facts


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _pair(text: str, option: str) -> tuple[str, str]:
    left, equals, right = text.partition("=")
    if not (left and equals and right):
        raise BenchError(f"{option} {text!r} has no '='", fix=f"{option} OURS=THEIRS")
    return left, right


def _named(text: str) -> tuple[str, str]:
    """Return our name and theirs, which may be nothing."""
    return (text[:-1], "") if text[1:].endswith("=") else _pair(text, "--column")


def _exclusion(text: str) -> tuple[str, str]:
    return _pair(text, "--exclude")


def _proportion(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BenchError(f"--exclude: {text!r} is not a number", fix="catch=0.75, say") from None
