"""Which stimulus a participant sees in which condition (Supplementary Tables 5 and 6)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import ceil

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.human.tidy import MODALITIES

FEATHER2023_TRIALS = 400
FEATHER2023_CHOICES = {"vision": 16, "audio": 793}
NATURAL_CONDITION = "natural"


def chance_level(choices: int) -> float:
    """Return the proportion correct of guessing among ``choices`` equally likely answers."""
    if choices < 2:
        raise BenchError(f"{choices} choice(s) make no chance level", fix="give 2 or more")
    return 1 / choices


def allocate_trials(
    conditions: Sequence[str],
    stimuli: Sequence[str],
    generator: np.random.Generator,
    *,
    missing: Collection[tuple[str, str]] = (),
    modality: str = "vision",
) -> pd.DataFrame:
    """Assign every stimulus to one condition for one participant, as Feather et al. (2023) did.

    Each of k conditions is given ceil(N / k) trials, the list is shuffled, cut to N and paired
    with the shuffled stimuli: every stimulus is seen once, counts differ by chance of the cut.

    Parameters
    ----------
    conditions
        Names of the conditions, ``natural`` among them.
    stimuli
        Names of the N natural stimuli.
    missing
        Pairs (condition, stimulus) without a metamer that passed. The natural stimulus stands in:
        in vision such a trial counts as natural, in audio it is not analysed.

    Returns
    -------
    DataFrame
        In order of presentation: stimulus, condition (assigned), shown (what is presented) and
        analysed_as (the condition that the answer counts for; None where it counts for none).
    """
    _check(conditions, stimuli, modality)
    n = len(stimuli)
    copies = np.repeat(np.arange(len(conditions)), ceil(n / len(conditions)))
    assigned = generator.permutation(copies)[:n]
    order = generator.permutation(n)
    gone = set(missing)
    rows = []
    for condition, stimulus in zip(
        (conditions[i] for i in assigned), (stimuli[i] for i in order), strict=True
    ):
        replaced = (condition, stimulus) in gone
        stand_in = NATURAL_CONDITION if modality == "vision" else None
        rows.append(
            {
                "stimulus": stimulus,
                "condition": condition,
                "shown": NATURAL_CONDITION if replaced else condition,
                "analysed_as": stand_in if replaced else condition,
            }
        )
    return pd.DataFrame(rows, dtype=object)


def _check(conditions: Sequence[str], stimuli: Sequence[str], modality: str) -> None:
    if modality not in MODALITIES:
        raise BenchError(f"modality {modality!r} is unknown", fix=f"one of {', '.join(MODALITIES)}")
    for what, names in (("condition", conditions), ("stimulus", stimuli)):
        if not names:
            raise BenchError(f"trials cannot be allocated without a {what}")
        twice = [name for name in names if list(names).count(name) > 1]
        if twice:
            raise BenchError(f"{what} {twice[0]!r} is given twice")
    if NATURAL_CONDITION not in conditions:
        raise BenchError(f"no condition is called {NATURAL_CONDITION!r}", fix="add it")
