"""Who sees what: balance, each stimulus once, missing metamers, catch trials, practice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from bench.errors import BenchError
from bench.human.experiment import (
    CATCH,
    DEMO,
    PRACTICE,
    Condition,
    Design,
    choose_stimuli,
    demo_pass,
    grid_columns,
    models_of,
    participant_trials,
    pauses,
)
from bench.human.tidy import MAIN

STIMULI = tuple(f"image{i}" for i in range(400))
FRESH = tuple(f"other{i}" for i in range(60))


def design(models: int = 5, stages: int = 7, **changes: object) -> Design:
    """Return by default a design as large as the paper's: 400 images of 16 categories."""
    made = Design(
        stimuli=STIMULI,
        labels={name: i % 16 for i, name in enumerate((*STIMULI, *FRESH))},
        conditions=tuple(
            Condition(f"model{m}", f"stage{s}", s) for m in range(models) for s in range(1, stages)
        ),
        missing=frozenset(),
        warm_up=FRESH,
        n_classes=16,
        n_masks=64,
    )
    return replace(made, **changes)


def of(trials: tuple, *phases: str) -> list:
    return [trial for trial in trials if trial.phase in phases]


def test_a_participant_sees_every_stimulus_once_and_every_model() -> None:
    """Supplementary Table 5: ceil(400 / N) trials a condition, cut to 400; all models."""
    made = design(models=6)  # 36 model stages and natural: 37 conditions, as Visual Experiment 1
    for number in (1, 2):
        main = of(participant_trials(made, number), MAIN)
        assert sorted(trial.stimulus for trial in main) == sorted(STIMULI)
        counts = Counter(trial.assigned for trial in main)
        assert len(counts) == 37
        assert max(counts.values()) <= 11
        assert all(trial.shown == trial.assigned for trial in main)
        assert all(trial.label == int(trial.stimulus[5:]) % 16 for trial in main)


def test_each_answer_is_a_catch_trial_somewhere_among_the_main_ones() -> None:
    trials = participant_trials(design(), 1)
    assert sorted(trial.label for trial in of(trials, CATCH)) == list(range(16))
    body = [trial.phase for trial in trials[28:]]
    assert Counter(body) == {MAIN: 400, CATCH: 16}
    places = [i for i, phase in enumerate(body) if phase == CATCH]
    assert places[0] < 100  # 16 of 416 all beyond the first 100: 1 in 87
    assert places[-1] > 300
    assert pauses(trials) == (28 + 104, 28 + 208, 28 + 312)


def test_practice_and_demo_show_others_of_all_classes() -> None:
    trials = participant_trials(design(), 3)
    assert [trial.phase for trial in trials[:28]] == [PRACTICE] * 16 + [DEMO] * 12
    names = [trial.stimulus for trial in trials[:28]]
    assert len(set(names)) == 28
    assert set(names) <= set(FRESH)
    most, least = (f(Counter(t.label for t in trials[:28]).values()) for f in (max, min))
    assert (most, least) == (2, 1)
    assert demo_pass(12) == 7
    assert demo_pass(11) is None


def test_without_others_practice_shows_only_what_comes_as_natural_anyway() -> None:
    """Nobody sees the original of a metamer before the metamer."""
    made = design(models=1, warm_up=())
    trials = participant_trials(made, 1)
    shown = {trial.stimulus: trial.shown for trial in of(trials, MAIN)}
    before = of(trials, PRACTICE, DEMO)
    assert len(before) == 28
    assert all(shown[trial.stimulus] is None for trial in before)
    few = replace(made, stimuli=STIMULI[:16])
    trials = participant_trials(few, 1)
    natural = sum(trial.shown is None for trial in of(trials, MAIN))
    assert len(of(trials, PRACTICE, DEMO)) == natural < 28


def test_missing_metamers_are_shown_as_natural_and_nothing_else_is() -> None:
    plain = design(models=2)
    gone = plain.conditions[3]
    missing = frozenset((gone, name) for name in STIMULI[::2])
    main = of(participant_trials(replace(plain, missing=missing), 5), MAIN)
    replaced = [trial for trial in main if trial.shown != trial.assigned]
    assert {trial.assigned for trial in replaced} == {gone}
    assert all(trial.shown is None for trial in replaced)
    assert {(t.assigned, t.stimulus) for t in main if t.assigned == gone} & missing == {
        (t.assigned, t.stimulus) for t in replaced
    }


def test_everyone_sees_every_condition_even_with_few_trials() -> None:
    """Else a repeated-measures analysis, and the import, would refuse the participant."""
    few = design(models=2, stimuli=STIMULI[:16])
    rare = replace(few, missing=frozenset((few.conditions[0], n) for n in STIMULI[:10]))
    for number in range(1, 40):
        main = of(participant_trials(rare, number), MAIN)
        assert {trial.shown for trial in main} == {None, *rare.conditions}
        assert len(main) == 16


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(BenchError, match=r"31 conditions .* do not fit in 30 trials.*--between"):
        participant_trials(design(stimuli=STIMULI[:30]), 1)
    few = design(models=1, stimuli=STIMULI[:16])
    never = replace(few, missing=frozenset((few.conditions[2], n) for n in STIMULI[:16]))
    with pytest.raises(BenchError, match="model0, stage stage3 passed so rarely"):
        participant_trials(never, 1)


def test_lists_follow_from_the_seed_and_the_number() -> None:
    lists = {n: participant_trials(design(), n) for n in (1, 2)}
    assert lists[1] == participant_trials(design(), 1)
    assert lists[1] != lists[2]
    assert lists[1] != participant_trials(design(seed=1), 1)


def test_between_models_people_are_spread_evenly() -> None:
    made = design(models=3, between_models=True)
    seen = [models_of(made, n) for n in range(1, 12)]
    for n in range(1, 12):
        counts = Counter(model for own in seen[:n] for model in own)
        assert max(counts.values()) - min(counts[m] for m in made.models) <= 1
    assert any(a != b for a, b in pairwise([seen[0:3], seen[3:6], seen[6:9]]))
    main = of(participant_trials(made, 4), MAIN)
    assert {t.assigned.model for t in main if t.assigned} == set(seen[3])
    assert len({t.assigned for t in main}) == 7


def test_masks_are_paired_at_random_and_evenly() -> None:
    trials = participant_trials(design(), 1)
    counts = Counter(trial.mask for trial in trials)
    assert len(counts) == 64
    assert max(counts.values()) - min(counts.values()) <= 1
    assert [t.mask for t in trials] != [t.mask for t in participant_trials(design(), 2)]


def test_fewer_trials_prefer_stimuli_that_passed_everywhere() -> None:
    """Supplementary Table 5: HMAX's 200 were drawn from those that passed at every stage."""
    gone = design().conditions[0]
    missing = {(gone, name) for name in STIMULI[:150]}
    chosen = choose_stimuli(STIMULI, missing, 200, seed=0)
    assert len(set(chosen)) == 200
    assert set(chosen) <= set(STIMULI[150:])
    assert chosen != choose_stimuli(STIMULI, missing, 200, seed=1)
    more = choose_stimuli(STIMULI, missing, 300, seed=0)
    assert set(STIMULI[150:]) <= set(more)
    with pytest.raises(BenchError, match="the run has 400"):
        choose_stimuli(STIMULI, missing, 401, seed=0)


@pytest.mark.parametrize(("n", "columns"), [(16, 4), (10, 5), (2, 2), (7, 3), (12, 4), (40, 8)])
def test_the_grid_fits(n: int, columns: int) -> None:
    assert grid_columns(n) == columns
