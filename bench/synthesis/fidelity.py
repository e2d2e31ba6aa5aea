"""How far the affordable protocols are from the paper's rule: what was measured, in words."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from statistics import mean

TABLE = "fidelity.csv"  # written by benchmarks/fidelity.py
WHOLE = "feather2023"
LATE = ("conv4", "pool", "logits")  # of the digit networks


@lru_cache(maxsize=1)
def table() -> tuple[Mapping[str, str], ...]:
    """Return the rows of the fidelity table, one for each model, stage and protocol."""
    text = files("bench.synthesis").joinpath(TABLE).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def in_words(protocol: str) -> str:
    """Return what is known of a protocol's distance from the rule of Feather et al. 2023.

    Parameters
    ----------
    protocol
        Its name, with its changes (``feather2023+steps=100``).
    """
    if protocol == WHOLE:
        return "Protocol `feather2023` is the rule of Feather et al. 2023, whole."
    rows = [row for row in table() if row["protocol"] == protocol and row["stage"] in LATE]
    if not rows:
        return (
            f"Protocol `{protocol}` was not compared with the whole rule of Feather et al. 2023: "
            "its metamers may be recognised more or less often than those of 24,000 steps."
        )
    differences = [float(row["difference"]) for row in rows]
    reached = [match(row["loss"]) / match(row["full_loss"]) for row in rows]
    worst = max(rows, key=lambda row: abs(float(row["difference"])))
    return (
        f"Protocol `{protocol}` against the whole rule of Feather et al. 2023 (24,000 steps), at "
        f"the last {len(LATE)} stages of {len({row['model'] for row in rows})} digit networks: "
        f"other networks' recognition of its metamers differs by {mean(differences):+.2f} on "
        f"average, and most by {float(worst['difference']):+.2f} ({worst['model']}, "
        f"{worst['stage']}); it reaches at least {min(1.0, *reached):.0%} of the rule's match "
        "(1 - loss). docs/protocols.md has the table."
    )


def match(loss: str) -> float:
    """Return how much of the way from the noise (a loss of about 1) a metamer has come."""
    return 1 - float(loss)
