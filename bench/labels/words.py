"""Words that networks recognise: those of Feather et al. 2023, and those of Speech Commands."""

from __future__ import annotations

from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("words.txt")
# The class of a clip without speech, number 0; its name is the authors' own.
NULL = "__nullSignal__"
# Warden 2018, version 0.02: its folders in alphabetical order.
SPEECH_COMMANDS = (
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four",
    "go", "happy", "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right",
    "seven", "sheila", "six", "stop", "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
)  # fmt: skip


@cache
def word_names() -> tuple[str, ...]:
    """Return the 794 classes in the order of a network's outputs."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))
