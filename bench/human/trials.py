"""Imports the raw trials of any experiment: one row a trial, columns named or detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from bench.errors import BenchError
from bench.human.delimited import parse_numbers, read_delimited
from bench.human.tidy import MAIN, NATURAL, validate_trials

# What columns are called where nobody said so, in order of preference; case ignored.
KNOWN_NAMES = {
    "participant": ("participant", "participant_id", "subject", "subject_id", "worker_id"),
    "model": ("model", "generation_model", "network"),
    "stage": ("stage", "layer", "condition"),
    "stage_index": ("stage_index", "layer_index"),
    "correct": ("correct", "is_correct"),
    "response": ("response", "answer", "choice"),
    "label": ("label", "category", "target"),
    "stimulus": ("stimulus", "stimulus_id", "image", "sound"),
    "phase": ("phase", "trial_type", "block"),
    "modality": ("modality",),
    "experiment": ("experiment", "experiment_id"),
}
TRUTH = {"1": 1.0, "0": 0.0, "true": 1.0, "false": 0.0, "1.0": 1.0, "0.0": 0.0}
NATURAL_MODEL = "natural"


@dataclass(frozen=True)
class TrialColumns:
    """Which column of a file is what, and what stands in for a column that it lacks.

    Parameters
    ----------
    named
        Our name to the file's name; what is not named is detected by `KNOWN_NAMES`.
    modality, experiment
        Values for the whole file, where it has no such column.
    stage_order
        Stages by depth, for a file without stage numbers; natural stimuli need no mention.
    delimiter
        Between the values of a row.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    modality: str | None = None
    experiment: str | None = None
    stage_order: Sequence[str] = ()
    delimiter: str = ","


def read_trials(path: Path, columns: TrialColumns) -> pd.DataFrame:
    """Return the validated table of trials of docs/formats.md.

    Rows of main trials whose stage is ``natural`` (or begins so) get stage number 0 and belong to
    no model. Participants are numbered from 0 in the order of their sorted names, unless all names
    are whole numbers. ``correct`` may be 0, 1, true, false, or follow from response and label.

    Raises
    ------
    BenchError
        Naming row and column of the first mistake.
    """
    raw = read_delimited(path, (), columns.delimiter)
    found = _find(raw, columns, str(path))
    take = {name: raw[column] for name, column in found.items()}
    if "correct" not in take:
        take["correct"] = (take["response"] == take["label"]).astype("float64")
    else:
        take["correct"] = _truth(take["correct"], f"{path}", found["correct"])
    table = pd.DataFrame(take, index=raw.index)
    for name, value in (("modality", columns.modality), ("experiment", columns.experiment)):
        if name not in table:
            table[name] = value
    for name, value in (("phase", MAIN), ("stimulus", "")):
        if name not in table:
            table[name] = value
    table["participant"] = _numbered(table["participant"], str(path))
    _place_stages(table, columns.stage_order, str(path))
    return validate_trials(table, str(path))


def _find(raw: pd.DataFrame, columns: TrialColumns, source: str) -> dict[str, str]:
    by_key = {str(name).casefold(): str(name) for name in raw.columns}
    found: dict[str, str] = {}
    for name, column in columns.named.items():
        if name not in KNOWN_NAMES:
            raise BenchError(
                f"{name!r} is no column of trials", fix=f"one of {', '.join(KNOWN_NAMES)}"
            )
        if column not in raw.columns:
            raise BenchError(
                f"{source} has no column {column!r}", fix=f"it has: {', '.join(raw.columns)}"
            )
        found[name] = column
    for name, known in KNOWN_NAMES.items():
        match = next((by_key[other] for other in known if other in by_key), None)
        if name not in found and match is not None and match not in found.values():
            found[name] = match
    needed = ["participant", "model", "stage"]
    needed += [] if {"response", "label"} <= set(found) else ["correct"]
    needed += [] if columns.modality else ["modality"]
    needed += [] if columns.experiment else ["experiment"]
    for name in needed:
        if name not in found:
            raise BenchError(
                f"{source} has no column for {name!r}",
                why=f"it has: {', '.join(raw.columns)}",
                fix=f"name it with --column {name}=ITS_NAME"
                + (f" or give --{name}" if name in ("modality", "experiment") else ""),
            )
    return found


def _truth(column: pd.Series[str], source: str, name: str) -> pd.Series[float]:
    values = [TRUTH.get(value.strip().casefold()) for value in column]
    if None in values:
        at = values.index(None)
        raise BenchError(
            f"{source}, row {column.index[at]}, column {name!r}: {column.iloc[at]!r} is not "
            "0, 1, true or false"
        )
    return pd.Series(values, index=column.index, dtype="float64")


def _numbered(column: pd.Series[str], source: str) -> pd.Series[int]:
    empty = column.str.strip() == ""
    if empty.any():
        row = column.index[int(empty.to_numpy().argmax())]
        raise BenchError(f"{source}, row {row}, column 'participant' is empty")
    if column.str.fullmatch(r"\d{1,9}").all():
        return column.astype("int64")
    order = {name: number for number, name in enumerate(sorted(set(column)))}
    return column.map(order).astype("int64")


def _place_stages(table: pd.DataFrame, stage_order: Sequence[str], source: str) -> None:
    """Fill in stage numbers; natural trials get 0 and no model, trials of other phases -> 0."""
    natural = table["stage"].str.casefold().str.startswith("natural")
    apart = natural | (table["phase"] != MAIN)
    table.loc[natural, "stage"] = "natural"
    table.loc[apart, "model"] = NATURAL_MODEL
    table.loc[apart & (table["stage"].str.strip() == ""), "stage"] = "natural"
    if "stage_index" in table:
        numbers = parse_numbers(table["stage_index"])
        bad = ~apart & ~((numbers > 0) & (numbers % 1 == 0))
        if bad.any():
            at = int(bad.to_numpy().argmax())
            raise BenchError(
                f"{source}, row {table.index[at]}, column 'stage_index': "
                f"{table['stage_index'].iloc[at]!r} is not a whole number from 1",
                why="0 is the number of natural stimuli",
            )
    elif stage_order:
        depth = {name: number for number, name in enumerate(stage_order, start=1)}
        bad = ~apart & ~table["stage"].isin(depth)
        if bad.any():
            at = int(bad.to_numpy().argmax())
            raise BenchError(
                f"{source}, row {table.index[at]}, column 'stage': {table['stage'].iloc[at]!r} is "
                "not in the stage order",
                fix=f"the order given is {', '.join(stage_order)}",
            )
        numbers = table["stage"].map(depth)
    else:
        raise BenchError(
            f"{source} does not say in which order stages come",
            fix="name a column with --column stage_index=ITS_NAME, or give --stage-order A,B,C",
        )
    table["stage_index"] = numbers.where(~apart, float(NATURAL)).astype("float64")
