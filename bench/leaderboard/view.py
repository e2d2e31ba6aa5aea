"""How any board is written: Markdown, CSV, JSON, lines for the screen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from tabulate import tabulate

from bench.legible import LAYOUT, legible

DASH = "–"
NARROW = 0.02  # intervals below this need a third decimal
# The backslash first, or it would undo what follows; "](" would make a link or a picture.
LITERALLY = (
    ("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|"), ("](", "]\\("),
)  # fmt: skip


@dataclass(frozen=True)
class View:
    """A board, ready to be written.

    Attributes
    ----------
    table
        The board as people read it: all text.
    rows
        The same as numbers, for machines; what is missing is NaN.
    about, found
        What else the JSON file says, before the notes and after the rows.
    more
        Further tables of the Markdown and HTML pages, by heading.
    picture
        Name of a picture that lies beside the pages, with the text that stands for it.
    """

    title: str
    table: pd.DataFrame
    notes: list[str]
    rows: pd.DataFrame
    about: dict[str, Any]
    found: dict[str, Any]
    more: dict[str, pd.DataFrame] = field(default_factory=dict)
    picture: tuple[str, str] | None = None


def shown(row: pd.Series, measure: str, *, interval: bool = True) -> str:
    """Return a measure as a table's cell: value and interval; a dash where it is missing."""
    if pd.isna(row[measure]):
        return DASH
    text = f"{row[measure]:.3f}"
    low, high = row[f"{measure}_low"], row[f"{measure}_high"]
    if interval and pd.notna(low):
        digits = 2 if high - low >= NARROW else 3
        text += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return text


def count(values: pd.Series) -> str:
    """Return how many, or from how few to how many, leaving out what is missing."""
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def markdown(view: View) -> str:
    """Return the board as a Markdown page; all text in it is shown literally."""
    parts = [f"# {_escaped(view.title)}", _body(view.table)]
    if view.picture:
        parts.append(f"![{_escaped(view.picture[1])}]({view.picture[0]})")
    parts.append("\n".join(f"- {_escaped(line)}" for line in view.notes))
    for heading, table in view.more.items():
        parts += [f"## {heading}", _body(table)]
    return "\n\n".join(parts) + "\n"


def _body(table: pd.DataFrame) -> str:
    view = table.map(_escaped)
    heads = [_escaped(str(name)) for name in view]
    return tabulate(view.to_numpy().tolist(), heads, tablefmt="github", disable_numparse=True)


def _escaped(text: str) -> str:
    """Return text from a plugin or a file as Markdown shows it literally."""
    for sign, safe in LITERALLY:
        text = text.replace(sign, safe)
    return " ".join(text.split())


def csv(view: View) -> str:
    """Return the board as CSV; what is missing is empty."""
    return view.rows.to_csv(index=False, lineterminator="\n")


def as_json(view: View) -> str:
    """Return the board as JSON; what is missing is null."""
    content = {
        **view.about,
        "notes": view.notes,
        "rows": json.loads(view.rows.to_json(orient="records", double_precision=10)),
        **view.found,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def screen(view: View) -> list[str]:
    """Return the board as lines for a terminal."""
    rows = view.table.to_numpy().tolist()
    body = tabulate(rows, list(map(str, view.table)), tablefmt="simple", disable_numparse=True)
    lines = [view.title, "", *body.splitlines(), "", *view.notes]
    return [legible(line, keep=LAYOUT) for line in lines]
