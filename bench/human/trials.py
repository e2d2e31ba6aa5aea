"""Imports the raw trials of any experiment: one row a trial, columns named or detected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError
from bench.human.delimited import parse_numbers, read_delimited
from bench.human.responses import right
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
NAMES_SHOWN = 3


@dataclass(frozen=True)
class TrialColumns:
    """Which column of a file is what, and what stands in for a column that it lacks.

    Parameters
    ----------
    named
        Our name to the file's name, or to nothing where the file has no such column; what is not
        named is detected by `KNOWN_NAMES`.
    modality, experiment
        Values for the whole file, where it has no such column.
    stage_order
        Stages by depth, for a file without stage numbers; natural stimuli need no mention.
    natural
        What the stage of natural stimuli is called; if none, whatever begins with ``natural``.
    delimiter
        Between the values of a row.
    exact
        Whether a response must be its label to the letter (`bench.human.responses`).
    """

    named: Mapping[str, str] = field(default_factory=dict)
    modality: str | None = None
    experiment: str | None = None
    stage_order: Sequence[str] = ()
    natural: Sequence[str] = ()
    delimiter: str = ","
    exact: bool = False


def read_trials(path: Path, columns: TrialColumns) -> tuple[pd.DataFrame, list[str]]:
    """Return the validated table of trials of docs/formats.md, and what was taken for granted.

    Spaces at the ends of a value do not count. Rows of main trials whose stage is ``natural`` (or
    begins so) get stage number 0 and belong to no model. Participants are numbered from 0 in the
    order of their sorted names, unless all names are different whole numbers. ``correct`` may be
    0, 1, true, false, or follow from response and label.

    Returns
    -------
    table
        The trials.
    notes
        A line for every guess and every value that was changed.

    Raises
    ------
    BenchError
        Naming row and column of the first mistake.
    """
    source = str(path)
    raw = read_delimited(path, (), columns.delimiter)
    found, notes = _find(raw, columns, source)
    take = pd.DataFrame({name: raw[column] for name, column in found.items()}, index=raw.index)
    notes += _strip(take)
    take["phase"] = _phase_of(take, found, source)
    if "correct" in take:
        take["correct"] = _truth(take["correct"], source, found["correct"])
    else:
        take, said = _judged(take, columns, source, found["label"])
        notes += said
    for name, value in (("modality", columns.modality), ("experiment", columns.experiment)):
        if name not in take:
            take[name] = value
    if "stimulus" not in take:
        take["stimulus"] = ""
    notes += [_case_only(take, name) for name in ("participant", "model", "stage")]
    take["participant"], said = _numbered(take["participant"], source)
    notes += said
    notes += _place_stages(take, columns, source)
    table = validate_trials(take, source)
    notes.append(_phases(table))
    return table, [note for note in notes if note]


def _find(
    raw: pd.DataFrame, columns: TrialColumns, source: str
) -> tuple[dict[str, str], list[str]]:
    """Return our name to the file's, and what was found without being named."""
    by_key = {str(name).casefold(): str(name) for name in raw.columns}
    found: dict[str, str] = {}
    for name, column in columns.named.items():
        if name not in KNOWN_NAMES:
            raise BenchError(
                f"{name!r} is no column of trials", fix=f"one of {', '.join(KNOWN_NAMES)}"
            )
        if column and column not in raw.columns:
            raise BenchError(
                f"{source} has no column {column!r}", fix=f"it has: {', '.join(raw.columns)}"
            )
        if column:
            found[name] = column
    guessed = {}
    for name, known in KNOWN_NAMES.items():
        match = next((by_key[other] for other in known if other in by_key), None)
        if name not in columns.named and match is not None and match not in found.values():
            found[name] = match
            if match != name:
                guessed[name] = match
    _check_found(raw, found, columns, source)
    shown_guesses = ", ".join(f"{ours}={theirs}" for ours, theirs in guessed.items())
    return found, [f"columns found by their names: {shown_guesses}"] if guessed else []


def _check_found(
    raw: pd.DataFrame, found: Mapping[str, str], columns: TrialColumns, source: str
) -> None:
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


def _strip(take: pd.DataFrame) -> list[str]:
    """Take spaces off the ends of all values but responses and labels, and say of which."""
    changed = {}
    for name in take.columns.difference(["response", "label"], sort=False):
        stripped = take[name].str.strip()
        if n := int((stripped != take[name]).sum()):
            changed[name] = n
        take[name] = stripped
    shown_columns = ", ".join(f"{name} {n}" for name, n in changed.items())
    return [f"values with spaces at their ends, which do not count: {shown_columns}"] * bool(
        changed
    )


def _phase_of(take: pd.DataFrame, found: Mapping[str, str], source: str) -> pd.Series[Any]:
    """Return every trial's phase; in a file without phases, all are main."""
    if "phase" not in take:
        return pd.Series(MAIN, index=take.index)
    phase = take["phase"].str.casefold()
    if not (phase == MAIN).any():
        values = ", ".join(map(repr, list(phase.unique())[:NAMES_SHOWN]))
        raise BenchError(
            f"{source}: no row's phase is {MAIN!r}, and only main trials count",
            why=f"column {found['phase']!r} was taken for the phase: {values}",
            fix="name another with --column phase=ITS_NAME, or none with --column phase=",
        )
    return phase


def _judged(
    take: pd.DataFrame, columns: TrialColumns, source: str, label: str
) -> tuple[pd.DataFrame, list[str]]:
    """Fill in ``correct`` from responses and labels; only main trials must have a label."""
    absent = take["label"].str.strip() == ""
    if (lost := absent & (take["phase"] == MAIN)).any():
        row = take.index[int(lost.to_numpy().argmax())]
        raise BenchError(f"{source}, row {row}, column {label!r} is empty: no response is right")
    take = take[~absent].copy()
    take["correct"], notes = right(take["response"], take["label"], exact=columns.exact)
    if absent.any():
        notes.append(f"{int(absent.sum())} rows of other phases have no label and are left out")
    return take, notes


def _case_only(take: pd.DataFrame, name: str) -> str:
    """Say where names differ in nothing but case."""
    first = pd.Series(take.index, index=take.index).groupby(take[name]).first()
    alike = first.groupby(first.index.str.casefold())
    groups = [sorted(rows) for _, rows in alike if len(rows) > 1]
    if not groups:
        return ""
    rows = "; ".join(", ".join(map(str, group)) for group in groups[:NAMES_SHOWN])
    return f"names of column {name!r} that differ in case only count as different: rows {rows}"


def _phases(table: pd.DataFrame) -> str:
    counts = table["phase"].value_counts()
    shown_phases = ", ".join(f"{phase} {n}" for phase, n in counts.items())
    return f"trials by phase: {shown_phases}; only {MAIN} counts" if len(counts) > 1 else ""


def _truth(column: pd.Series[str], source: str, name: str) -> pd.Series[float]:
    values = [TRUTH.get(value.strip().casefold()) for value in column]
    if None in values:
        at = values.index(None)
        raise BenchError(
            f"{source}, row {column.index[at]}, column {name!r}: {column.iloc[at]!r} is not "
            "0, 1, true or false"
        )
    return pd.Series(values, index=column.index, dtype="float64")


def _numbered(column: pd.Series[str], source: str) -> tuple[pd.Series[int], list[str]]:
    """Return numbers in place of names, which stay apart wherever they are written differently."""
    empty = column == ""
    if empty.any():
        row = column.index[int(empty.to_numpy().argmax())]
        raise BenchError(f"{source}, row {row}, column 'participant' is empty")
    names = sorted(set(column))
    notes = []
    if column.str.fullmatch(r"\d{1,9}").all():
        if len(set(map(int, names))) == len(names):
            return column.astype("int64"), []
        notes.append(
            "participants whose numbers differ only in how they are written (1 and 01) count as "
            "different people; all are numbered anew in the order of their names"
        )
    order = {name: number for number, name in enumerate(names)}
    return column.map(order).astype("int64"), notes


def _place_stages(table: pd.DataFrame, columns: TrialColumns, source: str) -> list[str]:
    """Fill in stage numbers; natural trials get 0 and no model, trials of other phases -> 0."""
    if columns.natural:
        natural = table["stage"].isin(columns.natural)
        if missing := sorted(set(columns.natural) - set(table["stage"])):
            raise BenchError(f"{source}: no row's stage is {missing[0]!r}", fix="check --natural")
    else:
        natural = table["stage"].str.casefold().str.startswith(NATURAL_MODEL)
    other_names = sorted(set(table.loc[natural, "stage"]) - {NATURAL_MODEL, *columns.natural})
    notes = [f"stages taken for natural: {', '.join(other_names)}"] if other_names else []
    apart = natural | (table["phase"] != MAIN)
    table.loc[natural, "stage"] = NATURAL_MODEL
    table.loc[apart, "model"] = NATURAL_MODEL
    table.loc[apart & (table["stage"] == ""), "stage"] = NATURAL_MODEL
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
    elif columns.stage_order:
        depth = {name: number for number, name in enumerate(columns.stage_order, start=1)}
        bad = ~apart & ~table["stage"].isin(depth)
        if bad.any():
            at = int(bad.to_numpy().argmax())
            raise BenchError(
                f"{source}, row {table.index[at]}, column 'stage': {table['stage'].iloc[at]!r} is "
                "not in the stage order",
                fix=f"the order given is {', '.join(columns.stage_order)}",
            )
        numbers = table["stage"].map(depth)
    else:
        raise BenchError(
            f"{source} does not say in which order stages come",
            fix="name a column with --column stage_index=ITS_NAME, or give --stage-order A,B,C",
        )
    table["stage_index"] = numbers.where(~apart, float(NATURAL)).astype("float64")
    return notes
