"""The checks that every model must pass, for plugin authors' own tests."""

from __future__ import annotations

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.models.checks import Check, StageFacts, check_loaded, stage_facts
from bench.models.door import stimulus_shape
from bench.models.load import load_spec
from bench.spec import ModelSpec


@dataclass(frozen=True)
class ModelReport:
    """What checking a model found."""

    model: str
    stages: list[StageFacts]
    checks: list[Check]

    @property
    def problems(self) -> list[str]:
        """What is wrong, a line each."""
        return [f"{c.question}: {c.problem}" for c in self.checks if c.problem]


def check_model(
    spec: ModelSpec, weights: str | Path | None = None, device: str = "cpu"
) -> ModelReport:
    """Check one model; `ModelReport.problems` is empty if it is fit for the bench.

    Parameters
    ----------
    weights
        As in `bench.load`; None, the default, checks the network with random weights.

    Raises
    ------
    BenchError
        If the model cannot be built.
    """
    model = load_spec(spec, weights, device)
    checks = [*check_loaded(model), check_light(spec)]
    x = torch.rand(1, *stimulus_shape(spec.input))
    broken = any(c.problem for c in checks[:1])
    return ModelReport(spec.id, [] if broken else stage_facts(model, x), checks)


def check_light(spec: ModelSpec) -> Check:
    """Ask whether importing the module that builds the model imports torch."""
    build: Any = spec.build
    while isinstance(build, functools.partial):
        build = build.func
    module = getattr(build, "__module__", "")
    question = "registering imports no torch"
    if not module or module == "__main__":
        return Check(question, "not asked: the builder is not in a module")
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Check(question, "yes")
    problem = f"import torch inside the builder, not at the top of {module}"
    if "Error" in done.stderr:
        return Check(question, f"not asked: {module} cannot be imported by itself")
    return Check(question, "no", problem)
