"""`bench run --png`: recognition is shown what 8 bits keep."""

from __future__ import annotations

import numpy as np
import pytest

from bench.api import recognize
from bench.runner.plan import make_plan
from bench.runner.record import places
from bench.store.run_dir import RunDir

SMALL = {"models": ["toy-a", "toy-b"], "nulls": None, "robustness": None, "alignment": None}


def test_recognition_is_of_the_truncated_images(do, toy_settings, toy_plugins, monkeypatch) -> None:
    settings = toy_settings(**SMALL, png=True)
    shown = []

    def spy(model, x, *rest, **options):
        shown.append(np.asarray(x))
        return recognize(model, x, *rest, **options)

    monkeypatch.setattr("bench.api.recognize", spy)
    do(settings)
    run_dir = RunDir(settings.root)
    found = places(run_dir.read_record())
    made = [run_dir.arrays(place)["stimuli"] for place in found if place.kind == "synthesis"]
    assert len(made) == 6
    expected = [np.floor(values.astype(np.float64) * 255) / 255 for values in made]
    for values in expected:  # shown to both models
        same = [x.shape == values.shape and np.allclose(x, values, atol=1e-7) for x in shown]
        assert sum(same) == 2
    exact = [x.shape == made[0].shape and np.array_equal(x, made[0]) for x in shown]
    assert not any(exact)


@pytest.mark.parametrize("kind", ["synthesis", "recognition"])
def test_only_recognition_of_metamers_has_other_keys(toy_settings, toy_plugins, kind) -> None:
    keys = {}
    for png in (None, False, True):
        plan = make_plan(toy_plugins, toy_settings(**SMALL, png=png))
        keys[png] = {t.key for t in plan.tasks if t.kind == kind and t.needs}
        keys[png, "whole"] = {t.key for t in plan.tasks if t.kind == kind and not t.needs}
    assert keys[None] == keys[False]
    assert keys[None, "whole"] == keys[True, "whole"]
    assert keys[None].isdisjoint(keys[True])


def test_a_run_that_did_not_say_goes_on(do, toy_settings) -> None:
    """A record without the choice, as older ones are, is no other setting."""
    settings = toy_settings(**SMALL)
    do(settings)
    assert "png" not in RunDir(settings.root).read_record()["suite"]
    assert do(settings).executed == 0
