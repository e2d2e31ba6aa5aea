"""Which models and stages a run asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import BenchError, lines_by_reason
from bench.labels.spaces import compatible
from bench.plugins import Plugins
from bench.registry import near_names
from bench.runner.identity import model_identity
from bench.spec import ModelSpec
from bench.suites.suite import Suite
from bench.tasks.task import PlannedModel

ALL = "all"
FAMILY = "family:"


@dataclass(frozen=True)
class Selection:
    """The models of a run, and what was asked for but cannot take part, with reasons.

    ``unavailable`` has models by id, and stages as ``MODEL, stage NAME``.
    """

    models: tuple[PlannedModel, ...]
    unavailable: dict[str, str]


def select(plugins: Plugins, suite: Suite) -> Selection:
    """Resolve a suite's models and stages.

    Raises
    ------
    BenchError
        If a name is unknown, a model's labels do not fit the suite, or nothing is left.
    """
    specs: dict[str, ModelSpec] = {}
    for name in suite.models:
        for spec in _named(plugins, suite, name):
            specs.setdefault(spec.id, spec)
    unavailable = {}
    available = []
    for spec in specs.values():
        if missing := spec.missing_packages():
            unavailable[spec.id] = f"needs `pip install {' '.join(missing)}`"
        else:
            available.append(spec)
    if not available:
        raise BenchError(
            f"suite {suite.id}: no model is left to run",
            why="; ".join(lines_by_reason(unavailable.items())),
            fix="see `bench models list`",
        )
    stages = {spec.id: _stages(spec, suite.stages) for spec in available}
    _refuse_unknown_stages(available, suite.stages)
    measured_only = [
        f"{spec.id}, stage {name}"
        for spec in available
        for name in suite.stages
        if name in spec.stages and name not in stages[spec.id]
    ]
    unavailable.update(dict.fromkeys(measured_only, "is only measured, not synthesised"))
    models = tuple(
        PlannedModel(spec, model_identity(plugins, spec), stages[spec.id]) for spec in available
    )
    if measured_only and not any(model.stages for model in models):
        raise BenchError(
            f"suite {suite.id}: no stage is left to make metamers from",
            why="; ".join(lines_by_reason(unavailable.items())),
            fix="see `bench models show MODEL`",
        )
    return Selection(models, unavailable)


def _named(plugins: Plugins, suite: Suite, name: str) -> list[ModelSpec]:
    fitting = [spec for spec in plugins.models if compatible(spec.labels, suite.label_space)]
    if name == ALL:
        return fitting
    if name.startswith(FAMILY):
        family = name.removeprefix(FAMILY)
        found = [spec for spec in fitting if spec.family == family]
        if not found:
            near = near_names(family, {spec.family for spec in plugins.models})
            raise BenchError(
                f"no model of a family {family!r} fits suite {suite.id}",
                fix=f"did you mean {', '.join(near)}?" if near else "see `bench models list`",
            )
        return found
    spec = plugins.model(name)
    if not compatible(spec.labels, suite.label_space):
        raise BenchError(
            f"model {spec.id} answers in {spec.labels}, suite {suite.id} asks for "
            f"{suite.label_space}"
        )
    return [spec]


def _stages(spec: ModelSpec, wanted: Sequence[str]) -> tuple[str, ...]:
    made = [name for name in spec.stages if spec.stage(name).synthesis]
    return tuple(name for name in made if ALL in wanted or name in wanted)


def _refuse_unknown_stages(specs: Sequence[ModelSpec], wanted: Sequence[str]) -> None:
    known = {name for spec in specs for name in spec.stages}
    for name in wanted:
        if name != ALL and name not in known:
            near = near_names(name, known) or sorted(known)
            raise BenchError(
                f"no model of this run has a stage {name!r}", fix=f"stages: {', '.join(near)}"
            )
