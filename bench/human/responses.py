"""Whether a response names the right label, however people and programs spell the two."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from typing import Any

import pandas as pd

from bench.human.delimited import parse_number, shown

RULE = "case, spaces at the ends and the spelling of numbers do not count"
SHOWN = 3


def right(
    responses: pd.Series[Any], labels: pd.Series[Any], *, exact: bool = False
) -> tuple[pd.Series[float], list[str]]:
    """Return 1 where a response is its label, else 0, and what was normalised to find that.

    Letters are compared in Unicode's composed form without case, runs of spaces as one and none
    at the ends, numbers by value: ``Dog`` is ``dog``, ``3.0`` is ``3``. No response is never
    right. With ``exact``, the two must agree to the letter.
    """
    given = responses.map(lambda text: bool(text.strip()))
    alike = responses == labels
    if exact:
        return (given & alike).astype("float64"), []
    hits = given & (responses.map(_key) == labels.map(_key))
    notes = []
    if (by_rule := hits & ~alike).any():
        pairs = Counter(zip(responses[by_rule], labels[by_rule], strict=True))
        cases = [f"{shown(a)} for {shown(b)}" for (a, b), _ in pairs.most_common(SHOWN)]
        more = ", .." if len(pairs) > SHOWN else ""
        notes.append(
            f"{int(by_rule.sum())} of {len(hits)} responses are right because {RULE}: "
            f"{', '.join(cases)}{more}"
        )
    if not given.all():
        notes.append(f"{int((~given).sum())} of {len(hits)} responses are empty and count as wrong")
    return hits.astype("float64"), notes


def _key(text: str) -> str | float:
    number = parse_number(text)
    if math.isfinite(number):
        return number
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
