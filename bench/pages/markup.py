"""HTML from values: all text is escaped here, nowhere else."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

ADDRESS = re.compile(r"(https?://[^\s<>\"']*[\w/]|\b10\.\d{4,9}/[^\s<>\"',;]*[\w/])")


class Markup(str):
    """Text that is HTML already; every other text is escaped when it is put into a page."""

    __slots__ = ()


def html(value: Any) -> Markup:
    """Return a value as HTML: escaped, unless it is `Markup`."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def element(tag: str, *content: Any, **attributes: Any) -> Markup:
    """Return an element; ``class_`` stands for class, ``_`` in other names for a hyphen."""
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    opening = "".join(f' {key}="{escape(str(value))}"' for key, value in named.items())
    return Markup(f"<{tag}{opening}>{joined(content)}</{tag}>")


def joined(parts: Iterable[Any], between: str = "") -> Markup:
    """Return several values as one piece of HTML."""
    return Markup(html(between).join(html(part) for part in parts))


def linked(text: str) -> Markup:
    """Return text whose web addresses and DOIs are links."""
    parts = ADDRESS.split(text)  # every second one is an address
    return joined(
        element("a", part, href=part if part.startswith("http") else f"https://doi.org/{part}")
        if i % 2
        else part
        for i, part in enumerate(parts)
    )


def breakable(name: str) -> Markup:
    """Return a long name that may go on in the next line after a hyphen or an underscore."""
    return joined(re.split(r"(?<=[_-])", name), Markup("<wbr>"))


@dataclass(frozen=True)
class Cell:
    """A table's cell: what is shown, what it is sorted by, and its class."""

    content: Any
    value: Any = ""
    kind: str = ""


@dataclass(frozen=True)
class Column:
    """A table's column."""

    heading: str
    kind: str = ""


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], sortable: bool) -> Markup:
    """Return a table that scrolls sideways where it does not fit."""
    heads = [
        element(
            "th",
            element("button", column.heading, type="button") if sortable else column.heading,
            scope="col",
            class_=column.kind,
        )
        for column in columns
    ]
    body = [
        element("tr", *(element("td", c.content, class_=c.kind, data_value=c.value) for c in row))
        for row in rows
    ]
    whole = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_="sortable" if sortable else "plain",
    )
    return element("div", whole, class_="scroll rows", tabindex="0")


def picture(data: bytes, kind: str, alt: str, caption: Any) -> Markup:
    """Return a figure of a plot that is inside the page.

    Parameters
    ----------
    kind
        ``png`` or ``jpeg``.
    """
    return figure(inside(data, kind), alt, element("figcaption", caption))


def inside(data: bytes, kind: str) -> str:
    """Return the address of an image that the page itself holds."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def image(source: str, alt: str, **attributes: Any) -> Markup:
    """Return the image at an address."""
    return Markup(element("img", src=source, alt=alt, **attributes).removesuffix("</img>"))


def figure(source: str, alt: str, *below: Any) -> Markup:
    """Return a figure of the plot at an address; it scrolls where the screen is narrow."""
    plot = image(source, alt, class_="plot zoom")
    return element("figure", element("div", plot, class_="scroll", tabindex="0"), *below)
