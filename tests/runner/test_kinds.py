"""Kinds of task as plugins: the order in which they plan, and what each is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import bench
from bench.errors import BenchError
from bench.runner.kinds import in_order
from bench.runner.plan import make_plan
from bench.tasks.task import PlanContext


def kind(name: str, *after: str, **changes: Any) -> bench.TaskKind:
    return bench.TaskKind(id=name, after=after, plan=lambda context: [], execute=never, **changes)


def never(task: bench.Task, workbench: Any) -> bench.Outcome:
    raise AssertionError("only planned")


def names(*kinds: bench.TaskKind) -> list[str]:
    return [each.id for each in in_order(kinds)]


def test_each_comes_after_those_that_it_reads() -> None:
    assert names(kind("c", "b"), kind("a"), kind("b", "a")) == ["a", "b", "c"]


def test_otherwise_they_stay_as_they_were_registered() -> None:
    assert names(kind("c"), kind("b", "c"), kind("a")) == ["c", "b", "a"]


def test_kinds_that_cannot_be_ordered_are_named() -> None:
    with pytest.raises(BenchError, match="a, b"):
        in_order([kind("a", "b"), kind("b", "a")])
    with pytest.raises(BenchError, match="tolerance reads results of synthesis, which no plugin"):
        in_order([kind("tolerance", "synthesis")])
    late = kind("late", phase=bench.Phase.ALL_MODELS)
    with pytest.raises(BenchError, match="early has its turn before late"):
        in_order([late, kind("early", "late", phase=bench.Phase.FIRST)])


@pytest.mark.parametrize("version", [0, -1, 1.0, True, "1"])
def test_a_version_is_a_positive_integer(version) -> None:
    with pytest.raises(BenchError, match="version"):
        kind("a", version=version)


@pytest.fixture
def add(toy_plugins, monkeypatch):
    """Register a kind of task for one test."""

    def register(new: bench.TaskKind) -> None:
        monkeypatch.setitem(toy_plugins.tasks._entries, new.id, (new, "toy"))

    return register


def test_a_plugins_kind_is_given_the_planned_tasks_of_those_it_names(
    toy_plugins, toy_settings, add
) -> None:
    def plan(context: PlanContext) -> list[bench.Task]:
        return [
            bench.Task("shadow", made.model, {"metamers": made.key}, needs=(made.key,))
            for made in context.tasks_of("synthesis")
        ]

    add(replace(kind("shadow", "synthesis"), plan=plan))
    planned = make_plan(toy_plugins, toy_settings()).tasks
    made = [task.key for task in planned if task.kind == "synthesis"]
    assert len(made) == 6
    assert [task.needs[0] for task in planned if task.kind == "shadow"] == made


def test_each_kind_plans_once(toy_plugins, toy_settings, monkeypatch) -> None:
    counted: list[str] = []
    for old in list(toy_plugins.tasks):

        def plan(context: PlanContext, old: bench.TaskKind = old) -> list[bench.Task]:
            counted.append(old.id)
            return old.plan(context)

        monkeypatch.setitem(toy_plugins.tasks._entries, old.id, (replace(old, plan=plan), "tasks"))
    make_plan(toy_plugins, toy_settings())
    assert sorted(counted) == sorted({each.id for each in toy_plugins.tasks})
    assert len(counted) == 8


def test_what_a_kind_plans_wrongly_is_said(toy_plugins, toy_settings, add) -> None:
    add(replace(kind("sneaky"), plan=lambda context: list(context.tasks_of("synthesis"))))
    with pytest.raises(BenchError, match="synthesis without saying so"):
        make_plan(toy_plugins, toy_settings())
    lost = bench.Task("sneaky", "toy-a", {}, needs=("nowhere",))
    add(replace(kind("sneaky"), plan=lambda context: [lost]))
    with pytest.raises(BenchError, match="sneaky planned 'sneaky toy-a' wrongly"):
        make_plan(toy_plugins, toy_settings())
    foreign = bench.Task("accuracy", "toy-a", {})
    add(replace(kind("sneaky"), plan=lambda context: [foreign]))
    with pytest.raises(BenchError, match="of kind accuracy"):
        make_plan(toy_plugins, toy_settings())


def test_a_new_version_is_a_new_key_of_its_kind_only(
    toy_plugins, toy_settings, monkeypatch
) -> None:
    """Of the built-in kinds every one has its version in its keys."""
    from bench_plugins.tasks import accuracy

    before = {task.title: task.key for task in make_plan(toy_plugins, toy_settings()).tasks}
    monkeypatch.setattr(accuracy, "VERSION", 2)
    after = {task.title: task.key for task in make_plan(toy_plugins, toy_settings()).tasks}
    assert {t for t in after if before[t] != after[t]} == {"accuracy toy-a", "accuracy toy-b"}
