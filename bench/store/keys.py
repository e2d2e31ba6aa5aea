"""Names made of content: equal exactly when all that determines a result is equal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

KEY_HEX_DIGITS = 24


def canonical(value: Any) -> str:
    """Return JSON with sorted keys and no spaces; raise ValueError for NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def content_key(inputs: Any) -> str:
    """Return the key of a task with these inputs."""
    return hashlib.sha256(canonical(inputs).encode()).hexdigest()[:KEY_HEX_DIGITS]


def bytes_sha256(data: bytes) -> str:
    """Return the SHA-256 of ``data`` in hex."""
    return hashlib.sha256(data).hexdigest()


def files_sha256(paths: list[Path]) -> str:
    """Return one SHA-256 over several files' names and contents."""
    total = hashlib.sha256()
    for path in paths:
        data = path.read_bytes()
        total.update(f"{path.name}\0{len(data)}\0".encode())
        total.update(data)
    return total.hexdigest()


def as_folder(name: str) -> str:
    """Return a model's or stage's id as a folder name that every file system allows."""
    return quote(name, safe=" ")
