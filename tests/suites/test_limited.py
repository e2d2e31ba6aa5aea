"""`--limit` bounds what is dear: metamers and attacks."""

from __future__ import annotations

import pytest

from bench.suites.suite import Suite

SUITE = {
    "id": "s",
    "title": "S",
    "stimuli": "toy",
    "label_space": "digits",
    "limit": 400,
    "protocol": {"name": "fast"},
    "accuracy": {"n": 5000},
    "board": {"robustness_eps": 0.1},
}


@pytest.mark.parametrize(
    ("asked", "in_suite", "attacked"), [(16, 5120, 16), (16, 10, 10), (16, None, 16)]
)
def test_metamers_and_attacks_are_bounded(asked, in_suite, attacked) -> None:
    robustness = {"n": in_suite, "eps": {"linf": [0.1]}}
    limited = Suite.model_validate({**SUITE, "robustness": robustness}).limited(asked)
    assert limited.limit == asked
    assert limited.robustness is not None
    assert limited.robustness.n == attacked
    assert limited.accuracy is not None
    assert limited.accuracy.n == 5000


def test_a_suite_without_attacks_gets_none() -> None:
    assert Suite.model_validate(SUITE).limited(3).robustness is None
