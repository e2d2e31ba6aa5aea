"""Boards as pages: the JSON file's numbers, nothing from elsewhere, hostile text as it is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.leaderboard.board import make_board
from bench.leaderboard.render import as_json, html

HOSTILE = '"><img src=x onerror=alert(1)></td><script>alert(2)</script>'
VOID = {"meta", "img", "wbr"}
BOARDS = ["digits", "feather2023-vision", "feather2023-audio"]


class Page(HTMLParser):
    """A page's elements, its tables as texts, and its notes; elements must be properly nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: list[list[list[str]]] = []
        self.notes: list[str] = []
        self.script = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
        elif tag == "li":
            self.notes.append("")
        elif tag == "small":
            self.tables[-1][-1][-1] += " "

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"th", "td"} & set(self._open):
            self.tables[-1][-1][-1] += data
        elif "li" in self._open:
            self.notes[-1] += data
        elif self._open and self._open[-1] == "script":
            self.script += data

    def rows(self) -> list[dict[str, str]]:
        head, *body = self.tables[0]
        return [dict(zip(head, row, strict=True)) for row in body]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def cell(row: dict, measure: str) -> str:
    """What the JSON file's numbers look like: three decimals, and two of the interval."""
    if row[measure] is None:
        return "–"
    low, high = row[f"{measure}_low"], row[f"{measure}_high"]
    digits = 2 if high - low >= 0.02 else 3
    return f"{row[measure]:.3f} [{low:.{digits}f}, {high:.{digits}f}]"


def test_the_numbers_are_those_of_the_json_file(make) -> None:
    board = make_board([make("a", 0.5, 0.25), make("b", 0.9), make("c", None)])
    page, facts = Page(html(board, "toy")), json.loads(as_json(board))
    columns = {
        "recognised by others": "alignment", "accuracy": "accuracy", "robust linf 0.03": "robust",
    }  # fmt: skip
    expected = [
        {k: row[k] for k in ("rank", "model", "training")}
        | {heading: cell(row, measure) for heading, measure in columns.items()}
        for row in facts["rows"]
    ]
    assert page.rows() == expected
    assert page.notes == [note.replace("`", "") for note in facts["notes"]]
    assert [row["recognised by others"] for row in page.rows()][2] == "–"


def test_columns_sort_by_their_numbers_and_missing_ones_go_last(make) -> None:
    page = Page(html(make_board([make("a", 0.5, 0.25), make("b", 0.9), make("c", None)]), "toy"))
    kinds = [attributes["class"] for attributes in page.all("th")]
    assert kinds == ["number", "", "", "number", "number", "number"]
    keys = [attributes["data-value"] for attributes in page.all("td")]
    assert keys[3::6] == ["0.900", "0.500", ""]
    assert keys[0::6] == ["1", "2", ""]
    assert keys[1::6] == ["b", "a", "c"]
    assert len(page.all("button")) == 6


def test_hostile_text_is_shown_as_it_is(make) -> None:
    result = make(HOSTILE, 0.5)
    facts = result.model.model_copy(update={"training": HOSTILE})
    suite = result.suite.model_copy(update={"title": HOSTILE})
    hostile = result.model_copy(update={"model": facts, "suite": suite})
    page = Page(html(make_board([hostile]), "toy"))
    (row,) = page.rows()
    assert row["model"] == row["training"] == HOSTILE
    assert page.all("img") == []
    assert len(page.all("script")) == 1
    assert "alert" not in page.script


@pytest.mark.parametrize("name", BOARDS)
def test_published_pages_are_whole_and_load_nothing_from_elsewhere(repository, name) -> None:
    folder: Path = repository / "leaderboards"
    text = (folder / f"{name}.html").read_text(encoding="utf-8")
    page = Page(text)
    rows = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    shown = page.rows()
    first = "recognised by others" if name == "digits" else "people, all stages"
    assert [row["model"] for row in shown] == [row["model"] for row in rows]
    assert [row[first] for row in shown] == [cell(row, "alignment") for row in rows]
    links = [a["href"] for a in page.all("a")]  # to papers; nothing is loaded by them
    addresses = [link for link in links if not link.startswith("https://doi.org/10.")]
    addresses += [a["src"] for a in page.all("img")]
    assert all((folder / address).is_file() for address in addresses)
    assert {tag for tag, _ in page.elements} & {"link", "iframe", "object", "base"} == set()
    (script,) = page.all("script")
    assert script == {}
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    (policy,) = (a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'" in policy
    assert re.search(r"url\(|@import", text) is None
