"""Where words are in recordings: forced alignments of LibriSpeech, and Praat's TextGrids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bench.errors import ItemError

# https://github.com/CorentinJ/librispeech-alignments: utterance, quoted words, quoted ends.
ALIGNMENT_LINE = re.compile(r'(\S+) "([^"]*)" "([^"]*)"')
TIER = re.compile(r'name\s*=\s*"([^"]*)"')
INTERVAL = re.compile(
    r'xmin\s*=\s*([\d.eE+-]+)\s*xmax\s*=\s*([\d.eE+-]+)\s*text\s*=\s*"((?:[^"]|"")*)"'
)
WORD_TIERS = ("words", "word")


@dataclass(frozen=True)
class SpokenWord:
    """A word in an utterance of ``seconds``, in lower case."""

    utterance: str
    word: str
    start_s: float
    end_s: float
    seconds: float


def read_alignment(path: Path) -> list[SpokenWord]:
    """Read ``<speaker>-<chapter>.alignment.txt``: a line an utterance, each word with its end.

    Raises
    ------
    ItemError
        If a line is not of this form.
    """
    found: list[SpokenWord] = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        parts = ALIGNMENT_LINE.fullmatch(line.strip())
        words = parts[2].split(",") if parts else []
        try:
            ends = [float(end) for end in parts[3].split(",")] if parts else []
        except ValueError:
            ends = []
        if parts is None or not ends or len(words) != len(ends):
            raise ItemError(
                f"alignment {path}, line {number} cannot be read",
                why='want: utterance ",WORD,..." "0.49,0.89,..."',
            )
        starts = [0.0, *ends[:-1]]
        found += [
            SpokenWord(parts[1], word.lower(), start, end, ends[-1])
            for word, start, end in zip(words, starts, ends, strict=True)
            if word
        ]
    return found


def read_textgrid(path: Path) -> list[SpokenWord]:
    """Read the tier of words of a TextGrid in Praat's long text format; its name is the utterance.

    Raises
    ------
    ItemError
        If there is no tier called words or word.
    """
    text = _text(path)
    tiers = list(TIER.finditer(text))
    ends = [tier.start() for tier in tiers[1:]] + [len(text)]
    for tier, end in zip(tiers, ends, strict=True):
        if tier[1].casefold() in WORD_TIERS:
            intervals = INTERVAL.findall(text, tier.end(), end)
            seconds = max((float(stop) for _, stop, _ in intervals), default=0.0)
            return [
                SpokenWord(path.stem, _unquoted(word), float(start), float(stop), seconds)
                for start, stop, word in intervals
                if word.strip()
            ]
    raise ItemError(f"TextGrid {path} has no tier called words", fix="save it as a long text file")


def _unquoted(word: str) -> str:
    return word.strip().replace('""', '"').lower()


def _text(path: Path) -> str:
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ItemError(f"{path} is not text", fix="save it as UTF-8") from None
