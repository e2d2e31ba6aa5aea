"""Who sees what in an experiment in the design of Feather et al. (2023), vision.

Pure: from names of stimuli and conditions to each participant's list of trials.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil, sqrt
from typing import Final

import numpy as np

from bench.errors import BenchError
from bench.human.allocation import NATURAL_CONDITION, allocate_trials
from bench.human.tidy import MAIN

PRACTICE, DEMO, CATCH = "practice", "demo", "catch"

# Feather et al. 2023, online visual experiments (Methods and published experiment page).
PRACTICE_TRIALS: Final = 16
SLOW_PRACTICE_TRIALS: Final = 8
DEMO_TRIALS: Final = 12
DEMO_PASS: Final = 7
PAUSES: Final = (0.25, 0.5, 0.75)

REDRAWS = 1_000
_STIMULI, _BLOCK, _PERSON = range(3)  # what a random stream is for


@dataclass(frozen=True)
class Condition:
    """The metamers of one model and stage; ``stage_index`` is its depth, from 1."""

    model: str
    stage: str
    stage_index: int

    def __str__(self) -> str:
        return f"{self.model}, stage {self.stage}"


@dataclass(frozen=True)
class Design:
    """All that determines who sees what.

    Parameters
    ----------
    stimuli
        Names of the natural stimuli of the main part, each seen once a participant.
    labels
        Class number of each stimulus, those of ``warm_up`` among them.
    conditions
        Metamers that are shown, besides natural stimuli.
    missing
        (condition, stimulus) without a metamer that passed; the natural stimulus stands in.
    warm_up
        Natural stimuli that are not in ``stimuli``, for practice and demo.
    n_classes
        Number of answers to choose from; there is one catch trial each.
    n_masks
        How many masks there are.
    between_models
        False: every participant sees the metamers of all models, as in the paper (Supplementary
        Table 5). True: of one model.
    """

    stimuli: tuple[str, ...]
    labels: Mapping[str, int]
    conditions: tuple[Condition, ...]
    missing: frozenset[tuple[Condition, str]]
    warm_up: tuple[str, ...]
    n_classes: int
    n_masks: int
    seed: int = 0
    between_models: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the conditions, each once, in order."""
        return tuple(dict.fromkeys(condition.model for condition in self.conditions))


@dataclass(frozen=True)
class Trial:
    """One trial: ``assigned`` and ``shown`` are None for natural stimuli and for catch trials.

    ``stimulus`` is empty in a catch trial, which shows the response icon of class ``label``.
    """

    phase: str
    stimulus: str
    label: int
    mask: int
    assigned: Condition | None = None
    shown: Condition | None = None


def choose_stimuli(
    stimuli: Sequence[str], missing: Collection[tuple[Condition, str]], n: int, seed: int
) -> tuple[str, ...]:
    """Return ``n`` of the stimuli at random, first those that lack the fewest metamers.

    Feather et al. 2023 chose 200 of 400 so (HMAX, Spectemp; Supplementary Tables 5 and 6): among
    those whose metamers passed at every stage.
    """
    if n > len(stimuli):
        raise BenchError(
            f"{n} trials need {n} stimuli, and the run has {len(stimuli)}",
            why="a participant sees each stimulus once",
            fix=f"--trials {len(stimuli)} at most, or a run with a higher --limit",
        )
    lacking = dict.fromkeys(stimuli, 0)
    for _, name in missing:
        if name in lacking:
            lacking[name] += 1
    order = np.random.default_rng([seed, _STIMULI]).permutation(len(stimuli))
    ranked = sorted((stimuli[i] for i in order), key=lacking.__getitem__)
    chosen = set(ranked[:n])
    return tuple(name for name in stimuli if name in chosen)


def models_of(design: Design, participant: int) -> tuple[str, ...]:
    """Return the models whose metamers a participant (counted from 1) sees.

    Between models, each block of as many participants as there are models is a random order of
    the models: counts never differ by more than one, and do not change when more people come.
    """
    if not design.between_models:
        return design.models
    block, place = divmod(participant - 1, len(design.models))
    order = np.random.default_rng([design.seed, _BLOCK, block]).permutation(len(design.models))
    return (design.models[order[place]],)


def participant_trials(design: Design, participant: int) -> tuple[Trial, ...]:
    """Return a participant's trials in order: practice, demo, then main and catch shuffled.

    They depend on the design and the participant's number only, not on how many there are.

    Raises
    ------
    BenchError
        If the stimuli are too few, or metamers too rare, to show every condition at least once.
    """
    own = models_of(design, participant)
    conditions = [condition for condition in design.conditions if condition.model in own]
    generator = np.random.default_rng([design.seed, _PERSON, participant])
    main = _main_trials(design, conditions, generator)
    catch = [Trial(CATCH, "", label, 0) for label in range(design.n_classes)]
    together = [*main, *catch]
    body = [together[i] for i in generator.permutation(len(together))]
    seen_natural = [trial.stimulus for trial in main if trial.shown is None]
    trials = [*_warm_up(design, seen_natural, generator), *body]
    masks = np.concatenate([generator.permutation(design.n_masks)
                            for _ in range(ceil(len(trials) / design.n_masks))])  # fmt: skip
    return tuple(
        Trial(t.phase, t.stimulus, t.label, int(mask), t.assigned, t.shown)
        for t, mask in zip(trials, masks[: len(trials)], strict=True)
    )


def pauses(trials: Sequence[Trial]) -> tuple[int, ...]:
    """Return the trials before which a participant may rest: at quarters of main and catch."""
    first = sum(trial.phase in (PRACTICE, DEMO) for trial in trials)
    n = len(trials) - first
    return tuple(sorted({first + round(n * part) for part in PAUSES} - {first}))


def demo_pass(n_demo: int) -> int | None:
    """Return how many demo trials must be right to go on; None where they are too few to tell."""
    return DEMO_PASS if n_demo == DEMO_TRIALS else None


def grid_columns(n: int) -> int:
    """Return how many columns a grid of ``n`` answers has: 4 x 4 of 16, 5 x 2 of 10."""
    least = ceil(sqrt(n))
    whole = (columns for columns in range(least, 2 * least + 1) if n % columns == 0)
    return next(whole, least)


def _main_trials(
    design: Design, conditions: Sequence[Condition], generator: np.random.Generator
) -> list[Trial]:
    """Allocate as the paper did, and again where chance left a condition without any trial.

    A participant without a value for a stage cannot enter a repeated-measures analysis.
    """
    named = {str(number): condition for number, condition in enumerate(conditions)}
    keys = {condition: key for key, condition in named.items()}
    names = [NATURAL_CONDITION, *named]
    if len(names) > len(design.stimuli):
        raise BenchError(
            f"{len(names)} conditions (natural and {len(conditions)} model stages) do not fit in "
            f"{len(design.stimuli)} trials",
            why="a participant sees each stimulus once and must see every condition",
            fix="choose with --models or --stages, give --between-models, or run more stimuli",
        )
    missing = [(keys[c], stimulus) for c, stimulus in design.missing if c in keys]
    for _ in range(REDRAWS):
        table = allocate_trials(names, design.stimuli, generator, missing=missing)
        if set(table["analysed_as"]) == set(names):
            break
    else:
        rarest = max(conditions, key=lambda c: sum(gone == c for gone, _ in design.missing))
        raise BenchError(
            f"metamers of {rarest} passed so rarely that no list of {len(design.stimuli)} trials "
            "shows every condition",
            fix="leave such stages out with --stages, or run more stimuli",
        )
    return [
        Trial(MAIN, stimulus, design.labels[stimulus], 0, named.get(condition), named.get(shown))
        for stimulus, condition, shown in zip(
            table["stimulus"], table["condition"], table["shown"], strict=True
        )
    ]


def _warm_up(
    design: Design, seen_natural: Sequence[str], generator: np.random.Generator
) -> list[Trial]:
    """Return practice and demo: of stimuli that do not come again, as far as there are any.

    What is lacking is filled with stimuli that this participant sees as natural ones in the main
    part too, so that nobody knows the original of a metamer; then both phases are shortened.
    """
    fresh = _spread(design.warm_up, design.labels, generator)
    again = _spread(seen_natural, design.labels, generator)
    pool = [*fresh, *again][: PRACTICE_TRIALS + DEMO_TRIALS]
    n_demo = len(pool) * DEMO_TRIALS // (PRACTICE_TRIALS + DEMO_TRIALS)
    phases = [DEMO] * n_demo + [PRACTICE] * (len(pool) - n_demo)
    trials = [
        Trial(phase, name, design.labels[name], 0) for phase, name in zip(phases, pool, strict=True)
    ]
    return [*trials[n_demo:], *trials[:n_demo]]


def _spread(
    names: Sequence[str], labels: Mapping[str, int], generator: np.random.Generator
) -> list[str]:
    """Return the names in a random order that goes through the classes in turn."""
    by_class: dict[int, list[str]] = {}
    for i in generator.permutation(len(names)):
        by_class.setdefault(labels[names[i]], []).append(names[i])
    spread: list[str] = []
    for own in cycle(by_class.values()) if by_class else ():
        if len(spread) == len(names):
            break
        if own:
            spread.append(own.pop())
    return spread
