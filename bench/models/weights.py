"""Weights: fetched, hashed, safely read, put into a network."""

from __future__ import annotations

import hashlib
import pickle
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from bench import config
from bench.errors import BenchError
from bench.spec import Weights

CHUNK = 1 << 20
# Keys under which training scripts keep the parameters beside other things.
NESTED_KEYS = ("state_dict", "model_state_dict", "model")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    path = weights.file if weights.file is not None else _download(weights, model)
    if not path.is_file():
        raise BenchError(f"model {model}: weights file {path} does not exist")
    if weights.sha256 is not None and (found := file_sha256(path)) != weights.sha256:
        raise BenchError(
            f"model {model}: weights file {path} is not the published one",
            why=f"SHA-256 {found[:12]}..., expected {weights.sha256[:12]}...",
            fix="delete it and run again to fetch it anew",
        )
    return path


def _download(weights: Weights, model: str) -> Path:
    assert weights.url is not None  # Weights has a url where it has no file
    name = weights.url.rsplit("/", 1)[-1].split("?")[0] or "weights"
    source = hashlib.sha256(weights.url.encode()).hexdigest()[:8]
    target = config.cache_dir() / "weights" / f"{source}-{name}"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    failures = []
    for url in (weights.url, *weights.mirrors):
        try:
            _fetch(url, part)
        except (OSError, urllib.error.URLError) as error:
            failures.append(f"{url}: {error}")
            continue
        if weights.sha256 is not None and file_sha256(part) != weights.sha256:
            failures.append(f"{url}: the file is not the published one (SHA-256 differs)")
            part.unlink()
            continue
        part.replace(target)
        return target
    raise BenchError(
        f"model {model}: its weights could not be fetched",
        why="; ".join(failures),
        fix=f"fetch the file yourself and save it as {target}",
    )


def _fetch(url: str, part: Path) -> None:
    """Download to ``part``, going on where an earlier attempt stopped."""
    request = urllib.request.Request(url)  # noqa: S310  the plugin's author chose the address
    start = part.stat().st_size if part.exists() else 0
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        if "text/html" in answer.headers.get("Content-Type", ""):
            raise OSError("the server answered with a web page instead of the file")
        resumed = start and answer.status == 206
        with part.open("ab" if resumed else "wb") as file:
            shutil.copyfileobj(answer, file, CHUNK)


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors or a PyTorch file, never unpickling objects.

    Raises
    ------
    BenchError
        If the file is damaged or holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, EOFError) as error:
        raise BenchError(f"weights file {path} cannot be read", why=str(error)) from None
    except pickle.UnpicklingError as error:  # raised before anything foreign is run
        raise BenchError(
            f"weights file {path} holds more than tensors and is not opened",
            why=str(error).splitlines()[0],
            fix="convert it once, where you trust it: torch.load, then "
            "safetensors.torch.save_file(state_dict, 'weights.safetensors')",
        ) from None
    return _tensors(content, path)


def _tensors(content: Any, path: Path) -> dict[str, torch.Tensor]:
    for key in NESTED_KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise BenchError(f"weights file {path} holds no state dict")
    return {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}


def fill(module: nn.Module, state: dict[str, torch.Tensor], weights: Weights, model: str) -> None:
    """Load a state dict into a network, strictly.

    Raises
    ------
    BenchError
        Naming the first parameters that are missing, unexpected, or of another shape.
    """
    for prefix in weights.prefix:
        chosen = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if chosen:
            state = chosen
            break
    if weights.adapt is not None:
        state = weights.adapt(state)
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise BenchError(
            f"model {model}: the weights do not fit the network", why=lines[:300]
        ) from None
