"""TOML files of people: read, and refused where a number cannot be meant."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError

LARGEST = 2**53  # of whole numbers that float64, JSON and parquet all keep
SMALLEST = 1e-30  # float32 keeps nothing much smaller apart from 0
SHOWN_DIGITS = 12


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    what
        What the file is, for messages: ``suite file``.

    Raises
    ------
    BenchError
        If it cannot be read, is not TOML, or holds a number that no computation could use: names
        its key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BenchError(f"{what} {path} cannot be read", why=str(error.strerror)) from None
    except (ValueError, RecursionError) as error:  # also whole numbers of thousands of digits
        raise BenchError(f"{what} {path} is not valid TOML", why=str(error)) from None
    for key, number in _numbers(content, ""):
        if why := _unusable(number):
            raise BenchError(f"{what} {path}: {key} is {_shown(number)}", why=why)
    return content


def _numbers(value: Any, key: str) -> Iterator[tuple[str, int | float]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _numbers(item, f"{key}[{place}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def _unusable(number: int | float) -> str:
    if isinstance(number, int):
        return f"no number here is above {LARGEST:.2g}" if abs(number) > LARGEST else ""
    if not math.isfinite(number):
        return "a finite number is wanted"
    if number and not SMALLEST <= abs(number) <= 1 / SMALLEST:
        return f"it cannot be computed with: beyond {SMALLEST:g} to {1 / SMALLEST:g}"
    return ""


def _shown(number: int | float) -> str:
    text = str(number)
    return (
        text if len(text) <= 2 * SHOWN_DIGITS else f"{text[:SHOWN_DIGITS]}.. ({len(text)} digits)"
    )
