"""What a key hangs on: a change of anything that determines a result makes another key."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy_plugin

import bench
from bench.plugins import Plugins
from bench.registry import Registry
from bench.runner.identity import code_sha256, model_identity
from bench.runner.plan import make_plan
from bench.tasks.task import RunSettings


@pytest.fixture
def keys(
    toy_plugins: Plugins, toy_settings: Callable[..., RunSettings]
) -> Callable[[], dict[str, str]]:
    """Return title and key of each task of the toy run, planned now."""

    def planned() -> dict[str, str]:
        return {task.title: task.key for task in make_plan(toy_plugins, toy_settings()).tasks}

    return planned


@pytest.fixture
def swap(monkeypatch: pytest.MonkeyPatch) -> Callable[[Registry[Any], Any], None]:
    """Put an entry in the place of one of the same id, for one test."""

    def put(registry: Registry[Any], entry: Any) -> None:
        place = (entry, registry.origin(entry.id))
        monkeypatch.setitem(registry._entries, entry.id.casefold(), place)

    return put


TWO = {"conv1": "1", "conv2": "3", "logits": ""}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {title for title in before if before[title] != after[title]}


def test_an_attacks_code_is_in_its_tasks_keys(keys, toy_plugins, swap) -> None:
    before = keys()
    attack = toy_plugins.attacks.get("pgd")

    def run(*args: Any) -> Any:
        return attack.run(*args)

    swap(toy_plugins.attacks, replace(attack, run=run))
    other = changed(before, keys())
    assert other == {title for title in before if title.startswith("robustness ")} != set()


def test_a_distances_code_is_in_its_tasks_keys(keys, toy_plugins, swap) -> None:
    before = keys()
    metric = toy_plugins.metrics.get("haarpsi")

    def build(device: Any) -> Any:
        return metric.build(device)

    swap(toy_plugins.metrics, replace(metric, build=build))
    other = changed(before, keys())
    assert other == {title for title in before if title.startswith("alignment ")} != set()


@pytest.mark.parametrize(
    "change",
    [
        {"stages": {"conv1": "2", "conv2": "3", "logits": ""}},
        {"input": bench.ImageInput(size_px=16)},
        {"match_measures": ("snr_db",)},
        {"stages": {**TWO, "conv1": bench.Stage("1", pick=itemgetter(0))}},
        {"stages": {**TWO, "conv1": bench.Stage("1", unit_sets=(np.arange(2000),))}},
    ],
)
def test_what_a_spec_says_is_in_its_models_keys(keys, toy_plugins, swap, change) -> None:
    before = keys()
    swap(toy_plugins.models, replace(toy_plugins.model("toy-b"), **change))
    other = changed(before, keys())
    own = {f"{kind} toy-b" for kind in ("accuracy", "nulls")}
    assert own <= other
    assert "accuracy toy-a" not in other
    assert "synthesis toy-a conv1" not in other


def test_code_is_also_that_of_the_file_that_defines_the_builder(
    toy_plugins, tmp_path: Path
) -> None:
    file = tmp_path / "networks.py"
    file.write_text("def build(weights): ...\n\nclass Builder:\n    def make(self, weights): ...\n")
    space: dict[str, Any] = {"__name__": "networks"}
    exec(compile(file.read_text(), str(file), "exec"), space)
    build, method = space["build"], space["Builder"]().make

    def now() -> list[str]:
        entries = (build, functools.partial(build, None), method)
        return [code_sha256(toy_plugins, "toy", entry) for entry in entries]

    first = now()
    assert len(set(first)) == 1
    assert first[0] != code_sha256(toy_plugins, "toy", toy_plugin.nan)
    file.write_text(file.read_text() + "# changed\n")
    assert set(now()).isdisjoint(first)


def test_code_of_the_bench_counts_by_its_epochs(toy_plugins) -> None:
    own = code_sha256(toy_plugins, "toy", bench.load)
    assert own == code_sha256(toy_plugins, "toy", toy_plugin.nan)
    assert own == code_sha256(toy_plugins, "toy", len)


def test_what_a_picker_was_made_with_is_in_the_key(toy_plugins) -> None:
    def described(**stage: Any) -> str:
        spec = toy_plugin.spec("toy-a", toy_plugin.nan, stages={"a": bench.Stage("1", **stage)})
        return model_identity(toy_plugins, spec)["spec"]

    pickers = [itemgetter(0), itemgetter(1), functools.partial(max, 1), functools.partial(max, 2)]
    assert len({described(pick=pick) for pick in pickers}) == 4
    near = np.arange(2000), np.concatenate([np.arange(1000), np.arange(1001, 2001)])
    assert len({described(unit_sets=(group,)) for group in near}) == 2
