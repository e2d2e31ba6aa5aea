"""What a run has to show to people: its metamers that passed, and natural stimuli."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.human.experiment import DEMO_TRIALS, PRACTICE_TRIALS, Condition
from bench.human.tidy import MODALITIES
from bench.labels.spaces import MAPS, space
from bench.plugins import Plugins, installed
from bench.registry import near_names
from bench.stimuli.sets import Stimuli
from bench.store.pictures import are_images
from bench.store.run_dir import DamagedResult, Place, RunDir
from bench.suites.suite import Suite

FINISHED = ("finished", "finished with failures")
LARGEST_GRID = 40  # answers that one can take in at a glance, generously
OTHERS_READ = 1_000  # stimuli of another set, looked through for practice
Images = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """What is taken of a run: models and stages (all, if empty), and where its stimuli lie."""

    models: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    data: Path | None = None


@dataclass(frozen=True)
class RunMaterial:
    """The stimuli of a finished run, and which of its metamers passed.

    Parameters
    ----------
    natural
        The run's natural stimuli, then those for practice only.
    ids
        Names of the former.
    places
        Where the metamers of each condition lie.
    missing
        (condition, stimulus) without a metamer that passed.
    left_out
        Stages without a single metamer to show, with the reason.
    """

    run_dir: RunDir
    record: Mapping[str, Any]
    suite: Suite
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    warm_up: tuple[str, ...]
    labels: Mapping[str, int]
    natural: Mapping[str, tuple[Stimuli, int]]
    places: Mapping[Condition, Place]
    missing: frozenset[tuple[Condition, str]]
    left_out: Mapping[str, str]

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Conditions with at least one metamer that passed."""
        return tuple(self.places)

    @cached_property
    def nulls_required(self) -> bool:
        """Whether a metamer also had to be beyond the null distribution."""
        return self.suite.nulls is not None and self.suite.nulls.required

    def natural_image(self, name: str) -> Images:
        """Return a natural stimulus, ``(C, H, W)`` in [0, 1]."""
        stimuli, position = self.natural[name]
        return np.asarray(stimuli.values[[position]][0])

    def metamers(self, condition: Condition, names: Iterable[str]) -> Iterator[tuple[str, Images]]:
        """Yield the metamers of some stimuli, ``(C, H, W)`` in [0, 1]."""
        place = self.places[condition]
        order = {name: i for i, name in enumerate(self.run_dir.rows(place)["id"])}
        images = self.run_dir.arrays(place)["stimuli"]
        for name in names:
            yield name, images[order[name]]


def read_run(root: Path, choice: Choice, plugins: Plugins | None = None) -> RunMaterial:
    """Read what a finished run has to show.

    Raises
    ------
    BenchError
        Not a finished run, a run without metamers or of sounds, a model or stage that it does
        not have, or natural stimuli that are not those of the run.
    """
    run_dir = RunDir.existing(root)
    record = run_dir.read_record() or {}
    if record.get("status") not in FINISHED:
        raise BenchError(
            f"{root} is not finished", why=f"it is {record['status']}", fix="`bench run` goes on"
        )
    suite = Suite.model_validate(record["suite"])
    wanted = _conditions(root, record, choice)
    plugins = plugins or installed()
    stimuli = _natural(plugins, record, suite, choice.data)
    classes = space(suite.label_space).classes
    if len(classes) > LARGEST_GRID:
        raise BenchError(
            f"{len(classes)} classes of {suite.label_space} do not fit on one screen of answers",
            fix="run a suite with fewer classes, imagenet16 say",
        )
    labels = _labels(stimuli, suite.label_space)
    places, missing, left_out = _passed(run_dir, record, suite, wanted, stimuli.ids)
    if not places:
        why = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise BenchError(f"{root} has no metamer to show", why=why)
    natural = {name: (stimuli, i) for i, name in enumerate(stimuli.ids)}
    warm_up = []
    for more, name, position, label in _others(plugins, suite, stimuli, choice.data):
        natural[name], labels[name] = (more, position), label
        warm_up.append(name)
    return RunMaterial(
        run_dir=run_dir,
        record=record,
        suite=suite,
        classes=classes,
        ids=stimuli.ids,
        warm_up=tuple(warm_up),
        labels=labels,
        natural=natural,
        places=places,
        missing=frozenset(missing),
        left_out=left_out,
    )


def _conditions(root: Path, record: Mapping[str, Any], choice: Choice) -> dict[Condition, str]:
    """Return the conditions asked for and the keys of the tasks that made them."""
    made: dict[str, dict[str, str]] = {}
    for task in record["tasks"]:
        if task["kind"] == "synthesis":
            made.setdefault(task["generator"], {})[task["stage"]] = task["key"]
    if not made:
        raise BenchError(f"{root} has no metamers", fix="see `bench models show MODEL` for stages")
    models = _named("model", choice.models, list(made))
    stages = set(_named("stage", choice.stages, [s for m in models for s in made[m]]))
    found = {
        Condition(model, stage, depth): key
        for model in models
        for depth, (stage, key) in enumerate(made[model].items(), start=1)
        if stage in stages
    }
    for condition in found:
        if condition.stage.casefold().startswith("natural"):
            raise BenchError(
                f"{condition} would be taken for natural stimuli when answers are imported",
                fix="name the other stages with --stages",
            )
    return found


def _named(kind: str, asked: Sequence[str], known: Sequence[str]) -> list[str]:
    for name in asked:
        if name not in known:
            near = near_names(name, known) or list(dict.fromkeys(known))
            raise BenchError(f"the run has no {kind} {name!r}", fix=f"it has {', '.join(near)}")
    return [name for name in dict.fromkeys(known) if not asked or name in asked]


def _natural(
    plugins: Plugins, record: Mapping[str, Any], suite: Suite, data: Path | None
) -> Stimuli:
    stimuli = plugins.stimuli.get(suite.stimuli).load(suite.limit, data)
    known = record["stimuli"].get(f"{suite.stimuli}[{len(stimuli)}]", {})
    if not len(stimuli) or stimuli.digest != known.get("sha256"):
        raise BenchError(
            f"the stimuli {suite.stimuli} are not those of the run",
            why="their hash is another: other files, or prepared by another version of the bench",
            fix="give the run's directory of stimuli as --data DIR",
        )
    if not are_images(stimuli.values[[0]]):
        raise BenchError(
            f"the run is of {MODALITIES[1]} stimuli, and experiments are made of images only"
        )
    return stimuli


def _labels(stimuli: Stimuli, asked: str) -> dict[str, int]:
    """Return each stimulus' class in the label space ``asked``; -1 where it has none there."""
    numbers = stimuli.labels
    if stimuli.label_space != asked:
        to_asked = MAPS.get((stimuli.label_space, asked))
        numbers = np.full(len(stimuli), -1) if to_asked is None else to_asked[numbers]
    return {name: int(number) for name, number in zip(stimuli.ids, numbers, strict=True)}


def _passed(
    run_dir: RunDir,
    record: Mapping[str, Any],
    suite: Suite,
    wanted: Mapping[Condition, str],
    ids: Sequence[str],
) -> tuple[dict[Condition, Place], set[tuple[Condition, str]], dict[str, str]]:
    """Return the places of conditions to show, what is missing of them, and what is left out."""
    judged = {
        (task["generator"], task["stage"]): task["key"]
        for task in record["tasks"]
        if task["kind"] == "criterion" and suite.nulls is not None and suite.nulls.required
    }
    places: dict[Condition, Place] = {}
    missing: set[tuple[Condition, str]] = set()
    left_out: dict[str, str] = {}
    for condition, key in wanted.items():
        own = (condition.model, condition.stage)
        place, verdict = Place("synthesis", key, *own), Place("synthesis", key, *own)
        column = "label_match"
        if own in judged:
            verdict, column = Place("criterion", judged[own], *own), "passed"
        try:
            rows = run_dir.rows(verdict)
        except DamagedResult as error:
            reason = run_dir.failure(key) or run_dir.failure(verdict.key)
            if reason is None:
                raise error
            left_out[str(condition)] = f"failed: {reason}"
            continue
        passed = set(rows["id"][rows[column].fillna(False).to_numpy(bool)])
        if not passed:
            left_out[str(condition)] = f"none of {len(rows)} metamers passed"
            continue
        places[condition] = place
        missing.update((condition, name) for name in ids if name not in passed)
    return places, missing, left_out


def _others(
    plugins: Plugins, suite: Suite, used: Stimuli, data: Path | None
) -> Iterator[tuple[Stimuli, str, int, int]]:
    """Yield natural stimuli that the run made no metamers of, with position and class.

    Those of its own set come first; if they are too few, the sets of its other measures follow.
    """
    measured = [part.stimuli for part in (suite.accuracy, suite.nulls) if part is not None]
    sets: dict[str, int | None] = {suite.stimuli: None}
    sets |= {name: OTHERS_READ for name in measured if name is not None and name != suite.stimuli}
    seen = set(used.ids)
    for name, limit in sets.items():
        try:
            more = plugins.stimuli.get(name).load(limit, data)
        except BenchError:  # the user has not got that set: practice is then shorter
            continue
        labels = _labels(more, suite.label_space)
        for position, stimulus in enumerate(more.ids):
            if stimulus not in seen and labels[stimulus] >= 0:
                seen.add(stimulus)
                yield more, stimulus, position, labels[stimulus]
        if len(seen) - len(used) >= PRACTICE_TRIALS + DEMO_TRIALS:
            return
