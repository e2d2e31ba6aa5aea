"""A run with toy models, in this process."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.plugins import Plugins
from bench.runner.backends import Workers
from bench.runner.run import RunResult, run
from bench.suites.suite import Suite
from bench.tasks.task import RunSettings

SUITE = {
    "id": "toy",
    "title": "Toy",
    "stimuli": "toy",
    "label_space": "digits",
    "limit": 4,
    "models": ["toy-a", "toy-b"],
    "protocol": {"name": "feather2023-short", "replace": {"steps": 2, "repetitions": 2}},
    "accuracy": {"n": 10},
    "nulls": {"stimuli": "toy", "n": 20, "pairs": 100},
    "robustness": {"n": 10, "subsets": 5, "steps": 2, "eps": {"linf": [0.1], "l2": [0.5]}},
    "alignment": {"metrics": ["haarpsi"]},
    "board": {"robustness_eps": 0.1, "alignment_metric": "haarpsi"},
}


@pytest.fixture(scope="session")
def toy_plugins() -> Plugins:
    names = {
        "toy": "toy_plugin",
        "attacks": "bench_plugins.attacks",
        "metrics": "bench_plugins.metrics",
        "tasks": "bench_plugins.tasks",
    }
    return Plugins([EntryPoint(name, value, "bench") for name, value in names.items()])


@pytest.fixture
def toy_settings(tmp_path: Path) -> Callable[..., RunSettings]:
    def settings(root: Path | None = None, **changes: Any) -> RunSettings:
        suite = Suite.model_validate({**SUITE, **changes})
        return RunSettings(root=root or tmp_path / "run", suite=suite, device="cpu")

    return settings


@pytest.fixture
def do(toy_plugins: Plugins) -> Callable[..., RunResult]:
    def work(settings: RunSettings, shard: tuple[int, int] | None = None) -> RunResult:
        return run(toy_plugins, settings, Workers(count=1), shard, Console(file=StringIO()))

    return work
