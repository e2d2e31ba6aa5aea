"""What run.json says: the run's settings, where its numbers come from, and its state."""

from __future__ import annotations

import importlib.metadata
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench
from bench.errors import BenchError
from bench.plugins import Plugins
from bench.runner.plan import Plan
from bench.store.run_dir import Place
from bench.tasks.task import RunSettings

VERSIONS_OF = (
    "metamer-bench", "torch", "torchvision", "timm", "numpy", "pandas", "scipy",
    "scikit-learn", "piq", "pyarrow", "safetensors",
)  # fmt: skip
RUNNING, FINISHED, FAILED, INTERRUPTED, PARTIAL = (
    "running",
    "finished",
    "finished with failures",
    "interrupted",
    "shard finished",
)


def new_record(
    plugins: Plugins,
    settings: RunSettings,
    plan: Plan,
    old: Mapping[str, Any] | None,
    shard: str,
) -> dict[str, Any]:
    """Return the record of a run that begins, or that goes on with an ``old`` one."""
    return {
        "status": RUNNING,
        "suite": settings.suite.model_dump(mode="json", exclude_none=True),
        "models": [_model(plugins, planned) for planned in plan.models],
        "unavailable": plan.unavailable,
        "stimuli": plan.stimuli,
        "weights": dict(old["weights"]) if old else {},
        "epochs": {kind.id: kind.version for kind in plugins.tasks},
        "device": old["device"] if old else "",
        "batch_size": settings.batch_size,
        "shard": shard,
        "command": shlex.join(["bench", *sys.argv[1:]]),
        "versions": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            **{name: _version(name) for name in VERSIONS_OF},
            "commit": _commit(),
        },
        "started": now(),
        "tasks": [
            {
                "kind": task.kind,
                "key": task.key,
                "model": task.model,
                "generator": task.generator,
                "stage": task.stage,
                "title": task.title,
            }
            for task in plan.tasks
        ],
    }


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _commit() -> str:
    """Return the commit of the checkout that the program runs from; a dash where it is none."""
    folder = Path(bench.__file__).parents[1]
    if not (folder / ".git").exists():
        return "-"
    call = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(call, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):  # no git, or a checkout that it does not trust
        return "-"
    return found.stdout.strip()


def _model(plugins: Plugins, planned: Any) -> dict[str, Any]:
    spec = planned.spec
    origin = plugins.models.origin(spec.id)
    report = plugins.reports.get(origin)
    return {
        **planned.identity,
        "family": spec.family,
        "training": spec.training,
        "reference": spec.reference,
        "license": spec.license,
        "reported_accuracy": spec.accuracy,
        "stages": list(planned.stages),
        "plugin": origin,
        "distribution": report.distribution if report else "-",
        "version": report.version if report else "-",
    }


def places(record: Mapping[str, Any]) -> list[Place]:
    """Return where the results of a recorded run's tasks lie."""
    return [
        Place(task["kind"], task["key"], task["generator"], task["stage"])
        for task in record["tasks"]
    ]


def measured_on(record: Mapping[str, Any]) -> list[str]:
    """Return the devices on which a run's results were measured; none if it is new."""
    return [name for name in record["device"].split(", ") if name]


def refuse_other_settings(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> None:
    """Raise a `BenchError` if two runs differ in more than the models they ask for."""
    a, b = ({k: v for k, v in side["suite"].items() if k != "models"} for side in (old, new))
    different = sorted(key for key in {*a, *b} if a.get(key) != b.get(key))
    if different:
        names = ", ".join(
            f"{key} ({_short(a.get(key))}, now {_short(b.get(key))})" for key in different
        )
        raise BenchError(
            f"{where} holds a run with other settings: {names}",
            fix="choose another directory with --out",
        )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
