"""Names made of content: equal exactly when all that determines a result is equal."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

KEY_HEX_DIGITS = 24
# File systems allow 255 bytes, encrypted ones 143; suffixes and partial files' names come on top.
LONGEST_NAME = 110


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
    """Return an id as a name that every file system allows: short, of ASCII, one for each id.

    Long names, also those that other scripts make long, are cut and end in their hash.
    """
    quoted = quote(name, safe=" ") if name.strip(".") else name.replace(".", "%2E")
    if len(quoted) <= LONGEST_NAME:
        return quoted
    # quote() leaves no "+", so that no other id is written like this
    return f"{quoted[: LONGEST_NAME // 2]}+{bytes_sha256(name.encode())[:KEY_HEX_DIGITS]}"
