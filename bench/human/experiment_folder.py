"""Writes an experiment as a folder for any static web server: page, lists, stimuli, facts."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from bench.errors import BenchError
from bench.human.experiment import (
    CATCH,
    Condition,
    Design,
    Trial,
    choose_stimuli,
    participant_trials,
)
from bench.human.experiment_page import index_html, page_files, readme, summary
from bench.human.experiment_pictures import enlargement, icons, name_image, pink_noise
from bench.human.experiment_record import facts, trial_list
from bench.human.experiment_run import Choice, RunMaterial, read_run
from bench.plugins import Plugins
from bench.store.keys import bytes_sha256, content_key
from bench.store.pictures import to_png

MASKS = 64
CONTRAST_OF = 100  # natural stimuli whose mean and contrast the masks have
_MASKS = 3  # what a random stream is for; see bench.human.experiment
NAME_DIGITS = 20


@dataclass(frozen=True)
class Settings:
    """What `bench humans experiment` was asked for.

    Parameters
    ----------
    trials
        Number of main trials; None: one a natural stimulus of the run.
    icons
        Folder with a picture of each class; None: answers are words.
    submit_url
        Where the page also sends answers; they are offered as a file in any case.
    """

    choice: Choice = field(default_factory=Choice)
    participants: int = 20
    trials: int | None = None
    seed: int = 0
    between_models: bool = False
    icons: Path | None = None
    submit_url: str | None = None


@dataclass(frozen=True)
class Built:
    """What was made: the folder, the design, the lists by participant, the run's material."""

    out: Path
    design: Design
    lists: Mapping[int, tuple[Trial, ...]]
    material: RunMaterial
    record: Mapping[str, Any]

    def summary(self) -> list[str]:
        """Return lines for the screen: what was made, what is missing, what to do next."""
        return summary(self.record, self.out)


def build_experiment(
    run: Path, out: Path, settings: Settings, plugins: Plugins | None = None
) -> Built:
    """Make an experiment of a finished run, whole or not at all.

    The same run and settings give the same lists and files; more participants give the same
    lists and more.

    Raises
    ------
    BenchError
        ``out`` holds something already or cannot be written; or as `read_run` and
        `participant_trials`.
    """
    out = out.resolve()
    _refuse_taken(out)
    _check_url(settings.submit_url)
    material = read_run(run, settings.choice, plugins)
    design = _design(material, settings)
    lists = {n: participant_trials(design, n) for n in range(1, settings.participants + 1)}
    first = material.natural_image(design.stimuli[0])
    times = enlargement(max(first.shape[1:]))
    shown_px = (first.shape[2] * times, first.shape[1] * times)
    record = facts(material, design, lists, shown_px, settings.submit_url, settings.icons)
    with _in_place(out) as folder:
        names = _Names(f"{record['experiment']}/{settings.seed}")
        digests = dict(_write_stimuli(folder / "stimuli", material, lists, names))
        digests |= _write_masks(folder / "stimuli", material, design, names)
        digests |= _write_catch(folder / "stimuli", material, settings.icons, shown_px, names)
        record["page"]["icons"] = (
            [names.catch(label) for label in range(design.n_classes)] if settings.icons else []
        )
        record["stimuli"]["files"] = len(digests)
        record["stimuli"]["sha256"] = content_key(sorted(digests.items()))
        hashes = []
        for number, trials in lists.items():
            path = folder / "participants" / f"{number:03d}.json"
            own = trial_list(record, design, material, number, trials, names)
            hashes.append(_write(path, _json(own)))
        record["lists sha256"] = content_key(hashes)
        _write(folder / "experiment.json", _json(record))
        _write(folder / "README.txt", readme(record, out.name).encode())
        _write(folder / "index.html", index_html(record).encode())
        for name, content in page_files().items():
            _write(folder / name, content)
    return Built(out, design, lists, material, record)


def _design(material: RunMaterial, settings: Settings) -> Design:
    stimuli, warm_up = material.ids, material.warm_up
    if settings.trials is not None:
        stimuli = choose_stimuli(stimuli, material.missing, settings.trials, settings.seed)
        # what is not shown in the main part is free for practice
        warm_up = (*warm_up, *(name for name in material.ids if name not in set(stimuli)))
    kept = set(stimuli)
    return Design(
        stimuli=stimuli,
        labels=material.labels,
        conditions=material.conditions,
        missing=frozenset((c, name) for c, name in material.missing if name in kept),
        warm_up=warm_up,
        n_classes=len(material.classes),
        n_masks=MASKS,
        seed=settings.seed,
        between_models=settings.between_models,
    )


@dataclass(frozen=True)
class _Names:
    """Names of files, from which nobody can tell what they show."""

    salt: str

    def of(self, *what: str) -> str:
        digest = hashlib.sha256("\0".join([self.salt, *what]).encode()).hexdigest()
        return f"{digest[:NAME_DIGITS]}.png"

    def stimulus(self, name: str, shown: Condition | None) -> str:
        whose = (shown.model, shown.stage) if shown else ("", "")
        return self.of("stimulus", name, *whose)

    def mask(self, number: int) -> str:
        return self.of("mask", str(number))

    def catch(self, label: int) -> str:
        return self.of("catch", str(label))

    def trial(self, trial: Trial) -> str:
        if trial.phase == CATCH:
            return self.catch(trial.label)
        return self.stimulus(trial.stimulus, trial.shown)


def _write_stimuli(
    folder: Path, material: RunMaterial, lists: Mapping[int, Sequence[Trial]], names: _Names
) -> Iterator[tuple[str, str]]:
    """Write what any participant sees, each once; yield file names and hashes."""
    shown: Counter[tuple[Condition | None, str]] = Counter(
        (trial.shown, trial.stimulus)
        for trials in lists.values()
        for trial in trials
        if trial.phase != CATCH
    )
    for name in sorted(name for condition, name in shown if condition is None):
        path = folder / names.stimulus(name, None)
        yield path.name, _write(path, to_png(material.natural_image(name)))
    for condition in material.conditions:
        wanted = sorted(name for own, name in shown if own == condition)
        for name, image in material.metamers(condition, wanted):
            path = folder / names.stimulus(name, condition)
            yield path.name, _write(path, to_png(image))


def _write_masks(
    folder: Path, material: RunMaterial, design: Design, names: _Names
) -> dict[str, str]:
    like = np.stack([material.natural_image(name) for name in design.stimuli[:CONTRAST_OF]])
    generator = np.random.default_rng([design.seed, _MASKS])
    digests = {}
    for number in range(design.n_masks):
        path = folder / names.mask(number)
        digests[path.name] = _write(path, to_png(pink_noise(like, generator)))
    return digests


def _write_catch(
    folder: Path, material: RunMaterial, own: Path | None, size: tuple[int, int], names: _Names
) -> dict[str, str]:
    classes = material.classes
    images = icons(own, classes, *size) if own else [name_image(name, *size) for name in classes]
    return {
        names.catch(label): _write(folder / names.catch(label), image)
        for label, image in enumerate(images)
    }


def _refuse_taken(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise BenchError(
            f"{out} holds something already" if out.is_dir() else f"{out} is a file",
            fix="choose a new or empty folder with --out",
        )


def _check_url(url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or any(c.isspace() or c in "\"'<>;," for c in url):
        raise BenchError(
            f"--submit-url {url!r} is not the address of a server",
            fix="https://lab.example.org/answers, say",
        )


@contextmanager
def _in_place(out: Path) -> Iterator[Path]:
    """Give a folder to write into, which becomes ``out`` only if all went well."""
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        (partial / "stimuli").mkdir(parents=True)
        (partial / "participants").mkdir()
        yield partial
        if out.is_dir():
            out.rmdir()
        partial.rename(out)
    except OSError as error:
        raise BenchError(
            f"{out} cannot be written", why=error.strerror or str(error), fix="choose another --out"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write(path: Path, content: bytes) -> str:
    """Write a file and return its SHA-256."""
    path.write_bytes(content)
    return bytes_sha256(content)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()
