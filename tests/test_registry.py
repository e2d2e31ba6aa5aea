"""Names: taken once, case ignored, near ones offered."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench.errors import NameCollision, UnknownName
from bench.registry import Registry


@dataclass(frozen=True)
class Thing:
    id: str


def registry(*names: str) -> Registry[Thing]:
    entries: Registry[Thing] = Registry("model")
    for name in names:
        entries.add(Thing(name), "plugin-one")
    return entries


def test_a_collision_names_both_origins_and_keeps_the_first() -> None:
    entries = registry("ResNet50")
    with pytest.raises(NameCollision, match=r"'resnet50' of plugin 'two'.*'ResNet50'.*plugin-one"):
        entries.add(Thing("resnet50"), "two")
    assert entries.get("RESNET50") == Thing("ResNet50")
    assert entries.origin("resnet50") == "plugin-one"


def test_a_misspelt_name_is_answered_with_near_ones() -> None:
    entries = registry("resnet50", "resnet101", "alexnet")
    with pytest.raises(UnknownName, match="did you mean resnet50, resnet101"):
        entries.get("resnet5o")


def test_a_short_list_is_shown_whole_a_long_one_is_pointed_to() -> None:
    with pytest.raises(UnknownName, match="there are: a1, b2"):
        registry("a1", "b2").get("zzzzzz")
    with pytest.raises(UnknownName, match="`bench models list` shows all 40"):
        registry(*(f"m{i}" for i in range(40))).get("zzzzzz")
