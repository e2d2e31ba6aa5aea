"""A board as a page of HTML that needs no network and sorts by any column."""

from __future__ import annotations

import re
from urllib.parse import quote

import pandas as pd

from bench.leaderboard.view import DASH, View
from bench.pages.document import document
from bench.pages.markup import (
    Cell,
    Column,
    Markup,
    breakable,
    element,
    figure,
    joined,
    linked,
    table,
)

MISSING = frozenset({DASH, "-"})
# A number, = behind a shared rank, an interval in brackets.
NUMBER = re.compile(r"(\d+(?:\.\d+)?)(=?)(?: (\[[^\]]+\]))?")
OTHER_FILES = {"csv": "CSV", "json": "JSON", "md": "Markdown"}


def page(view: View, stem: str) -> str:
    """Return the board as one page, beside files of the same ``stem``; text is shown literally."""
    parts = [element("h1", view.title), _other_files(stem), _table(view.table)]
    if view.picture:
        parts.append(figure(*view.picture))
    parts.append(element("ul", *map(_note, view.notes), class_="note"))
    for heading, more in view.more.items():
        parts += [element("h2", heading), _table(more)]
    body = joined(parts, "\n")
    return document(f"{view.title}: metamer-bench", body, images="'self'")


def _other_files(stem: str) -> Markup:
    links = [element("a", kind, href=f"{quote(stem)}.{end}") for end, kind in OTHER_FILES.items()]
    return element("p", "The same as ", joined(links, ", "), ".", class_="note")


def _note(text: str) -> Markup:
    """Return a note; what stands between backticks is code, as in the Markdown page."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no partner
        return element("li", linked(text))
    return element("li", *(element("code", p) if i % 2 else linked(p) for i, p in enumerate(parts)))


def _table(content: pd.DataFrame) -> Markup:
    kinds = {heading: _kind(heading, content[heading].tolist()) for heading in content}
    columns = [
        Column(str(heading), "number" * (kind == "number")) for heading, kind in kinds.items()
    ]
    rows = [
        [_cell(text, kind) for text, kind in zip(row, kinds.values(), strict=True)]
        for row in content.itertuples(index=False)
    ]
    return table(columns, rows, sortable=True)


def _kind(heading: object, texts: list[str]) -> str:
    there = [text for text in texts if text not in MISSING]
    if there and all(NUMBER.fullmatch(text) for text in there):
        return "number"
    return "name" if heading == "model" else ""


def _cell(text: str, kind: str) -> Cell:
    if text in MISSING:
        return Cell(text, "", kind)
    number = NUMBER.fullmatch(text) if kind == "number" else None
    if number is None:
        return Cell(breakable(text) if kind == "name" else text, text, kind)
    value, shared, interval = number.groups()
    below = [element("small", interval)] if interval else []
    return Cell(joined([value + shared, *below]), value, kind)
