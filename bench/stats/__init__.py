"""Statistics on tables: analyses of variance, permutation, bootstrap, correlation, reliability."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.stats.anova import mixed_anova, rm_anova
    from bench.stats.bootstrap import Interval, bootstrap_interval, sem
    from bench.stats.correlation import Correlation, correlate, human_vs_models
    from bench.stats.permutation import permute_mixed, permute_within
    from bench.stats.reliability import Reliability, spearman_brown, split_half

# Imported when first asked for, so that importing the package is quick.
_HOMES = {
    "mixed_anova": "anova",
    "rm_anova": "anova",
    "permute_mixed": "permutation",
    "permute_within": "permutation",
    "Interval": "bootstrap",
    "bootstrap_interval": "bootstrap",
    "sem": "bootstrap",
    "Correlation": "correlation",
    "correlate": "correlation",
    "human_vs_models": "correlation",
    "Reliability": "reliability",
    "spearman_brown": "reliability",
    "split_half": "reliability",
}

__all__ = [
    "Correlation",
    "Interval",
    "Reliability",
    "bootstrap_interval",
    "correlate",
    "human_vs_models",
    "mixed_anova",
    "permute_mixed",
    "permute_within",
    "rm_anova",
    "sem",
    "spearman_brown",
    "split_half",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"bench.stats.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'bench.stats' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
