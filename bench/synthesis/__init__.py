"""Model metamers: stimuli, started from noise, that a stage cannot tell from a natural one."""

from __future__ import annotations

import importlib
from typing import Any

_NOTEBOOK = ("criterion", "match", "nulls", "similarity")


def __getattr__(name: str) -> Any:
    """Import what a notebook reaches as ``bench.synthesis.NAME`` when it is asked for."""
    if name in _NOTEBOOK:
        return importlib.import_module(f"bench.synthesis.{name}")
    raise AttributeError(f"module 'bench.synthesis' has no attribute {name!r}")
