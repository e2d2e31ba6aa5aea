"""Kinds of task as plugins: the order in which they plan, and what each is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

import bench
from bench.errors import BenchError
from bench.runner.kinds import in_order
from bench.runner.plan import make_plan
from bench.runner.run import prospect
from bench.suites.suite import Suite, read_suite
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


class Tolerance(BaseModel):
    """The section of a kind of task that a plugin brings."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    std: tuple[float, ...] = Field(min_length=1)
    n: int = Field(default=7, ge=1)


def plan_tolerance(context: PlanContext) -> list[bench.Task]:
    section = context.suite.section("tolerance", Tolerance)
    assert section is not None  # planned only where the suite has it
    return [
        bench.Task("tolerance", model.spec.id, {"std": std, "n": section.n})
        for model in context.models
        for std in section.std
    ]


TOLERANCE = kind("tolerance", section=Tolerance)
TOLERANCE = replace(TOLERANCE, plan=plan_tolerance)


def tolerance_tasks(plugins: Any, settings: Any) -> list[dict[str, Any]]:
    tasks = make_plan(plugins, settings).tasks
    return [dict(task.inputs) for task in tasks if task.kind == "tolerance"]


def test_a_plugins_section_of_a_suite_reaches_its_plan(toy_plugins, toy_settings, add) -> None:
    add(TOLERANCE)
    assert tolerance_tasks(toy_plugins, toy_settings()) == []
    settings = toy_settings(tolerance={"std": [0.1, 0.2]}, models=["toy-a"])
    expected = [{"std": 0.1, "n": 7}, {"std": 0.2, "n": 7}]
    assert tolerance_tasks(toy_plugins, settings) == expected


def test_a_suite_keeps_a_plugins_section_with_its_defaults(toy_plugins, toy_settings, add) -> None:
    add(TOLERANCE)
    settings = toy_settings(tolerance={"std": [0.1]})
    suite = prospect(toy_plugins, settings, None).settings.suite
    said = suite.model_dump(mode="json")
    assert said["tolerance"] == {"std": [0.1], "n": 7}
    assert Suite.model_validate(said) == suite


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tolerance]\nstd = []", "tolerance.std"),
        ("[tolerance]\nstd = [0.1]\nsteps = 3", "tolerance.steps"),
        ("[tolerrance]\nstd = [0.1]", "did you mean tolerance"),
        ("[robustnes]\nn = 3", "did you mean robustness"),
        ("limt = 3", "limt"),
        ("[robustness]\nn = 3", "robustness.eps"),
    ],
)
def test_what_is_wrong_in_a_section_is_named(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "suite.toml"
    head = 'id = "s"\ntitle = "S"\nstimuli = "toy"\nlabel_space = "digits"\nlimit = 3\n'
    tables = '[protocol]\nname = "fast"\n[board]\nrobustness_eps = 0.1\n'
    parts = [head, text, tables] if "[" not in text else [head, tables, text]
    path.write_text("\n".join(parts))
    with pytest.raises(BenchError) as caught:
        read_suite(path, {"tolerance": Tolerance})
    assert said in str(caught.value)
    assert "suite.toml" in str(caught.value)


def test_a_kind_that_cannot_be_planned_harms_only_suites_that_ask_for_it(
    toy_plugins, toy_settings, add
) -> None:
    add(replace(TOLERANCE, after=("never-installed",)))
    assert make_plan(toy_plugins, toy_settings()).tasks
    with pytest.raises(BenchError, match="never-installed, which no plugin registers"):
        make_plan(toy_plugins, toy_settings(tolerance={"std": [0.1]}))


def test_an_unused_kind_may_be_read(toy_plugins, toy_settings) -> None:
    """Without null distributions there are no verdicts, and recognition waits for none."""
    planned = {task.kind for task in make_plan(toy_plugins, toy_settings(nulls=None)).tasks}
    assert "recognition" in planned
    assert not planned & {"nulls", "criterion"}
