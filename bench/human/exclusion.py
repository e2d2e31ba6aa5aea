"""Who is left out: rules on how well a participant did in a phase of an experiment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from bench.errors import BenchError


@dataclass(frozen=True)
class ExclusionRule:
    """Leave out participants with less than ``min_correct`` (0-1) right in a ``phase``.

    A participant without a trial of that phase is left out too: a screen that was not taken was
    not passed.
    """

    phase: str
    min_correct: float

    def __post_init__(self) -> None:
        if not 0 <= self.min_correct <= 1:
            raise BenchError(
                f"exclusion rule {self.phase}={self.min_correct:g}: not between 0 and 1",
                fix="give a proportion, catch=0.75, say",
            )


# Screens of Feather et al. 2023 as their published experiments apply them: 7 or 5 of 12
# demonstration trials, 5 of 6 headphone trials. Their threshold for catch trials is not public.
FEATHER2023_SCREENS = {
    "vision": (ExclusionRule("demo", 7 / 12),),
    "audio": (ExclusionRule("demo", 5 / 12), ExclusionRule("headphones", 5 / 6)),
}


def excluded(trials: pd.DataFrame, rules: Iterable[ExclusionRule]) -> pd.DataFrame:
    """Return who fails which rule.

    Parameters
    ----------
    trials
        Columns experiment, participant, phase, correct (0 or 1); see docs/formats.md.

    Returns
    -------
    DataFrame
        experiment, participant, phase, proportion_correct (NaN where there is no trial),
        min_correct, n_trials; one row a participant and rule that failed.
    """
    people = trials[["experiment", "participant"]].drop_duplicates()
    failed = []
    for rule in rules:
        phase = trials[trials["phase"] == rule.phase]
        if phase.empty:
            known = ", ".join(sorted(set(trials["phase"])))
            raise BenchError(f"no trial is of phase {rule.phase!r}", fix=f"phases: {known}")
        scores = phase.groupby(["experiment", "participant"])["correct"].agg(["mean", "size"])
        scores.columns = pd.Index(["proportion_correct", "n_trials"])
        own = people.merge(scores.reset_index(), on=["experiment", "participant"], how="left")
        own["n_trials"] = own["n_trials"].fillna(0).astype("int64")
        # a hair below the threshold is rounding: 7 of 12 passes 7/12
        passed = own["proportion_correct"] >= rule.min_correct - 1e-9
        failed.append(own[~passed].assign(phase=rule.phase, min_correct=rule.min_correct))
    columns = ["experiment", "participant", "phase", "proportion_correct", "min_correct"]
    columns.append("n_trials")
    if not failed:
        return pd.DataFrame(columns=columns)
    return pd.concat(failed, ignore_index=True)[columns]


def exclude(trials: pd.DataFrame, rules: Iterable[ExclusionRule]) -> pd.DataFrame:
    """Return the trials of participants who pass every rule."""
    out = pd.MultiIndex.from_frame(excluded(trials, rules)[["experiment", "participant"]])
    own = pd.MultiIndex.from_frame(trials[["experiment", "participant"]])
    kept = trials[~own.isin(out)]
    if kept.empty:
        raise BenchError("the exclusion rules leave no participant", fix="lower a threshold")
    return kept.reset_index(drop=True)
