"""From what a person names (a data set, a folder, a file) to human data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.errors import BenchError
from bench.human.delimited import read_delimited
from bench.human.exclusion import ExclusionRule, exclude, excluded
from bench.human.experiment_answers import join_answers
from bench.human.feather2023 import FEATHER2023
from bench.human.imported import DataSet, HumanData, keep, listing, read
from bench.human.spec import HumanDataSpec
from bench.human.tidy import COLUMNS, proportions, validate
from bench.human.trials import TrialColumns, read_trials


def importer(name: str) -> HumanDataSpec:
    """Return the importer called ``name``: the built-in one, or one of a plugin."""
    if name.casefold() == FEATHER2023.id:
        return FEATHER2023
    from bench.plugins import installed

    spec: HumanDataSpec = installed().human_data.get(name)
    return spec


def import_published(name: str, path: Path, root: Path | None = None) -> DataSet:
    """Read what the authors of a data set published at ``path``, check it, and keep it."""
    spec = importer(name)
    tables = {"proportions": validate(spec.load(path), str(path))}
    recognition = _recognition(spec, path)
    if recognition is not None:
        tables["recognition"] = recognition
    return keep(_record(spec), tables, root)


def import_trials(
    path: Path,
    name: str,
    columns: TrialColumns,
    *,
    rules: Sequence[ExclusionRule] = (),
    chance: float | None = None,
    root: Path | None = None,
) -> DataSet:
    """Read raw trials, leave out participants by ``rules``, and keep the trials of the others.

    ``path`` is a file, or the folder of answers to an experiment. Who was left out, and why, stays
    in the record, and so does what was taken for granted when the trials were read.
    """
    if name.casefold() == FEATHER2023.id:
        raise BenchError(f"the name {name!r} is taken by a published data set", fix="--name OTHER")
    left_out: list[str] = []
    if path.is_dir():
        path, left_out = join_answers(path, columns.delimiter)
        columns = replace(columns, delimiter=",")
    trials, notes = read_trials(path, columns)
    out = excluded(trials, rules)
    trials = exclude(trials, rules)
    proportions(trials)  # refuses what could not be analysed later
    reasons = tuple(
        f"participant {row.participant} of {row.experiment}: {row.phase} "
        + ("not taken" if row.n_trials == 0 else f"{row.proportion_correct:.3f}")
        + f" (needed {row.min_correct:.3f})"
        for row in out.itertuples()
    )
    levels = {} if chance is None else dict.fromkeys(sorted(set(trials["modality"])), chance)
    record = DataSet(
        name=name,
        description="raw trials",
        chance=levels,
        excluded=reasons,
        notes=(*left_out, *notes),
    )
    return keep(record, {"trials": trials}, root)


def import_table(path: Path, name: str, root: Path | None = None) -> DataSet:
    """Keep a table that already has the form of docs/formats.md (CSV or parquet)."""
    if name.casefold() == FEATHER2023.id:
        raise BenchError(f"the name {name!r} is taken by a published data set", fix="--name OTHER")
    return keep(
        DataSet(name=name, description="table of proportions"),
        {"proportions": _read_table(path)},
        root,
    )


def open_data(source: str, root: Path | None = None) -> HumanData:
    """Return human data by the name of an imported set or from a path, which is not kept.

    A path is a folder or CSV of Feather et al. (2023), or a table in the form of docs/formats.md.

    Raises
    ------
    BenchError
        Neither an imported name nor a path; or as the readers.
    """
    path = Path(source)
    names = [record.name for record in listing(root)[0]]
    if source in names or not path.exists():
        return read(source, root)
    if path.is_file() and (
        path.suffix == ".parquet" or "paper_experiment" not in read_delimited(path, ()).columns
    ):
        return HumanData(DataSet(name=path.stem), _read_table(path))
    return HumanData(
        _record(FEATHER2023), FEATHER2023.load(path), None, _recognition(FEATHER2023, path)
    )


def _recognition(spec: HumanDataSpec, path: Path) -> pd.DataFrame | None:
    return spec.recognition(path) if spec.recognition else None


def _read_table(path: Path) -> pd.DataFrame:
    if path.suffix != ".parquet":
        return validate(read_delimited(path, set(COLUMNS) - {"n_trials"}), str(path))
    try:
        return validate(pd.read_parquet(path), str(path))
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} is no readable parquet table", why=str(error)) from error


def _record(spec: HumanDataSpec) -> DataSet:
    return DataSet(
        name=spec.id,
        description=spec.description,
        reference=spec.reference,
        license=spec.license,
        chance=dict(spec.chance),
    )
