"""The kinds of task that come with the bench, one in each file, in the order of a plan."""

from __future__ import annotations

from typing import Any

import bench
from bench_plugins.tasks.accuracy import ACCURACY
from bench_plugins.tasks.alignment import ALIGNMENT
from bench_plugins.tasks.clustering import CLUSTERING
from bench_plugins.tasks.criterion import CRITERION
from bench_plugins.tasks.nulls import NULLS
from bench_plugins.tasks.recognition import RECOGNITION
from bench_plugins.tasks.robustness import ROBUSTNESS
from bench_plugins.tasks.synthesis import SYNTHESIS

KINDS = (
    ACCURACY,
    NULLS,
    SYNTHESIS,
    CRITERION,
    ROBUSTNESS,
    RECOGNITION,
    ALIGNMENT,
    CLUSTERING,
)


@bench.hookimpl
def bench_register_tasks(register: Any) -> None:
    """Register the built-in measurements."""
    for kind in KINDS:
        register(kind)
