"""Subset schedules, step by step, as the supplement of Feather et al. 2023 tells them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn

from bench.models.staged import StagedModel
from bench.spec import Stage
from bench.synthesis.engine import synthesize
from bench.synthesis.objectives import relative_distance, subset_distance
from bench.synthesis.protocols import Protocol
from bench.synthesis.schedules import draw_subsets, subset_at


def course(name: str, n_sets: int, draws: list[int]) -> list[int | None]:
    protocol = Protocol.named(name)
    return [subset_at(protocol, step, n_sets, draws) for step in range(protocol.total_steps)]


def test_hmax_redraws_every_50_steps_of_the_first_2000_of_each_repetition() -> None:
    p = Protocol.named("feather2023-hmax")
    draws = draw_subsets(p, 64, seed=0, stimulus_id="cat")
    assert len(draws) == 8 * 40  # 2000 / 50 draws a repetition
    assert set(draws) <= set(range(64))
    assert len(set(draws)) > 48  # 320 draws of 64 leave about 0.4 undrawn
    steps = course("feather2023-hmax", 64, draws)
    expected = [
        draws[40 * repetition + within // 50] if within < 2000 else None
        for repetition in range(8)
        for within in range(3000)
    ]
    assert steps == expected


def test_hmax_as_in_the_published_code_stops_at_400_and_skips_the_last_repetition() -> None:
    p = Protocol.named("feather2023-hmax-code")
    steps = course("feather2023-hmax-code", 8, draw_subsets(p, 8, 0, "cat"))
    of_all = [i for i, unit in enumerate(steps) if unit is not None]
    assert of_all == [3000 * r + i for r in range(7) for i in range(400)]


def test_spectemp_adds_the_next_set_every_400_steps_and_starts_again() -> None:
    steps = course("feather2023-spectemp", 7, [])
    one = [i for i in range(7) for _ in range(400)] + [6] * 200  # the last 200 keep all seven
    assert steps == one * 8
    assert course("feather2023-spectemp-code", 7, []) == one * 7 + [None] * 3000


def test_a_stage_without_unit_sets_is_matched_whole() -> None:
    assert set(course("feather2023-hmax", 0, [])) == {None}
    assert set(course("feather2023", 5, [])) == {None}


def test_draws_depend_on_the_seed_and_the_id_alone() -> None:
    p = Protocol.named("feather2023-hmax")
    same = [draw_subsets(p, 8, 1, "cat") for _ in range(2)]
    assert same[0] == same[1]
    assert draw_subsets(p, 8, 2, "cat") != same[0] != draw_subsets(p, 8, 1, "dog")


def test_subset_distance_takes_each_rows_own_units() -> None:
    generator = torch.Generator().manual_seed(0)
    a, t = (torch.randn(3, 6, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    found = subset_distance(a, t, [slice(1, 3), [0, 5], None])
    for i, rows in enumerate(([1, 2], [0, 5], range(6))):
        error = sum(((a[i, j] - t[i, j]) ** 2).sum() for j in rows) ** 0.5
        length = sum((t[i, j] ** 2).sum() for j in rows) ** 0.5
        assert found[i] == pytest.approx(float(error / length))
    together = subset_distance(a, t, [slice(1, 3)] * 3)
    assert together[0] == pytest.approx(float(found[0]))
    assert torch.equal(subset_distance(a, t, [None] * 3), relative_distance(a, t))


def test_units_that_are_all_zero_cannot_guide_a_step() -> None:
    target = torch.tensor([[0.0, 0.0, 3.0, 4.0]])
    a = torch.tensor([[1.0, 1.0, 1.0, 1.0]], requires_grad=True)
    loss = subset_distance(a, target, [slice(0, 2)])
    (gradient,) = torch.autograd.grad(loss.sum(), a)
    assert loss.item() == 0
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_rates_never_rise() -> None:
    for name in ("feather2023", "feather2023-adam", "fast", "nanda2023"):
        p = Protocol.named(name)
        rates = [p.step_at(step) for step in range(0, p.total_steps, 7)]
        assert all(later <= earlier for earlier, later in pairwise(rates))


def test_a_stage_brings_its_own_unit_sets(load: Callable[..., StagedModel]) -> None:
    sets = [slice(0, 20), slice(20, 40)]

    def build() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(75, 40), nn.Linear(40, 10))

    described = load(build, {"hidden": Stage("1", unit_sets=sets), "final": ""})
    plain = load(build, {"hidden": "1", "final": ""})
    protocol = Protocol.named("feather2023-hmax").replace(
        steps=9, repetitions=2, subsets={"kind": "random", "every": 2, "until": 6}
    )
    x = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    own = synthesize(described, x, "hidden", protocol)
    given = synthesize(plain, x, "hidden", protocol, unit_sets=sets)
    whole = synthesize(plain, x, "hidden", protocol)
    assert torch.equal(own.stimuli, given.stimuli)
    assert (own.stimuli - whole.stimuli).abs().max() > 0.01
