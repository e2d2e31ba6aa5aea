"""The 793 words that the auditory networks of Feather et al. 2023 recognise, and no word."""

from __future__ import annotations

from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("words.txt")
# The class of a clip without speech, number 0; its name is the authors' own.
NULL = "__nullSignal__"


@cache
def word_names() -> tuple[str, ...]:
    """Return the 794 classes in the order of a network's outputs."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
