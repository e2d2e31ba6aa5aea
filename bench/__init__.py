"""Model metamers, cross-model recognition and adversarial robustness for zoos of models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import (
        alignment_2afc,
        attack,
        load,
        load_stimuli,
        null_distribution,
        recognize,
        synthesize,
    )
    from bench.attacks.spec import AttackSpec
    from bench.errors import BenchError
    from bench.hookspecs import hookimpl
    from bench.human.spec import HumanDataSpec
    from bench.plugins import ModelSource
    from bench.proxies.spec import MetricSpec
    from bench.spec import AudioInput, ImageInput, ModelSpec, Stage, Weights
    from bench.stimuli.sets import Stimuli, StimulusSet
    from bench.synthesis.protocols import Protocol
    from bench.tasks.spec import Phase, TaskKind
    from bench.tasks.task import Outcome, Task

__version__ = "0.1.0"

# Imported when first asked for: a plugin that only describes models must not load torch.
_HOMES = {
    "AttackSpec": "bench.attacks.spec",
    "HumanDataSpec": "bench.human.spec",
    "MetricSpec": "bench.proxies.spec",
    "BenchError": "bench.errors",
    "hookimpl": "bench.hookspecs",
    "AudioInput": "bench.spec",
    "ImageInput": "bench.spec",
    "ModelSource": "bench.plugins",
    "ModelSpec": "bench.spec",
    "Stage": "bench.spec",
    "Weights": "bench.spec",
    "Stimuli": "bench.stimuli.sets",
    "StimulusSet": "bench.stimuli.sets",
    "Outcome": "bench.tasks.task",
    "Phase": "bench.tasks.spec",
    "Protocol": "bench.synthesis.protocols",
    "Task": "bench.tasks.task",
    "TaskKind": "bench.tasks.spec",
    "alignment_2afc": "bench.api",
    "attack": "bench.api",
    "load": "bench.api",
    "load_stimuli": "bench.api",
    "null_distribution": "bench.api",
    "recognize": "bench.api",
    "synthesize": "bench.api",
}
_SUBMODULES = ("stats", "synthesis", "testing")

__all__ = [
    "AttackSpec",
    "AudioInput",
    "BenchError",
    "HumanDataSpec",
    "ImageInput",
    "MetricSpec",
    "ModelSource",
    "ModelSpec",
    "Outcome",
    "Phase",
    "Protocol",
    "Stage",
    "Stimuli",
    "StimulusSet",
    "Task",
    "TaskKind",
    "Weights",
    "alignment_2afc",
    "attack",
    "hookimpl",
    "load",
    "load_stimuli",
    "null_distribution",
    "recognize",
    "synthesize",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"bench.{name}")
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, *_SUBMODULES])
