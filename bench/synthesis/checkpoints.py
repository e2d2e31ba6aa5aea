"""Long syntheses go on where they stopped: one file a batch, replaced every so many steps."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bench.errors import BenchError

SUFFIX = ".checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoints:
    """Where the state of unfinished batches is kept, and how often.

    The folder may serve several syntheses: files of another model, stage, protocol, seed or
    stimulus are left alone. A synthesis that ends deletes its own.
    """

    folder: Path
    every: int = 500

    def __post_init__(self) -> None:
        if self.every < 1:
            raise BenchError(f"checkpoints every {self.every} steps", fix="want at least 1")


def fingerprint(inputs: Mapping[str, Any], natural: torch.Tensor, initial: torch.Tensor) -> str:
    """Return a hash of all that determines a batch's result."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode())
    for tensor in (natural, initial):
        digest.update(f"{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def path_of(checkpoints: Checkpoints, key: str) -> Path:
    """Return the file of the batch whose fingerprint is ``key``."""
    return checkpoints.folder / f"{key[:24]}{SUFFIX}"


def save(path: Path, tensors: Mapping[str, torch.Tensor], key: str, ids: Sequence[str]) -> None:
    """Write a checkpoint: temporary name, fsync, rename, so that a whole one is always there."""
    header = {"key": key, "ids": json.dumps(list(ids))}
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        save_file(whole, temporary, metadata=header)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        raise BenchError(
            f"checkpoint {path} cannot be written", why=str(error), fix="check space and rights"
        ) from None


def load(path: Path, key: str) -> dict[str, torch.Tensor] | None:
    """Return the tensors of a checkpoint; None if there is none for this very batch."""
    header = _header(path)
    if header is None or header.get("key") != key:
        return None
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping


def batches_in(folder: Path) -> list[tuple[str, ...]]:
    """Return the ids of each batch that has a checkpoint in ``folder``."""
    headers = [_header(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    return [tuple(json.loads(header["ids"])) for header in headers if header]


def _header(path: Path) -> dict[str, str] | None:
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError):
        return None  # absent, or not ours: the batch starts anew and replaces it
