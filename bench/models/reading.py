"""State dicts read from files of any kind, told by their content, never unpickling objects."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import shlex
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from bench.errors import BenchError

# Keys under which training scripts keep the parameters beside other things.
NESTED_KEYS = ("state_dict", "model_state_dict", "model")
# What the libraries raise for files that are damaged, or of another kind than they seem.
DAMAGED = (
    OSError,
    SafetensorError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    NameError,  # SciPy's, of a MATLAB file whose tags are wrong
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
HDF5 = b"\x89HDF\r\n\x1a\n"
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first object in files of PyTorch before 1.6
HEAD_BYTES = 64
SAFE_PROTOCOL = 2  # of pickle: what PyTorch writes, and reads without running it
NAMES_SHOWN = 5


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict from safetensors, a PyTorch or a MATLAB file, never unpickling objects.

    A MATLAB file's numeric arrays come under their names, the cells of its cell arrays under
    ``name.0``, ``name.1`` and so on.

    Raises
    ------
    BenchError
        If the file is damaged or of another kind, is a TorchScript program, or holds pickled
        objects besides tensors: names their classes.
    """
    try:
        head = _head(path)
        if _is_safetensors(path, head):
            return load_file(path)
        if path.suffix == ".mat" or head.startswith(b"MATLAB"):
            return _matlab_tensors(path)
        _refuse_other_kinds(path, head)
        with warnings.catch_warnings():
            # An unusual pickle protocol concerns no user: what cannot be read is refused.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            with path.open("rb") as file:  # by its content: torch goes by a path's suffix
                content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # raised before anything foreign is run
        raise _not_opened(path, error) from None
    except DAMAGED as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BenchError(
            f"weights file {path} cannot be read", why=why, fix="it may be damaged: fetch it again"
        ) from None
    return _tensors(content, path)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _is_safetensors(path: Path, head: bytes) -> bool:
    """Say whether a file is safetensors: its header's length, then the header, which is JSON."""
    length = int.from_bytes(head[:8], "little")
    begins = head[8:9] == b"{" and 2 <= length <= path.stat().st_size - 8
    return begins or (path.suffix == ".safetensors" and not head.startswith(b"PK"))


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    """Raise a `BenchError` for what is intact, but no checkpoint."""
    if head.startswith(HDF5):
        raise BenchError(
            f"weights file {path} is HDF5, which is not read",
            fix="save its arrays as safetensors, under the network's names",
        )
    names = _zipped_names(path)
    if not names:
        return
    inside = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inside and any(name.startswith("code/") for name in inside):
        raise BenchError(
            f"weights file {path} is a TorchScript program, not a checkpoint",
            fix="take the publisher's safetensors file, or convert it once, where you trust "
            f"it: {torchscript_command(path)}",
        )
    if "data.pkl" not in inside:
        raise BenchError(
            f"weights file {path} is a zip file, but no checkpoint",
            why=f"it holds {_some(names)}",
            fix="unpack it, and name the file in it",
        )


def _zipped_names(path: Path) -> list[str]:
    if not zipfile.is_zipfile(path):
        return []
    with suppress(*DAMAGED), zipfile.ZipFile(path) as archive:
        return archive.namelist()
    return []  # damaged: what reads it says so


def _not_opened(path: Path, error: pickle.UnpicklingError) -> BenchError:
    zipped = bool(_zipped_names(path))
    head = _pickled_head(path) if zipped else _head(path)
    convert = f"convert it once, where you trust it: {conversion_command(path)}"
    if not zipped and head[:1] == b"\x80" and not _is_legacy(head):
        return BenchError(
            f"weights file {path} is a bare pickle, not a checkpoint of PyTorch",
            fix="save its tensors as safetensors, under the network's names",
        )
    if classes := _foreign_classes(path, error):
        return BenchError(
            f"weights file {path} holds pickled objects besides tensors and is not opened",
            why=f"classes {', '.join(classes)}",
            fix="convert it once, where you trust it and these classes are installed: "
            f"{conversion_command(path)}",
        )
    if head[:1] == b"\x80" and head[1] > SAFE_PROTOCOL:
        return BenchError(
            f"weights file {path} is pickled by protocol {head[1]}, which cannot be read without "
            "running it, and is not opened",
            fix=convert,
        )
    return BenchError(
        f"weights file {path} cannot be read",
        why="it is no checkpoint that PyTorch knows",
        fix="it may be damaged: fetch it again",
    )


def _pickled_head(path: Path) -> bytes:
    with suppress(*DAMAGED), zipfile.ZipFile(path) as archive:
        name = next((n for n in archive.namelist() if n.endswith("data.pkl")), "")
        return archive.open(name).read(HEAD_BYTES)
    return b""


def _is_legacy(head: bytes) -> bool:
    """Say whether a pickle begins as PyTorch's did before it wrote zip files; runs nothing."""
    with suppress(ValueError, LookupError):  # the head is cut off somewhere
        for _, value, _ in pickletools.genops(io.BytesIO(head)):
            if value == LEGACY_MAGIC:
                return True
    return False


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


def _foreign_classes(path: Path, error: pickle.UnpicklingError) -> list[str]:
    """Return the classes that a checkpoint asks for, as far as they can be told unopened."""
    if hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):
        # no zip file of torch.save, a torn one, or another protocol
        with suppress(*DAMAGED, pickle.UnpicklingError):
            return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    return re.findall(r"GLOBAL ([\w.]+)", str(error))[:1]


def _matlab_tensors(path: Path) -> dict[str, torch.Tensor]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if _head(path).startswith(HDF5) or b"MATLAB 7.3" in _head(path):
        raise BenchError(f"weights file {path} is MATLAB's HDF5", fix="save it with -v7")
    try:
        content = loadmat(path)
    except MatReadError as error:
        raise ValueError(str(error)) from None
    arrays: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, np.ndarray) and value.dtype == object:
            arrays |= {f"{name}.{i}": cell for i, cell in enumerate(value.ravel())}
        elif not name.startswith("__"):
            arrays[name] = value
    state = {
        name: torch.from_numpy(np.ascontiguousarray(value, np.float64))
        for name, value in arrays.items()
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
    }
    if not state:
        raise BenchError(
            f"weights file {path} holds no arrays of real numbers",
            why=f"it has: {_some(arrays) or 'nothing'}",
        )
    return state


def _tensors(content: Any, path: Path) -> dict[str, torch.Tensor]:
    while isinstance(content, dict):
        state = {
            name: value
            for name, value in content.items()
            if isinstance(value, torch.Tensor) and isinstance(name, str)
        }
        inner = next((content[k] for k in NESTED_KEYS if isinstance(content.get(k), dict)), None)
        if inner is None and state:
            return state
        if inner is None:
            break
        content = inner
    there = _some(content) if isinstance(content, dict) else f"a {type(content).__name__}"
    raise BenchError(
        f"weights file {path} holds no state dict",
        why=f"it has: {there or 'nothing'}",
        fix=f"parameters are looked for at the top and under {', '.join(NESTED_KEYS)}",
    )


def _some(names: Iterable[object]) -> str:
    shown = list(map(str, names))
    return ", ".join(shown[:NAMES_SHOWN]) + (", .." if len(shown) > NAMES_SHOWN else "")
