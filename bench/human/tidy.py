"""The project's own form of human data (docs/formats.md), and the check that a table has it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.human.delimited import parse_numbers, shown

MODALITIES = ("vision", "audio")
OBSERVERS = ("human", "model")
KEYS = ["modality", "experiment", "model", "observer", "participant", "stage_index"]
TEXT = {"modality", "experiment", "model", "stage", "observer", "phase", "stimulus"}
COLUMNS = [
    "modality",
    "experiment",
    "model",
    "stage",
    "stage_index",
    "observer",
    "participant",
    "n_trials",
    "proportion_correct",
]
TRIAL_COLUMNS = [
    "modality",
    "experiment",
    "model",
    "stage",
    "stage_index",
    "participant",
    "phase",
    "stimulus",
    "correct",
]
NATURAL = 0  # the stage_index of natural stimuli
LARGEST = 2**53  # of whole numbers that float64 tells from their neighbours
MAIN = "main"  # the phase of trials that count


def validate(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return a table of proportions in canonical order and types.

    Parameters
    ----------
    table
        The columns of `COLUMNS`; ``n_trials`` may be absent (unknown). The index names the rows
        in messages (line numbers, where the table was read from a file).
    source
        What the table was read from, for messages.

    Raises
    ------
    BenchError
        Naming row and column of the first mistake: an absent column, an empty or unknown value,
        a proportion outside 0-1, a row given twice, a stage that has two numbers, a participant
        who lacks a stage that others have, a natural value that differs between the models of
        an experiment.
    """
    if "n_trials" not in table.columns:
        table = table.assign(n_trials=None)
    table = _typed(table, COLUMNS, source)
    _check(table, source, "observer", table["observer"].isin(OBSERVERS), " or ".join(OBSERVERS))
    between = table["proportion_correct"].between(0, 1)
    _check(table, source, "proportion_correct", between, "between 0 and 1")
    enough = table["n_trials"].fillna(1) >= 1
    _check(table, source, "n_trials", enough, "1 or more, or empty where unknown")
    _check_unique(table, source)
    check_stage_numbers(table, source)
    _check_complete(table, source)
    _check_natural_shared(table, source)
    return table.sort_values(KEYS, kind="stable").reset_index(drop=True)


def validate_trials(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return a table of single trials in canonical types, in the order given.

    ``correct`` is 0 or 1; ``phase`` is ``main`` for trials that count, or another word (catch,
    demo, practice). Raises as `validate`.
    """
    table = _typed(table, TRIAL_COLUMNS, source)
    _check(table, source, "correct", table["correct"].isin([0, 1]), "0 or 1")
    main = table[table["phase"] == MAIN]
    if main.empty:
        raise BenchError(f"{source}: no row's phase is {MAIN!r}", fix="only main trials count")
    check_stage_numbers(main, source)
    return table.assign(correct=table["correct"].astype("int64")).reset_index(drop=True)


def proportions(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the table of proportions of validated trials; only those of phase ``main`` count."""
    main = trials[trials["phase"] == MAIN].assign(observer="human")
    keys = [*KEYS, "stage"]
    cells = main.groupby(keys, observed=True, sort=True)["correct"].agg(["size", "mean"])
    cells = cells.rename(columns={"size": "n_trials", "mean": "proportion_correct"}).reset_index()
    return validate(share_natural(cells), "trials")


def share_natural(cells: pd.DataFrame) -> pd.DataFrame:
    """Give every model of an experiment the natural value, where it was recorded only once.

    Natural trials belong to no model; rows of model ``natural`` are copied to all models of
    their experiment.
    """
    own = cells["model"] == "natural"
    if not own.any():
        return cells
    models = cells.loc[~own, ["modality", "experiment", "model", "participant"]].drop_duplicates()
    shared = cells[own].drop(columns="model")
    copies = models.merge(shared, on=["modality", "experiment", "participant"], how="inner")
    return pd.concat([cells[~own], copies], ignore_index=True)[list(cells.columns)]


def _typed(table: pd.DataFrame, columns: list[str], source: str) -> pd.DataFrame:
    for name in columns:
        if name not in table.columns:
            raise BenchError(
                f"{source} has no column {name!r}",
                fix=f"it has: {', '.join(map(str, table.columns))}",
            )
    if table.empty:
        raise BenchError(f"{source} has no rows")
    table = table[columns].copy()
    for name in columns:
        table[name] = (_text if name in TEXT else _number)(table, name, source)
    return table


def _text(table: pd.DataFrame, name: str, source: str) -> pd.Series[Any]:
    column = table[name].astype(object)
    column = column.where(column.isna(), column.astype(str).str.strip())  # spaces do not count
    given = column.notna() & (column != "")
    if name != "stimulus":
        _check(table, source, name, given, "given")
    if name == "modality":
        _check(table, source, name, column.isin(MODALITIES), " or ".join(MODALITIES))
    return column.where(given, "").astype(str).astype(object)


def _number(table: pd.DataFrame, name: str, source: str) -> pd.Series[Any]:
    column = table[name]
    numbers = parse_numbers(column)
    unknown = column.isna() | (column.astype(str) == "")
    optional = name == "n_trials"
    _check(table, source, name, np.isfinite(numbers) | (unknown & optional), "a number")
    if name in ("proportion_correct", "correct"):
        return numbers
    whole = numbers.isna() | ((numbers % 1 == 0) & numbers.between(0, LARGEST))
    _check(table, source, name, whole, "a whole number from 0")
    if name == "participant":
        _check_spelt_alike(column, numbers, source)
    return numbers.astype("Int64" if optional else "int64")


def _check(
    table: pd.DataFrame, source: str, name: str, allowed: pd.Series[Any], wanted: str
) -> None:
    """Raise a `BenchError` that names the first row where ``allowed`` is false."""
    if not allowed.all():
        at = _first(~allowed)
        value = table[name].iloc[at]
        raise BenchError(
            f"{source}, row {table.index[at]}, column {name!r}: {shown(value)} is not {wanted}"
        )


def _first(mask: pd.Series[Any]) -> int:
    """Return the position of the first true value."""
    return int(mask.to_numpy(dtype=bool).argmax())


def _check_spelt_alike(column: pd.Series[Any], numbers: pd.Series[Any], source: str) -> None:
    """Raise a `BenchError` where one participant's number is written in two ways: 1 and 01."""
    spelt = column.astype(str).str.strip()
    first = spelt.groupby(numbers).transform("first")
    if (spelt != first).any():
        at = _first(spelt != first)
        raise BenchError(
            f"{source}, row {column.index[at]}, column 'participant': {spelt.iloc[at]!r} is "
            f"written {first.iloc[at]!r} before",
            fix="write a participant's number alike everywhere; two people need two numbers",
        )


def _check_unique(table: pd.DataFrame, source: str) -> None:
    twice = table.duplicated(KEYS)
    if twice.any():
        row = table.iloc[_first(twice)]
        same = _first((table[KEYS] == row[KEYS]).all(axis=1))
        raise BenchError(
            f"{source}, row {row.name} repeats row {table.index[same]}: {_named(row)} is given "
            "twice"
        )


def check_stage_numbers(table: pd.DataFrame, source: str) -> None:
    """Raise a `BenchError` where a model's stage has two numbers, or a number two stages."""
    pairs = table.drop_duplicates(["modality", "model", "stage", "stage_index"])
    for key, other in (("stage", "stage_index"), ("stage_index", "stage")):
        twice = pairs.duplicated(["modality", "model", key])
        if twice.any():
            row = pairs.iloc[_first(twice)]
            raise BenchError(
                f"{source}, row {row.name}, column {other!r}: {key} {row[key]} of model "
                f"{row['model']} is {row[other]} here and something else before"
            )


def _check_complete(table: pd.DataFrame, source: str) -> None:
    """Every participant of an experiment has every stage of every model, for each observer."""
    for key, part in table.groupby(["modality", "experiment", "observer"], sort=True):
        cells = part[["model", "stage"]].drop_duplicates()
        if len(part) == len(cells) * part["participant"].nunique():
            continue
        for person, own in part.groupby("participant", sort=True):
            seen = pd.MultiIndex.from_frame(own[["model", "stage"]])
            missing = cells[~pd.MultiIndex.from_frame(cells).isin(seen)]
            if len(missing):
                raise BenchError(
                    f"{source}: participant {person} ({key[2]}) of {key[0]} experiment {key[1]} "
                    f"has no row for model {missing.iloc[0]['model']}, stage "
                    f"{missing.iloc[0]['stage']}",
                    why=f"{len(missing)} of {len(cells)} model stages are missing",
                    fix="give every participant every stage, or leave the participant out",
                )


def _check_natural_shared(table: pd.DataFrame, source: str) -> None:
    natural = table[(table["stage_index"] == NATURAL) & (table["observer"] == "human")]
    people = natural.groupby(["modality", "experiment", "participant"])
    first = people["proportion_correct"].transform("first")
    differs = natural["proportion_correct"] != first
    if differs.any():
        at = _first(differs)
        row = natural.iloc[at]
        raise BenchError(
            f"{source}, row {row.name}, column 'proportion_correct': {_named(row)} is "
            f"{row['proportion_correct']}, but {first.iloc[at]} with another model",
            fix="natural stimuli belong to no model: one value a participant and experiment",
        )


def _named(row: pd.Series[Any]) -> str:
    return (
        f"participant {row['participant']} ({row['observer']}), {row['experiment']}, "
        f"model {row['model']}, stage {row['stage']}"
    )
