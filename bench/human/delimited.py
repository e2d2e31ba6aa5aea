"""Text tables read strictly: what is wrong is named by row and column, nothing is guessed."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BenchError

OTHER_DELIMITERS = {";": "';'", "\t": "tabs", "|": "'|'", ",": "','"}


def read_delimited(path: Path, required: Collection[str], delimiter: str = ",") -> pd.DataFrame:
    """Read a UTF-8 text table with a header.

    Returns
    -------
    DataFrame
        All columns as text; the index is the line number in the file, the header being line 1.

    Raises
    ------
    BenchError
        The file is missing, empty, not UTF-8, otherwise delimited, ragged, or lacks a column.
    """
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise BenchError(f"{delimiter!r} cannot separate values", fix="one character, or `tab`")
    reader = csv.reader(io.StringIO(_text(path), newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, required, delimiter)
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise BenchError(
                    f"{path}, row {reader.line_num}, column {min(len(row), len(header)) + 1}: "
                    f"the row has {len(row)} values, the header {len(header)}"
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise BenchError(f"{path}, row {reader.line_num}: {error}") from error
    if not rows:
        raise BenchError(f"{path} has a header but no rows")
    return pd.DataFrame(rows, columns=header, index=pd.Index(lines), dtype=object)


def parse_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as float64, NaN where a value is no number; text is read to the last bit."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("float64")
    return pd.Series([parse_number(value) for value in column], index=column.index, dtype="float64")


def parse_number(value: object) -> float:
    """Return a value as a float, NaN where it is no number."""
    # float() would also take "1_000"
    if not isinstance(value, str | int | float) or "_" in str(value):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        return float("nan")


def shown(value: Any) -> str:
    """Return a value as messages quote it, ``nothing`` where it is missing."""
    if value == "" or pd.isna(value):
        return "nothing"
    return repr(value.item() if hasattr(value, "item") else value)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be read", why=error.strerror or str(error)) from error
    if not raw.strip():
        raise BenchError(f"{path} is empty")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BenchError(f"{path}, row 1, column 1: UTF-16 text", fix="save the table as UTF-8")
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise BenchError(f"{path}, row {line}: a zero byte", fix="this is no text table")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise BenchError(
            f"{path}, row {line}, character {column}: not UTF-8 (byte 0x{raw[error.start]:02x})",
            fix="save the table as UTF-8",
        ) from error


def _check_header(path: Path, header: list[str], required: Collection[str], delimiter: str) -> None:
    if len(header) == 1:
        for other, name in OTHER_DELIMITERS.items():
            if other != delimiter and other in header[0]:
                raise BenchError(
                    f"{path}, row 1: columns are separated by {name}, "
                    f"not by {OTHER_DELIMITERS.get(delimiter, repr(delimiter))}",
                    fix="save the table with commas",
                )
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise BenchError(f"{path}, row 1: column {min(twice)!r} occurs twice")
    for name in required:
        if name not in header:
            raise BenchError(
                f"{path}, row 1 has no column {name!r}", fix=f"it has: {', '.join(header)}"
            )
