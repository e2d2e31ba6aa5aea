"""The conformance kit for plugin authors."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.testing.conformance import ModelReport, check_model

__all__ = ["ModelReport", "check_model"]


def __getattr__(name: str) -> Any:
    # The kit imports torch, and pytest loads this package in every project (pytest_plugin.py).
    if name in __all__:
        return getattr(importlib.import_module("bench.testing.conformance"), name)
    raise AttributeError(f"module 'bench.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
