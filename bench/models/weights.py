"""Weights: found, hashed, put into a network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

import torch
from torch import nn

from bench import config
from bench.errors import BenchError
from bench.models.download import download, file_name, file_sha256
from bench.models.reading import read_state
from bench.spec import Weights

__all__ = ["at_hand", "file_sha256", "fill", "locate", "state_sha256"]

# What DataParallel, torch.compile and training scripts put before every name, and mixtures.
WRAPPERS = ("module.", "_orig_mod.", "model.")
WRAPPED_TWICE = tuple(one + two for one in WRAPPERS for two in WRAPPERS if one != two)
SHOWN_CHARACTERS = 300


def state_sha256(module: nn.Module) -> str:
    """Return the SHA-256 over a network's parameters and buffers, names and values."""
    total = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        data = value.detach().cpu().contiguous()
        total.update(f"{name}\0{data.dtype}\0{tuple(data.shape)}\0".encode())
        total.update(data.reshape(-1).view(torch.uint8).numpy().tobytes() if data.numel() else b"")
    return total.hexdigest()


def locate(weights: Weights, model: str) -> Path:
    """Return the weights' file, downloaded if needed, its SHA-256 checked.

    Raises
    ------
    BenchError
        If no source delivers the file, or it is not the published one.
    """
    path = _find(weights, model)
    if weights.sha256 is not None and not (found := file_sha256(path)).startswith(weights.sha256):
        raise BenchError(
            f"model {model}: weights file {path} is not the published one",
            why=f"SHA-256 {found[:12]}..., expected {weights.sha256[:12]}...",
            fix="delete it and run again to fetch it anew",
        )
    return path


def at_hand(weights: Weights) -> bool:
    """Return whether the weights' file is on this machine, so that nothing would be fetched."""
    return _place(weights).is_file()


def _place(weights: Weights) -> Path:
    """Return where the weights' file lies, or will lie when it is fetched."""
    if weights.file is not None:
        return weights.file
    name = str(weights.member) if weights.url is None else file_name(weights.url)
    return config.cache_dir() / "weights" / name


def _find(weights: Weights, model: str) -> Path:
    path = _place(weights)
    if weights.url is not None:
        urls = (weights.url, *weights.mirrors)
        return download(urls, path.parent, f"model {model}", weights.sha256)
    if path.is_file():
        return path
    if weights.file is not None:
        raise BenchError(f"model {model}: weights file {path} does not exist")
    raise BenchError(
        f"model {model}: its weights are published only inside an archive",
        why=f"{weights.member} in {weights.archive}",
        fix=f"fetch and unpack the archive, then save the file as {path}, "
        "or pass its path as weights=",
    )


def fill(module: nn.Module, state: dict[str, torch.Tensor], weights: Weights, model: str) -> None:
    """Load a published state dict into a network, strictly.

    A prefix that wrappers put before every name is dropped where the names fit without it.

    Parameters
    ----------
    weights
        Whose rules (prefix, adapt) turn the published names into the network's, and whose parts
        complete what the state dict lacks.

    Raises
    ------
    BenchError
        Naming the first parameters that are missing, unexpected, or of another shape.
    """
    wanted = set(module.state_dict())
    published = state
    state = _under_own_names(state, weights, wanted)
    for part in weights.parts:
        if wanted <= set(state):
            break
        state = _under_own_names(read_state(locate(part, model)), part, wanted) | state
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        common = _shared_prefixes(published)[-1:]
        raise BenchError(
            f"model {model}: the weights do not fit the network",
            why=lines[:SHOWN_CHARACTERS],
            fix=f"every name in the file begins with {common[0]!r}" if common else "",
        ) from None


def _under_own_names(
    state: dict[str, torch.Tensor], weights: Weights, wanted: set[str]
) -> dict[str, torch.Tensor]:
    prefixes = dict.fromkeys((*weights.prefix, "", *WRAPPERS, *WRAPPED_TWICE))
    prefixes |= dict.fromkeys(_shared_prefixes(state))
    candidates = [_without(prefix, state) for prefix in prefixes]
    # Of equals, the first; before the publisher's names are adapted none may fit.
    state = max(filter(None, candidates), key=lambda found: len(wanted & set(found)), default=state)
    return weights.adapt(state) if weights.adapt is not None else state


def _shared_prefixes(names: Iterable[str]) -> list[str]:
    """Return the prefixes, each ending in a dot, that all names share, the shortest first."""
    split = [name.split(".")[:-1] for name in names]
    shared = []
    for parts in zip(*split, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(f"{parts[0]}.")
    return list(accumulate(shared))


def _without(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
