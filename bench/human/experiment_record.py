"""What experiment.json and a participant's list say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import bench
from bench.human.experiment import (
    CATCH,
    DEMO,
    PAUSES,
    PRACTICE,
    SLOW_PRACTICE_TRIALS,
    Condition,
    Design,
    Trial,
    demo_pass,
    grid_columns,
    models_of,
    pauses,
)
from bench.human.experiment_run import RunMaterial
from bench.human.tidy import MAIN, NATURAL
from bench.human.trials import NATURAL_MODEL
from bench.store.keys import content_key

FORMAT = 1
# Feather et al. 2023, the published experiment page; milliseconds.
TIMING: Final = {
    "normal": {"blank": 500, "fixation": 300, "image": 300, "mask": 300},
    "slow": {"blank": 500, "fixation": 500, "image": 400, "mask": 400},
}
# A participant's CSV: what `bench humans import trials` finds by name, then what else is known.
# Those of the list are given with each trial, the others are measured by the page.
LISTED: Final = (
    "experiment", "modality", "participant", "phase", "model", "stage", "stage_index",
    "stimulus", "label", "assigned_model", "assigned_stage",
)  # fmt: skip
MEASURED: Final = (
    "trial", "response", "correct", "rt_ms", "click_x", "click_y", "blank_ms", "fixation_ms",
    "image_ms", "mask_ms", "frame_ms", "hidden", "file", "mask_file", "started",
)  # fmt: skip


class Names(Protocol):
    """Names of the files that a trial shows."""

    def trial(self, trial: Trial) -> str: ...
    def mask(self, number: int) -> str: ...


def facts(
    material: RunMaterial,
    design: Design,
    lists: Mapping[int, Sequence[Trial]],
    shown_px: tuple[int, int],
    submit_url: str | None,
    icons: Path | None,
) -> dict[str, Any]:
    """Return the content of experiment.json."""
    identity = _identity(material, design)
    suite = material.suite
    first = next(iter(lists.values()))
    n = Counter(trial.phase for trial in first)
    return {
        "format": FORMAT,
        "experiment": f"{suite.id}-{content_key(identity)[:8]}",
        "title": suite.title,
        "design": "Feather et al. 2023, online visual experiments (Methods; Supplementary Table 5)",
        "made by": f"metamer-bench {bench.__version__}",
        "run": identity,
        "models": [
            {"model": model, "stages": [c.stage for c in design.conditions if c.model == model]}
            for model in design.models
        ],
        "each participant sees": (
            "metamers of one model" if design.between_models else "metamers of every model"
        ),
        "participants": len(lists),
        "participants by model": dict(
            Counter(m for number in lists for m in models_of(design, number))
        ),
        "trials of the first participant": {
            phase: n[phase] for phase in (PRACTICE, DEMO, MAIN, CATCH)
        },
        "main trials a condition": per_condition(lists),
        "pauses after": list(PAUSES),
        "practice": _practice(design, first),
        "metamers": {
            "counted as passed": (
                "own label kept and beyond the null distribution (criterion of the run)"
                if material.nulls_required
                else "own label kept (the run requires no null distribution)"
            ),
            "missing": _missing(design),
            "missing are replaced by": "the natural stimulus, counted as a natural trial",
            "stages left out": dict(material.left_out),
        },
        "stimuli": {
            "saved as": "8-bit PNG, value x 255 cut off to a whole number",
            "natural": dict(material.record["stimuli"]),
            "masks": "pink noise (amplitude 1/f), mean and contrast of the natural stimuli",
            "n_masks": design.n_masks,
            "catch": "the response icon" if icons else "the category's name as an image",
        },
        "page": {
            "experiment": f"{suite.id}-{content_key(identity)[:8]}",
            "classes": list(material.classes),
            "columns": grid_columns(design.n_classes),
            "shown_px": list(shown_px),
            "timing_ms": TIMING,
            "table": [*LISTED, *MEASURED],
            "participants": len(lists),
            "submit_url": submit_url,
        },
    }  # fmt: skip


def per_condition(lists: Mapping[int, Sequence[Trial]]) -> dict[str, float]:
    """Return mean, least and most main trials a condition and participant, as Table S5 does."""
    counts = [
        count
        for trials in lists.values()
        for count in Counter(t.shown for t in trials if t.phase == MAIN).values()
    ]
    return {
        "mean": round(sum(counts) / len(counts), 2),
        "least": min(counts),
        "most": max(counts),
    }


def trial_list(
    record: Mapping[str, Any],
    design: Design,
    material: RunMaterial,
    number: int,
    trials: Sequence[Trial],
    names: Names,
) -> dict[str, Any]:
    """Return the content of participants/NNN.json."""
    experiment = record["experiment"]
    if design.between_models:  # other people, hence another experiment for the analysis
        experiment += f" {models_of(design, number)[0]}"
    row = _rows(experiment, number, material.classes)
    n_demo = sum(trial.phase == DEMO for trial in trials)
    practised = 0
    listed = []
    for trial in trials:
        practised += trial.phase == PRACTICE
        slow = trial.phase == PRACTICE and practised <= SLOW_PRACTICE_TRIALS
        listed.append(
            {
                "file": names.trial(trial),
                "mask": names.mask(trial.mask),
                "answer": trial.label,
                "timing": "slow" if slow else "normal",
                "feedback": trial.phase == PRACTICE,
                "row": row(trial),
            }
        )
    return {
        "experiment": record["experiment"],
        "participant": number,
        "pauses": list(pauses(trials)),
        "demo_pass": demo_pass(n_demo),
        "trials": listed,
    }


def _rows(
    experiment: str, number: int, classes: Sequence[str]
) -> Callable[[Trial], dict[str, Any]]:
    def row(trial: Trial) -> dict[str, Any]:
        model, stage, index = _named(trial.shown)
        assigned_model, assigned_stage, _ = _named(trial.assigned)
        values = (
            experiment, "vision", number, trial.phase, model, stage, index,
            trial.stimulus, classes[trial.label], assigned_model, assigned_stage,
        )  # fmt: skip
        return dict(zip(LISTED, values, strict=True))

    return row


def _named(condition: Condition | None) -> tuple[str, str, int]:
    if condition is None:
        return NATURAL_MODEL, NATURAL_MODEL, NATURAL
    return condition.model, condition.stage, condition.stage_index


def _identity(material: RunMaterial, design: Design) -> dict[str, Any]:
    """Return what determines the lists, the number of participants apart."""
    weights = {model["id"]: model["weights"] for model in material.record["models"]}
    return {
        "suite": material.suite.id,
        "protocol": material.suite.protocol.model_dump(mode="json"),
        "stimuli": material.suite.stimuli,
        "n_stimuli": len(design.stimuli),
        "seed": design.seed,
        "between_models": design.between_models,
        "n_missing": len(design.missing),
        "practice": content_key(list(design.warm_up))[:8],
        "weights": {model: weights.get(model) for model in design.models},
        "metamers": [
            {"model": c.model, "stage": c.stage, "key": material.places[c].key}
            for c in design.conditions
        ],
    }


def _missing(design: Design) -> list[dict[str, Any]]:
    gone = Counter(condition for condition, _ in design.missing)
    return [
        {"model": c.model, "stage": c.stage, "missing": gone[c], "of": len(design.stimuli)}
        for c in design.conditions
    ]


def _practice(design: Design, trials: Sequence[Trial]) -> dict[str, Any]:
    main = {trial.stimulus for trial in trials if trial.phase == MAIN}
    before = [trial.stimulus for trial in trials if trial.phase in (PRACTICE, DEMO)]
    again = sum(name in main for name in before)
    n_demo = sum(trial.phase == DEMO for trial in trials)
    return {
        "stimuli": "natural",
        "in the main part too": again,
        "slower trials": min(SLOW_PRACTICE_TRIALS, len(before) - n_demo),
        "demo must be right": demo_pass(n_demo) or "nobody is stopped: the demo is too short",
    }
