"""What changed between two boards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.leaderboard.board import MEASURES

SMALLEST_CHANGE = 5e-4  # what three decimals can show


def diff(before: Path, after: Path) -> list[dict[str, Any]]:
    """Return one row a change: model, what, before, after.

    Raises
    ------
    BenchError
        If a file is not a board.
    """
    (a, measures), (b, others) = _rows(before), _rows(after)
    names = ("rank", *dict.fromkeys([*measures, *others]))
    changes = []
    for model in sorted({*a, *b}):
        if model not in a or model not in b:
            there = "added" if model in b else "gone"
            changes.append({"model": model, "what": there, "before": None, "after": None})
            continue
        for name in names:
            old, new = a[model].get(name), b[model].get(name)
            if _changed(old, new):
                changes.append({"model": model, "what": name, "before": old, "after": new})
    return changes


def _changed(old: Any, new: Any) -> bool:
    if isinstance(old, int | float) and isinstance(new, int | float):
        return abs(new - old) >= SMALLEST_CHANGE
    return bool(old != new)


def _rows(path: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return a board's rows by model, and the names of its measures."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = {row["model"]: row for row in content["rows"]}
        return rows, list(content.get("measures", MEASURES))
    except OSError as error:
        raise BenchError(f"{path} cannot be read", why=error.strerror or "") from None
    except (ValueError, KeyError, TypeError):
        raise BenchError(f"{path} is not a board", fix="give a leaderboard's .json file") from None
