"""Weights: found, hashed, safely read, put into a network."""

from __future__ import annotations

import hashlib
import pickle
import re
import shlex
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from bench import config
from bench.errors import BenchError
from bench.models.download import download, file_name, file_sha256
from bench.spec import Weights

__all__ = ["at_hand", "file_sha256", "fill", "locate", "read_state", "state_sha256"]

# Keys under which training scripts keep the parameters beside other things.
NESTED_KEYS = ("state_dict", "model_state_dict", "model")
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


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors, a PyTorch or a MATLAB file, never unpickling objects.

    A MATLAB file's numeric arrays come under their names, the cells of its cell arrays under
    ``name.0``, ``name.1`` and so on.

    Raises
    ------
    BenchError
        If the file is damaged, is a TorchScript program, or holds pickled objects besides
        tensors: names their classes.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix == ".mat":
            return _matlab_tensors(path)
        if _is_torchscript(path):
            raise BenchError(
                f"weights file {path} is a TorchScript program, not a checkpoint",
                fix="take the publisher's safetensors file, or convert it once, where you trust "
                f"it: {torchscript_command(path)}",
            )
        with warnings.catch_warnings():
            # An unusual pickle protocol concerns no user: what cannot be read is refused.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # raised before anything foreign is run
        raise _not_opened(path, error) from None
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, LookupError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError(
            f"weights file {path} cannot be read", why=why, fix="it may be damaged: fetch it again"
        ) from None
    return _tensors(content, path)


def _not_opened(path: Path, error: pickle.UnpicklingError) -> BenchError:
    classes = _foreign_classes(path, error)
    if not classes:
        return BenchError(
            f"weights file {path} cannot be read",
            why="it is no checkpoint that PyTorch knows",
            fix="it may be damaged: fetch it again",
        )
    return BenchError(
        f"weights file {path} holds pickled objects besides tensors and is not opened",
        why=f"classes {', '.join(classes)}",
        fix="convert it once, where you trust it and these classes are installed: "
        f"{conversion_command(path)}",
    )


def conversion_command(path: Path) -> str:
    """Return the shell command that turns an old checkpoint into tensors alone, under its names.

    It unpickles, so a person runs it, once, on a file that they trust.
    """
    keys = "".join(f"c.get({key!r}) or " for key in NESTED_KEYS)
    script = (
        "import torch, safetensors.torch as s; "
        f"c = torch.load({str(path)!r}, map_location='cpu', weights_only=False); "
        "c = c if isinstance(c, dict) else c.state_dict(); "
        f"c = {keys}c; c = c if isinstance(c, dict) else c.state_dict(); {_saving(path)}"
    )
    return f"python -c {shlex.quote(script)}"


def torchscript_command(path: Path) -> str:
    """Return the shell command that takes the tensors out of a TorchScript program."""
    script = (
        "import torch, safetensors.torch as s; "
        f"c = torch.jit.load({str(path)!r}, map_location='cpu').state_dict(); {_saving(path)}"
    )
    return f"python -c {shlex.quote(script)}"


def _saving(path: Path) -> str:
    return (
        "s.save_file({k: v.clone().contiguous() for k, v in c.items() "
        f"if isinstance(v, torch.Tensor)}}, {str(path.with_suffix('.safetensors'))!r})"
    )


def _is_torchscript(path: Path) -> bool:
    """Say whether a file is a zip with a program in it, as `torch.jit.save` lays it out."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {name.partition("/")[2] for name in archive.namelist()}
    except zipfile.BadZipFile:
        return False  # damaged: what reads it says so
    return "constants.pkl" in inside and any(name.startswith("code/") for name in inside)


def _foreign_classes(path: Path, error: pickle.UnpicklingError) -> list[str]:
    """Return the classes that a checkpoint asks for, as far as they can be told unopened."""
    if hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):
        with suppress(ValueError, RuntimeError):  # no zip file of torch.save, or a torn one
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    return re.findall(r"GLOBAL ([\w.]+)", str(error))[:1]


def _matlab_tensors(path: Path) -> dict[str, torch.Tensor]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path)
    except (MatReadError, NotImplementedError) as error:  # the latter: MATLAB's HDF5 files
        raise ValueError(f"{error}; save it in MATLAB with -v7") from None
    arrays: dict[str, np.ndarray] = {}
    for name, value in content.items():
        if isinstance(value, np.ndarray) and value.dtype == object:
            arrays |= {f"{name}.{i}": cell for i, cell in enumerate(value.ravel())}
        else:
            arrays[name] = value
    return {
        name: torch.from_numpy(np.ascontiguousarray(value, np.float64))
        for name, value in arrays.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
    }


def _tensors(content: Any, path: Path) -> dict[str, torch.Tensor]:
    for key in NESTED_KEYS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if isinstance(content, dict):
        state = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
        if state:
            return state
    raise BenchError(f"weights file {path} holds no state dict")


def fill(module: nn.Module, state: dict[str, torch.Tensor], weights: Weights, model: str) -> None:
    """Load a published state dict into a network, strictly.

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
    state = _under_own_names(state, weights, wanted)
    for part in weights.parts:
        if wanted <= set(state):
            break
        state = _under_own_names(read_state(locate(part, model)), part, wanted) | state
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        lines = " ".join(str(error).split())
        raise BenchError(
            f"model {model}: the weights do not fit the network", why=lines[:SHOWN_CHARACTERS]
        ) from None


def _under_own_names(
    state: dict[str, torch.Tensor], weights: Weights, wanted: set[str]
) -> dict[str, torch.Tensor]:
    candidates = [_without(prefix, state) for prefix in (*weights.prefix, "")]
    # Of equals, the first; before the publisher's names are adapted none may fit.
    state = max(filter(None, candidates), key=lambda found: len(wanted & set(found)), default=state)
    return weights.adapt(state) if weights.adapt is not None else state


def _without(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
