"""Long tables turned into complete arrays, one axis a factor, or refused with the reason."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import BenchError

# Sums of squares below this share of the total are rounding, not variance.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Design:
    """Measurements of a complete design.

    Parameters
    ----------
    values
        float64, one row a subject, then one axis a within factor in the order of ``factors``.
    factors
        Names of the within factors.
    levels
        Levels of each factor in order of first appearance.
    groups
        Number of the group of each row, 0 .. G-1; all 0 where there is no between factor.
    group_names
        Levels of the between factor.
    """

    values: NDArray[np.float64]
    factors: tuple[str, ...]
    levels: tuple[tuple[Hashable, ...], ...]
    groups: NDArray[np.int64]
    group_names: tuple[Hashable, ...]

    @property
    def n(self) -> int:
        """Number of independent subjects."""
        return len(self.values)


def complete_design(
    df: pd.DataFrame,
    *,
    dv: str,
    within: Sequence[str],
    subject: str,
    between: str | None = None,
) -> Design:
    """Return the cells of a long table, one value a subject and combination of within levels.

    Where there is a between factor, equal subject names in different groups are different
    subjects (Feather et al. 2023 count a participant and the model that was shown the same
    stimuli as two independent rows).

    Raises
    ------
    BenchError
        A column is absent; a value is no finite number; a cell is missing or occurs twice;
        a factor has one level; too few subjects remain to estimate an error.
    """
    keys = [*([between] if between else []), subject, *within]
    numbers = _numbers(df, dv, keys)
    codes: list[NDArray[np.int64]] = []
    levels: list[tuple[Hashable, ...]] = []
    for name in within:
        code, names = _factor(df, name)
        if len(names) < 2:
            raise BenchError(f"factor {name!r} has one level, {names[0]!r}", fix="give two or more")
        codes.append(code)
        levels.append(names)
    rows, people = pd.factorize(pd.MultiIndex.from_frame(df[keys[: -len(within)]]))
    shape = (len(people), *(len(names) for names in levels))
    index = (rows, *codes)
    count = np.zeros(shape, dtype=np.int64)
    np.add.at(count, index, 1)
    if (count != 1).any():
        at = tuple(int(i) for i in np.argwhere(count != 1)[0])
        raise BenchError(_hole(keys, people[at[0]], levels, at[1:], int(count[at])))
    values = np.empty(shape)
    values[index] = numbers
    groups, group_names = _groups(people, between)
    if len(people) - len(group_names) < 1:
        raise BenchError(
            f"{len(people)} {subject}(s) in {len(group_names)} group(s) leave nothing to "
            "estimate an error from",
            fix=f"give two or more values of {subject!r}" + (" a group" if between else ""),
        )
    return Design(values, tuple(within), tuple(levels), groups, group_names)


def require_variance(error: float, total: float, effect: str) -> None:
    """Raise a `BenchError` where the error sum of squares of an effect is nothing but rounding."""
    if error <= ROUNDING * total or total == 0:
        raise BenchError(
            f"F of {effect!r} cannot be computed: subjects do not differ beyond rounding",
            fix="check that the values vary between subjects",
        )


def _numbers(df: pd.DataFrame, dv: str, keys: Sequence[str]) -> NDArray[np.float64]:
    for name in (dv, *keys):
        if name not in df.columns:
            raise BenchError(
                f"the table has no column {name!r}",
                fix=f"columns: {', '.join(map(str, df.columns))}",
            )
    if df.empty:
        raise BenchError("the table has no rows")
    for name in keys:
        if df[name].isna().any():
            row = df.index[int(df[name].isna().to_numpy().argmax())]
            raise BenchError(f"row {row}, column {name!r} is empty")
    column = df[dv]
    if not pd.api.types.is_numeric_dtype(column.dtype):
        text = [not isinstance(value, int | float) for value in column]
        if any(text):
            at = text.index(True)
            raise BenchError(
                f"row {df.index[at]}, column {dv!r}: {column.iloc[at]!r} is not a number"
            )
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(numbers)
    if bad.any():
        at = int(bad.argmax())
        raise BenchError(
            f"row {df.index[at]}, column {dv!r}: {column.iloc[at]} is not a finite number"
        )
    return np.asarray(numbers, dtype=np.float64)


def _factor(df: pd.DataFrame, name: str) -> tuple[NDArray[np.int64], tuple[Hashable, ...]]:
    codes, names = pd.factorize(df[name])
    return codes.astype(np.int64), tuple(names)


def _groups(people: Any, between: str | None) -> tuple[NDArray[np.int64], tuple[Hashable, ...]]:
    if between is None:
        return np.zeros(len(people), dtype=np.int64), ("",)
    codes, names = pd.factorize(people.get_level_values(0))
    if len(names) < 2:
        raise BenchError(f"factor {between!r} has one level, {names[0]!r}", fix="give two or more")
    return codes.astype(np.int64), tuple(names)


def _hole(
    keys: Sequence[str],
    person: tuple[Hashable, ...],
    levels: Sequence[tuple[Hashable, ...]],
    at: tuple[int, ...],
    count: int,
) -> str:
    """Say which cell of the design is missing or given more than once."""
    cell = [*person, *(names[i] for names, i in zip(levels, at, strict=True))]
    named = ", ".join(f"{key} {value!s}" for key, value in zip(keys, cell, strict=True))
    return f"{named}: {'no row' if count == 0 else f'{count} rows'}, where one is needed"
