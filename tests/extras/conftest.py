"""Skips the tests of an extra that is not installed; `tox run -e extras` fails there instead."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement


def missing(extra: str) -> list[str]:
    """Return the distributions that the extra asks for and this environment lacks."""
    wanted = [Requirement(line) for line in requires("metamer-bench") or []]
    names = [
        one.name
        for one in wanted
        if one.marker and one.marker.evaluate({"extra": extra}) and not one.marker.evaluate()
    ]
    assert names, f"metamer-bench has no extra {extra!r}"
    return [name for name in names if not _installed(name)]


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("extra"):
        if absent := missing(mark.args[0]):
            reason = f"extra {mark.args[0]!r} is not installed: no {', '.join(absent)}"
            if os.environ.get("METAMER_BENCH_REQUIRE_EXTRAS"):
                pytest.fail(reason)
            pytest.skip(reason)
