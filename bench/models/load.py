"""From a registered description to a network that runs."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.errors import BenchError, ItemError
from bench.legible import one_line
from bench.models.reading import read_state
from bench.models.staged import StagedModel
from bench.models.weights import file_sha256, fill, locate, state_sha256
from bench.spec import ModelSpec, Weights

RANDOM_SEED = 0


def pick_device(name: str | torch.device) -> torch.device:
    """Return the device called ``name``; ``auto`` is the GPU if there is one.

    Raises
    ------
    BenchError
        If the name is unknown or the device is not there.
    """
    if isinstance(name, torch.device):
        return name
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError(
            f"device {name!r} cannot be used", why=why, fix="try cpu, cuda or auto"
        ) from None
    return device


def device_name(device: str | torch.device) -> str:
    """Return what a device is: ``cpu``, or the GPU's own name."""
    chosen = pick_device(device)
    return torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type


def load_spec(
    spec: ModelSpec,
    weights: str | Path | None = "default",
    device: str | torch.device = "auto",
    seed: int = RANDOM_SEED,
) -> StagedModel:
    """Build a model with its weights.

    Parameters
    ----------
    weights
        Name of a set of weights; None for random weights drawn from ``seed``; or the path of a
        checkpoint, under its family's published key names.

    Raises
    ------
    BenchError
        If the model needs a package that is not installed, or its weights cannot be had.
    """
    if missing := spec.missing_packages():
        raise BenchError(
            f"model {spec.id} needs packages that are not installed",
            fix=f"pip install {' '.join(missing)}",
        )
    target = pick_device(device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module, weights_id = _build(spec, weights, seed)
    return StagedModel(spec, module, target, weights_id)


def _build(spec: ModelSpec, weights: str | Path | None, seed: int) -> tuple[torch.nn.Module, str]:
    if weights is None:
        return _call(spec, None), f"random:{seed}"
    if isinstance(weights, str) and weights in spec.weights:
        published = spec.weights[weights]
        path = locate(published, spec.id)
        module = _call(spec, None)
        fill(module, read_state(path), published, spec.id)
        return module, state_sha256(module) if published.parts else file_sha256(path)
    if isinstance(weights, Path) or Path(weights).suffix or Path(weights).is_file():
        path = Path(weights)
        module = _call(spec, None)
        rules = next(iter(spec.weights.values()), None) or Weights(file=path)
        fill(module, read_state(path), rules, spec.id)
        return module, state_sha256(module) if rules.parts else file_sha256(path)
    if weights != "default" and spec.weights:
        raise BenchError(
            f"model {spec.id} has no weights called {weights!r}",
            fix=f"there are: {', '.join(spec.weights)}; or give a file's path, or None",
        )
    module = _call(spec, weights)
    return module, state_sha256(module)


def _call(spec: ModelSpec, weights: str | None) -> torch.nn.Module:
    try:
        module = spec.build(weights)
    except BenchError:
        raise
    except Exception as error:
        text = one_line(error)
        raise ItemError(
            f"model {spec.id} could not be built: {type(error).__name__}: {text}"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise ItemError(f"model {spec.id}: build returned {type(module).__name__}, not a Module")
    return module
