"""Hooks for protocols and label spaces: what a plugin registers is known by its name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.labels import spaces
from bench.plugins import Plugins
from bench.synthesis import named

HEAD = """
import dataclasses
import bench
from bench.labels.spaces import LabelMap, LabelSpace

@bench.hookimpl
def bench_register_{hook}(register):
"""


@pytest.fixture
def load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], Plugins]]:
    """Load one plugin from the body of one of its hooks."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for module, table in ((spaces, "SPACES"), (spaces, "MAPS"), (named, "PROTOCOLS")):
        monkeypatch.setattr(module, table, dict(getattr(module, table)))

    def make(hook: str, *lines: str) -> Plugins:
        body = "".join(f"    {line}\n" for line in lines)
        (tmp_path / "plug_hooks.py").write_text(HEAD.format(hook=hook) + body)
        return Plugins([EntryPoint("mine", "plug_hooks", "bench")])

    yield make
    sys.modules.pop("plug_hooks", None)


LONGER = 'register(dataclasses.replace(bench.Protocol.named("fast"), name="{name}", steps=800))'


def test_a_plugins_protocol_is_known_by_name(load) -> None:
    plugins = load("protocols", LONGER.format(name="longer"))
    assert plugins.reports["mine"].entries == {"protocol": ["longer"]}
    assert plugins.protocols.origin("longer") == "mine"
    found = bench.Protocol.named("longer")
    assert found.steps == 800
    assert found.replace(steps=900).name == "longer+steps=900"


def test_a_published_protocol_keeps_its_name(load) -> None:
    before = bench.Protocol.named("feather2023")
    plugins = load("protocols", LONGER.format(name="feather2023"))
    (problem,) = plugins.reports["mine"].problems
    assert "already registered" in problem
    assert bench.Protocol.named("feather2023") == before


def test_a_plugins_labels_decide(load) -> None:
    plugins = load(
        "label_spaces",
        'register(LabelSpace("parity", ("even", "odd")))',
        'register(LabelMap("digits", "parity", tuple(i % 2 for i in range(10))))',
    )
    assert plugins.reports["mine"].problems == []
    assert spaces.compatible("digits", "parity")
    logits = np.eye(10)
    expected = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    assert spaces.decide(logits, "digits", "parity").tolist() == expected


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('register(LabelSpace("digits", ("a", "b")))', "already registered"),
        ('register(LabelMap("digits", "nowhere", (0,) * 10))', "no label space"),
        ('register(LabelMap("digits", "cifar10", (0,) * 9))', "does not fit"),
        ('register(LabelMap("digits", "cifar10", (10,) * 10))', "does not fit"),
        ('register(LabelMap("imagenet1k", "cifar10", (-2,) * 1000))', "does not fit"),
        ('register("digits")', "wants a LabelSpace"),
    ],
)
def test_what_does_not_fit_is_a_problem_and_changes_nothing(load, line: str, problem: str) -> None:
    before = dict(spaces.SPACES)
    plugins = load("label_spaces", line)
    assert problem in plugins.reports["mine"].problems[0]
    assert before == spaces.SPACES
    assert set(spaces.MAPS) == {
        ("imagenet1k", "imagenet16"),
        ("imagenet1k", "imagenet16-as-executed"),
    }


def test_a_space_needs_classes_of_different_names(load) -> None:
    plugins = load("label_spaces", 'register(LabelSpace("twice", ("a", "a")))')
    assert "a name of its own" in plugins.reports["mine"].reason
