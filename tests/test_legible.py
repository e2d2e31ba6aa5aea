"""Text from files and plugins cannot move the cursor, hide, or break an encoding."""

from __future__ import annotations

import os

import pytest

from bench.errors import BenchError
from bench.legible import LAYOUT, legible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07red", r"\x1b[2J\x07red"),
        ("a\x9bb\x00\x7f", r"a\x9bb\x00\x7f"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\ud800", r"\ud800"),
        ("gnp.\u202efdp", r"gnp.\u202efdp"),
        ("Ünïcödé 猫 🐈‍⬛", "Ünïcödé 猫 🐈‍⬛"),
    ],
)
def test_what_cannot_be_shown_is_written_out(text: str, shown: str) -> None:
    assert legible(text) == shown
    assert legible(text).encode()
    assert legible(shown) == shown


def test_layout_may_stay() -> None:
    assert legible("a\n\tb\r\x1b", keep=LAYOUT) == "a\n\tb\\r\\x1b"


def test_an_error_is_one_legible_line() -> None:
    error = BenchError("a\nb", why=os.fsdecode(b"\xff"), fix="\x1b]0;title\x07")
    assert str(error) == r"a b: \xff (\x1b]0;title\x07)"
