"""What models, attacks and distances are, for the keys of tasks: weights, description, code.

Code of the bench itself is not hashed: each kind of task has a version, raised when its
numbers change. Of a plugin it is all modules of its package (or its one file), and the file that
defines what the plugin registered.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench
from bench.plugins import Plugins
from bench.spec import ModelSpec, Stage, Weights
from bench.store.keys import bytes_sha256, canonical, files_sha256

OWN_CODE = Path(bench.__file__).parent
UNDECLARED = "built by the plugin"


def model_identity(plugins: Plugins, spec: ModelSpec) -> dict[str, str]:
    """Return what a model is; of weights that its builder fetches only what was loaded tells."""
    weights = spec.weights.get("default")
    return {
        "id": spec.id,
        "weights": UNDECLARED if weights is None else _weights_identity(weights),
        "spec": _description(spec),
        "code": code_sha256(plugins, plugins.models.origin(spec.id), spec.build),
    }


def code_sha256(plugins: Plugins, plugin: str, entry: Callable[..., Any]) -> str:
    """Return the SHA-256 of a plugin's code and of the file that defines ``entry``."""
    files = plugins.source_files(plugin)
    home = _home(entry)
    if home is not None and home not in files and OWN_CODE not in home.parents:
        files = [*files, home]
    return files_sha256(files)


def _home(entry: Any) -> Path | None:
    """Return the file that defines a function, method, partial, class or callable object."""
    while isinstance(entry, functools.partial):
        entry = entry.func
    entry = inspect.unwrap(getattr(entry, "__func__", entry))
    if not (inspect.isroutine(entry) or inspect.isclass(entry)):
        entry = type(entry)
    try:
        file = inspect.getsourcefile(entry)
    except TypeError:  # built in
        return None
    path = None if file is None else Path(file)
    return path if path is not None and path.is_file() else None


def _weights_identity(weights: Weights) -> str:
    """Return the weights' hash, or where they come from; what was loaded is compared later."""
    if weights.file is not None:
        own = weights.sha256 or files_sha256([weights.file])
    else:
        own = weights.sha256 or weights.url or f"{weights.member} in {weights.archive}"
    return " + ".join([own, *map(_weights_identity, weights.parts)])


def _description(spec: ModelSpec) -> str:
    """Return the SHA-256 of all that a spec says of what is computed."""
    stages = {name: _stage(spec.stage(name)) for name in spec.stages}
    said = {
        "input": repr(spec.input),
        "labels": spec.labels,
        "stages": list(stages.items()),  # their order counts
        "measures": list(spec.match_measures),
        "protocols": dict(spec.protocols),
    }
    return bytes_sha256(canonical(said).encode())


def _stage(stage: Stage) -> list[Any]:
    groups = [
        repr(group) if isinstance(group, slice) else [int(i) for i in group]
        for group in stage.unit_sets
    ]
    pick = _picker(stage.pick)
    return [stage.module, pick, stage.call, stage.synthesis, stage.modified_relu, groups]


def _picker(pick: Any) -> Any:
    """Describe what selects a tensor: by its name, and by what it was made with."""
    if isinstance(pick, functools.partial):
        return [_picker(pick.func), repr(pick.args), repr(sorted(pick.keywords.items()))]
    if isinstance(pick, operator.itemgetter | operator.attrgetter):
        return repr(pick)
    return None if pick is None else getattr(pick, "__qualname__", type(pick).__qualname__)
