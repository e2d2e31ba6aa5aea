"""What a plugin may contribute.

A plugin is a module (or package) named by an entry point of the group ``bench``. It implements any
of these hooks with ``@bench.hookimpl``. Each hook is given a function ``register`` to call once an
entry. Registering must be light: it describes, and imports or loads nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from bench.attacks.spec import AttackSpec
    from bench.human.spec import HumanDataSpec
    from bench.labels.spaces import LabelMap, LabelSpace
    from bench.proxies.spec import MetricSpec
    from bench.spec import ModelSpec
    from bench.stimuli.sets import StimulusSet
    from bench.synthesis.protocols import Protocol
    from bench.tasks.spec import TaskKind

PROJECT = "bench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def bench_register_models(register: Callable[[ModelSpec], None]) -> None:
    """Contribute models."""


@hookspec
def bench_register_stimuli(register: Callable[[StimulusSet], None]) -> None:
    """Contribute sets of natural images or sounds."""


@hookspec
def bench_register_suites(register: Callable[[Path], None]) -> None:
    """Contribute suites: paths of TOML files."""


@hookspec
def bench_register_attacks(register: Callable[[AttackSpec], None]) -> None:
    """Contribute adversarial attacks."""


@hookspec
def bench_register_metrics(register: Callable[[MetricSpec], None]) -> None:
    """Contribute perceptual distances between images or sounds."""


@hookspec
def bench_register_tasks(register: Callable[[TaskKind], None]) -> None:
    """Contribute kinds of measurement."""


@hookspec
def bench_register_protocols(register: Callable[[Protocol], None]) -> None:
    """Contribute protocols: ways to make metamers."""


@hookspec
def bench_register_label_spaces(register: Callable[[LabelSpace | LabelMap], None]) -> None:
    """Contribute label spaces, and maps between them: a space before its maps."""


@hookspec
def bench_register_human_data(register: Callable[[HumanDataSpec], None]) -> None:
    """Contribute importers of human responses."""
