"""A run directory with made-up results, written through the store as a real run does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.store.run_dir import Place, RunDir
from bench.store.tables import write_tables

IDS = [f"s{i:02d}" for i in range(10)]
LABELS = np.arange(10)


@dataclass
class FakeRun:
    """A run directory with its record, board and natural stimuli."""

    run_dir: RunDir
    record: dict[str, Any]
    board: pd.DataFrame
    natural: tuple[list[str], np.ndarray]
    failures: list[tuple[str, str]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)  # of the metamers, by model and stage


Build = Callable[..., FakeRun]


def _recognition(recogniser: str, generator: str, stage: str, correct: np.ndarray,
                 included: np.ndarray) -> pd.DataFrame:  # fmt: skip
    return pd.DataFrame(
        {
            "recognition_model": recogniser,
            "generation_model": generator,
            "stage": stage,
            "id": IDS,
            "predicted": np.where(correct, LABELS, (LABELS + 1) % 10),
            "correct": correct,
            "label": LABELS,
            "included": included,
            "epoch": 1,
        }
    )


def _synthesis(model: str, stage: str, match: np.ndarray, draw: np.random.Generator):
    natural = LABELS
    return pd.DataFrame(
        {
            "model": model,
            "stage": stage,
            "id": IDS,
            "loss": 0.01,
            "spearman": draw.uniform(0.8, 1, 10),
            "pearson": draw.uniform(0.9, 1, 10),
            "snr_db": draw.uniform(15, 30, 10),
            "label_natural": natural,
            "label_metamer": np.where(match, natural, (natural + 1) % 10),
            "label_match": match,
            "label": LABELS,
            "epoch": 1,
        }
    )


def _record(models: list[str], stages: list[str]) -> dict[str, Any]:
    suite = {
        "id": "toy",
        "title": "Toy suite",
        "description": "Made up.",
        "stimuli": "toy-set",
        "label_space": "digits",
        "limit": 10,
        "models": ["all"],
        "stages": ["all"],
        "seed": 0,
        "protocol": {"name": "feather2023-short", "replace": {"steps": 5}},
        "robustness": {"attack": "pgd"},
        "board": {
            "late_stages": 2,
            "robustness_norm": "linf",
            "robustness_eps": 0.0313725490196,
            "alignment_metric": "haarpsi",
        },
    }
    return {
        "status": "finished",
        "suite": suite,
        "models": [
            {
                "id": model,
                "weights": "0123456789abcdef",
                "family": "toy",
                "training": "standard",
                "reference": "Toy 2025",
                "license": "MIT",
                "stages": stages,
                "distribution": "toys",
                "version": "1.0",
            }
            for model in models
        ],
        "unavailable": {},
        "stimuli": {"toy-set[10]": {"sha256": "f" * 64, "n": 10}},
        "epochs": {"synthesis": 1},
        "device": "cpu",
        "shard": "",
        "command": "bench run",
        "versions": {"python": "3.11"},
        "started": "2025-01-01T00:00:00+00:00",
        "ended": "2025-01-01T00:01:00+00:00",
        "tasks": [
            {
                "kind": "synthesis",
                "key": f"{m}-{s}".encode().hex(),
                "model": model,
                "generator": model,
                "stage": stage,
                "title": f"synthesis {model} {stage}",
            }
            for m, model in enumerate(models)
            for s, stage in enumerate(stages)
        ],
    }


def _board(models: list[str], draw: np.random.Generator, robustness: bool) -> pd.DataFrame:
    rows: dict[str, Any] = {
        "rank": [str(i + 1) for i in range(len(models))],
        "model": models,
        "training": "standard",
    }
    for name in ("alignment", "late", "two_afc", "accuracy", "robust"):
        there = robustness or name != "robust"
        alone = len(models) == 1 and name in ("alignment", "late")
        value = draw.uniform(0.2, 0.9, len(models)) if there and not alone else np.nan
        rows[name] = value
        rows[f"{name}_low"] = value - 0.06
        rows[f"{name}_high"] = value + 0.05
        rows[f"{name}_n"] = 10.0 if there and not alone else np.nan
    return pd.DataFrame(rows)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return a function that builds a run of the models and stages it is given."""

    def make(
        models: list[str],
        stages: list[str] | None = None,
        failing: dict[str, str] | None = None,
        robustness: bool = True,
        root: Path | None = None,
        sounds: bool = False,
    ) -> FakeRun:
        """``failing`` maps ``model/stage`` to a reason."""
        return _build(root or tmp_path / "run", models, stages or ["conv1", "conv2", "logits"],
                      failing or {}, robustness, sounds)  # fmt: skip

    return make


def _build(root: Path, models: list[str], stages: list[str], failing: dict[str, str],
           robustness: bool, sounds: bool) -> FakeRun:  # fmt: skip
    draw = np.random.default_rng(0)
    run_dir = RunDir(root)
    record = _record(models, stages)
    shape = (10, 4000) if sounds else (10, 3, 32, 32)
    natural = draw.uniform(0, 1, shape).astype(np.float32)
    places, recognised, failures = [], [], []
    everyone = np.full(10, True)
    for model in models:
        correct = draw.uniform(size=10) < 0.95
        recognised.append(_recognition(model, "natural", "natural", correct, everyone))
    for task in record["tasks"]:
        model, stage = task["model"], task["stage"]
        number = stages.index(stage)
        depth = (number + 1) / (len(stages) + 1)
        if reason := failing.get(f"{model}/{stage}"):
            run_dir.record_failure(task["key"], reason, "a traceback", {})
            failures.append((task["title"], reason))
            continue
        match = (LABELS + number) % 5 != 3  # two of ten metamers get another label
        place = Place("synthesis", task["key"], model, stage)
        noise = draw.uniform(0, 1, shape).astype(np.float32)
        metamers = (1 - depth) * natural + depth * noise
        run_dir.commit(place, _synthesis(model, stage, match, draw), {"stimuli": metamers})
        places.append(place)
        for other in models:
            correct = draw.uniform(size=10) < (0.95 if other == model else 0.95 - 0.8 * depth)
            recognised.append(_recognition(other, model, stage, correct, match))
    key = "ab" * 12
    run_dir.commit(Place("recognition", key), pd.concat(recognised, ignore_index=True))
    run_dir.write_record(record)
    write_tables(run_dir, [*places, Place("recognition", key)])
    board = _board(models, draw, robustness)
    return FakeRun(run_dir, record, board, (IDS, natural), failures, places)
