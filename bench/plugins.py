"""Finds plugins by entry point and loads each in isolation, so that a broken one harms no other."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy
from pydantic import BaseModel

from bench import hookspecs
from bench.attacks.spec import AttackSpec
from bench.errors import BenchError, UnknownName
from bench.human.spec import HumanDataSpec
from bench.labels.spaces import SPACES, LabelMap, LabelSpace, add_map, add_space
from bench.legible import one_line
from bench.proxies.spec import MetricSpec
from bench.registry import HasId, Registry
from bench.spec import ModelSpec
from bench.stimuli.sets import StimulusSet
from bench.suites.suite import Suite, read_suite
from bench.synthesis.named import PROTOCOLS, add_protocol
from bench.synthesis.protocols import Protocol
from bench.tasks.spec import TaskKind

Entry = TypeVar("Entry", bound=HasId)
GROUP = "bench"
BUILT_IN = "metamer-bench"
BUILT_IN_PROTOCOLS = tuple(PROTOCOLS.values())
BUILT_IN_SPACES = tuple(SPACES.values())


@dataclass
class PluginReport:
    """What became of one plugin: ``loaded``, or failed with a ``reason``."""

    name: str
    distribution: str
    version: str
    module: str
    loaded: bool = False
    reason: str = ""
    where: str = ""
    problems: list[str] = field(default_factory=list)
    entries: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelSource:
    """Models that are described when they are asked for, as ``ID:NAME``.

    A plugin registers one as it registers a `ModelSpec`, for names too many to list.

    Parameters
    ----------
    describe
        Given the whole name, returns its `ModelSpec` under that id; raises `UnknownName` if there
        is no such model.
    description
        What the names are, for listings.
    """

    id: str
    describe: Callable[[str], ModelSpec]
    description: str = ""


class Plugins:
    """All plugins and what they registered.

    Parameters
    ----------
    found
        Entry points to load; those of the installed distributions by default.
    """

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        self.reports: dict[str, PluginReport] = {}
        self.modules: dict[str, ModuleType] = {}
        self.models: Registry[ModelSpec] = Registry("model")
        self.sources: Registry[ModelSource] = Registry("source of models")
        self.stimuli: Registry[StimulusSet] = Registry("stimulus set")
        self.suites: Registry[Suite] = Registry("suite")
        self.attacks: Registry[AttackSpec] = Registry("attack")
        self.metrics: Registry[MetricSpec] = Registry("metric")
        self.protocols: Registry[Protocol] = Registry("protocol")
        self.label_spaces: Registry[LabelSpace] = Registry("label space")
        self.label_maps: Registry[LabelMap] = Registry("label map")
        self.tasks: Registry[TaskKind] = Registry("kind of task")
        self.human_data: Registry[HumanDataSpec] = Registry("human data set")
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._suite_files: list[tuple[PluginReport, Path]] = []
        self._register_built_in()
        for entry_point in entry_points(group=GROUP) if found is None else found:
            self._load(entry_point)
        self._read_suites()

    def _register_built_in(self) -> None:
        import bench.suites

        for protocol in BUILT_IN_PROTOCOLS:
            self.protocols.add(protocol, BUILT_IN)
        for space in BUILT_IN_SPACES:
            self.label_spaces.add(space, BUILT_IN)
        for path in sorted(Path(bench.suites.__path__[0]).glob("*.toml")):
            self.suites.add(read_suite(path), BUILT_IN)

    @property
    def sections(self) -> dict[str, type[BaseModel]]:
        """What checks the sections of a suite file, by the kind of task that they are of."""
        return {kind.id: kind.section for kind in self.tasks if kind.section is not None}

    def _read_suites(self) -> None:
        """Read the suites of plugins, once all kinds of task that may have sections are known."""
        for report, path in self._suite_files:
            try:
                suite = read_suite(path, self.sections)
            except BenchError as error:
                report.problems.append(str(error))
            else:
                self._adder(report, self.suites, Suite)(suite)

    def _load(self, entry_point: EntryPoint) -> None:
        dist = entry_point.dist
        report = PluginReport(
            name=entry_point.name,
            distribution=dist.name if dist else "?",
            version=dist.version if dist else "?",
            module=entry_point.value,
        )
        if entry_point.name in self.reports:
            other = self.reports[entry_point.name]
            other.problems.append(
                f"a second plugin of this name, from {report.distribution}, was left out"
            )
            return
        self.reports[entry_point.name] = report
        try:
            module = entry_point.load()
            self._manager.register(module, name=entry_point.name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  a plugin may fail in any way
            _record_failure(report, error)
            return
        self.modules[entry_point.name] = module
        report.loaded = True
        self._collect(report, module)

    def _collect(self, report: PluginReport, module: ModuleType) -> None:
        """Call the plugin's hooks one by one: a failure loses only what follows it."""
        registries: dict[str, Callable[[Any], None]] = {
            "models": self._model_adder(report),
            "stimuli": self._adder(report, self.stimuli, StimulusSet),
            "suites": lambda path: self._suite_files.append((report, Path(path))),
            "attacks": self._adder(report, self.attacks, AttackSpec),
            "metrics": self._adder(report, self.metrics, MetricSpec),
            "protocols": self._protocol_adder(report),
            "label_spaces": self._label_adder(report),
            "tasks": self._adder(report, self.tasks, TaskKind),
            "human_data": self._adder(report, self.human_data, HumanDataSpec),
        }
        for kind, register in registries.items():
            hook = getattr(module, f"bench_register_{kind}", None)
            if hook is None:
                continue
            try:
                hook(register=register)
            except (Exception, SystemExit) as error:  # noqa: BLE001  a plugin may fail in any way
                _record_failure(report, error)

    def _adder(
        self,
        report: PluginReport,
        registry: Registry[Entry],
        kind: type[Entry],
        make_known: Callable[[Entry], None] = lambda entry: None,
    ) -> Callable[[Any], None]:
        def register(entry: Any) -> None:
            if not isinstance(entry, kind):
                report.problems.append(
                    f"register() wants a {kind.__name__}, was given {type(entry).__name__}"
                )
                return
            try:
                if entry.id not in registry:  # else adding it says whose the name is
                    make_known(entry)
                registry.add(entry, report.name)
            except BenchError as error:
                report.problems.append(str(error))
            else:
                report.entries.setdefault(registry.kind, []).append(entry.id)

        return register

    def _model_adder(self, report: PluginReport) -> Callable[[Any], None]:
        add_model = self._adder(report, self.models, ModelSpec)
        add_source = self._adder(report, self.sources, ModelSource)

        def register(entry: Any) -> None:
            (add_source if isinstance(entry, ModelSource) else add_model)(entry)

        return register

    def _protocol_adder(self, report: PluginReport) -> Callable[[Any], None]:
        return self._adder(report, self.protocols, Protocol, add_protocol)

    def _label_adder(self, report: PluginReport) -> Callable[[Any], None]:
        add_one = self._adder(report, self.label_spaces, LabelSpace, add_space)
        add_between = self._adder(report, self.label_maps, LabelMap, add_map)

        def register(entry: Any) -> None:
            (add_between if isinstance(entry, LabelMap) else add_one)(entry)

        return register

    @property
    def broken(self) -> list[PluginReport]:
        """Plugins that failed or whose entries were refused in part."""
        return [r for r in self.reports.values() if not r.loaded or r.reason or r.problems]

    def model(self, name: str) -> ModelSpec:
        """Return the model called ``name``; where it is unknown, name the broken plugins too.

        A name of a `ModelSource` is described now, and listed among the models from then on.
        """
        source = name.partition(":")[0]
        try:
            if name not in self.models and source in self.sources:
                spec = self.sources.get(source).describe(name)
                self.models.add(spec, self.sources.origin(source))
            return self.models.get(name)
        except UnknownName as error:
            failed = [
                f"plugin {r.name!r} did not load: {r.reason}" for r in self.broken if r.reason
            ]
            why = "; ".join(failed)
            raise UnknownName(error.what, why=why, fix=error.fix) from None

    def source_files(self, plugin: str) -> list[Path]:
        """Return the files of a plugin's code: all modules of a package, or the one file."""
        module = self.modules.get(plugin)
        if module is None or module.__file__ is None:
            return []
        origin = Path(module.__file__)
        return sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]


def _record_failure(report: PluginReport, error: BaseException) -> None:
    frames = traceback.extract_tb(sys.exc_info()[2])
    last = frames[-1] if frames else None
    text = one_line(error)
    report.reason = (
        str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {text}"
    )
    report.where = f"{last.filename}:{last.lineno}" if last else ""


@lru_cache(maxsize=1)
def installed() -> Plugins:
    """Return the plugins of this environment, loaded once a process."""
    return Plugins()
