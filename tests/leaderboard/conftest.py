"""Results of imaginary models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.leaderboard.result import ModelFacts, ModelResult, Proportion, RobustResult
from bench.suites.suite import Suite

SUITE = Suite.model_validate(
    {
        "id": "toy",
        "title": "Toy",
        "stimuli": "toy",
        "label_space": "digits",
        "limit": 10,
        "protocol": {"name": "feather2023-short"},
        "board": {"robustness_eps": 0.03, "alignment_metric": "haarpsi"},
    }
)


def proportion(value: float, half: float = 0.05, n: int = 100) -> Proportion:
    return Proportion(value=value, low=max(0, value - half), high=min(1, value + half), n=n)


@pytest.fixture
def make() -> Callable[..., ModelResult]:
    def result(name: str, alignment: float | None, robust: float | None = None, **changes: Any):
        fields: dict[str, Any] = {
            "suite": SUITE,
            "model": ModelFacts(
                id=name,
                family="f",
                training="standard",
                reference="",
                license="",
                weights="0" * 64,
                code="1" * 64,
                plugin="p",
                distribution="d",
                version="1",
            ),
            "panel": ("a", "b"),
            "accuracy": proportion(0.9),
            "natural_others": None,
            "stages": (),
            "mean_others": None if alignment is None else proportion(alignment),
            "late_others": None,
            "robustness": ()
            if robust is None
            else (
                RobustResult(
                    attack="pgd",
                    steps=5,
                    norm="linf",
                    eps=0.03,
                    accuracy=proportion(robust),
                    subsets=5,
                    sem=0.01,
                ),
            ),
            "epochs": {"synthesis": 1},
            "stimuli": {"toy[10]": {"sha256": "2" * 64, "n": 10}},
            "versions": {"python": "3.11"},
            "device": "cpu",
            "command": "bench run",
            "date": "2026-01-01T00:00:00+00:00",
        }
        return ModelResult(**{**fields, **changes})

    return result
