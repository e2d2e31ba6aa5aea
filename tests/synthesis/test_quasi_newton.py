"""The search against a two-loop L-BFGS in NumPy, SciPy's minima, and the potential's definition.

The reference follows Nocedal & Wright 2006, algorithm 7.4, one stimulus at a time in float64; the
search uses the compact form of the same matrix, for a whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn

from bench.errors import BenchError
from bench.models.staged import StagedModel
from bench.synthesis import quasi_newton
from bench.synthesis.engine import synthesize
from bench.synthesis.named import PROTOCOLS
from bench.synthesis.objectives import potential
from bench.synthesis.protocols import Protocol
from bench.synthesis.quasi_newton import begin, search

SIZE = 12
Objective = Callable[[torch.Tensor], torch.Tensor]


def valley(x: torch.Tensor) -> torch.Tensor:
    """A curved valley in [0, 1]^12 with part of its minimum at the bounds, one value a row."""
    y = 4 * x - 1.3
    bends = (y[:, 1:] - y[:, :-1].square()).square().sum(dim=1)
    pull = torch.linspace(-30, 30, SIZE, dtype=x.dtype)
    return bends + (1 - y[:, :-1]).square().sum(dim=1) * 0.1 + (x * pull).sum(dim=1)


def searched(f: Objective, start: torch.Tensor, gradients: int) -> dict[str, torch.Tensor]:
    x, moments = start, begin(start)
    for _ in range(gradients):
        value, gradient = measured(f, x)
        x, _, moments = search(moments, x, value, gradient, 0.0, 1.0)
    return moments


def measured(f: Objective, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = x.detach().requires_grad_(True)
    value = f(x)
    (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), gradient


def one(f: Objective) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """The objective of a single row of numbers."""

    def both(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = measured(f, torch.from_numpy(x)[None])
        return float(value), gradient[0].numpy()

    return both


def two_loops(f: Objective, x: np.ndarray, gradients: int, history: int) -> np.ndarray:
    evaluate, pairs = one(f), []
    value, gradient = evaluate(x)
    used = 1
    while used < gradients:
        free = ~(((x <= 0) & (gradient >= 0)) | ((x >= 1) & (gradient <= 0)))
        q, shares = gradient * free, []
        for s, y in reversed(pairs):
            shares.append(s @ q / (s @ y))
            q = q - shares[-1] * y
        if pairs:
            s, y = pairs[-1]
            q = q * (s @ y) / (y @ y)
        for (s, y), share in zip(pairs, reversed(shares), strict=True):
            q = q + (share - y @ q / (s @ y)) * s
        direction = -q * free
        size = np.sqrt((direction**2).mean())
        if pairs and direction @ gradient < 0:
            direction = direction * min(1, quasi_newton.LONGEST / size)
        else:
            direction = -gradient * free
            direction = direction * quasi_newton.FIRST / np.sqrt((direction**2).mean())
        length = 1.0
        while used < gradients:
            trial = np.clip(x + length * direction, 0, 1)
            new, slope = evaluate(trial)
            used += 1
            if new <= value + quasi_newton.DECREASE * (gradient @ (trial - x)):
                s, y = trial - x, slope - gradient
                if s @ y > quasi_newton.LEAST_CURVATURE * np.linalg.norm(s) * np.linalg.norm(y):
                    pairs = [*pairs, (s, y)][-history:]
                x, value, gradient = trial, new, slope
                break
            falling = gradient @ direction
            lowest = -falling * length**2 / (2 * (new - value - falling * length))
            length = min(max(lowest, 0.1 * length), 0.5 * length)
    return x


def starts(n: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(3).uniform(0.1, 0.9, (n, SIZE)))


@pytest.mark.parametrize("history", [3, 20])
def test_it_takes_the_steps_of_the_two_loops(history: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quasi_newton, "HISTORY", history)
    start = starts(4)
    for gradients in (2, 5, 12, 30):
        points = searched(valley, start, gradients)["point"]
        for row, point in zip(start.numpy(), points.numpy(), strict=True):
            expected = two_loops(valley, row, gradients, history)
            np.testing.assert_allclose(point, expected, atol=1e-8, rtol=0)


def test_it_ends_where_scipy_does() -> None:
    start = starts(6)
    found = searched(valley, start, 400)
    at_bound = 0
    for row, point in zip(start.numpy(), found["point"].numpy(), strict=True):
        scipy = minimize(
            one(valley), row, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * SIZE,
            options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000},
        )  # fmt: skip
        assert float(valley(torch.from_numpy(point)[None])) <= scipy.fun + 1e-6
        at_bound += int(((point == 0) | (point == 1)).sum())
    assert at_bound > 0, "the box takes no part in this test"


def test_each_row_is_searched_by_itself() -> None:
    """Also where another row's values are not finite, or it has long been done."""
    start = starts(3)
    alone = searched(valley, start[:1], 40)["point"]

    def others(x: torch.Tensor) -> torch.Tensor:
        broken = torch.where(x[1].mean() > 0.5, torch.nan, 1.0)
        factors = torch.stack([torch.ones(()), broken, torch.full((), 1e6)])
        return valley(x) * factors

    together = searched(others, start, 40)
    np.testing.assert_allclose(together["point"][:1].numpy(), alone.numpy(), atol=1e-9)
    assert torch.isfinite(together["point"]).all()
    assert together["point"][1].mean() <= 0.5 or start[1].mean() > 0.5


def test_a_gradient_that_points_uphill_gives_up() -> None:
    """A wrong gradient finds no decrease: the history goes first, and then the search stalls."""
    start = starts(2)
    x, moments = start, begin(start)
    for _ in range(60):
        value, gradient = measured(lambda x: (x - 0.5).square().sum(dim=1), x)
        x, _, moments = search(moments, x, value, -gradient, 0.0, 1.0)
    assert (moments["given_up"] >= 2).all()
    assert torch.equal(moments["point"], start)


def test_the_potential_has_the_gradient_of_the_modified_relu(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    """So do central differences, where the modified ReLU has nothing that they could be of."""
    for stage, relu in (("relu1", True), ("relu2", True), ("norm2", False), ("final", False)):
        natural, x = images(2), images(4)[2:].requires_grad_(True)
        target = convolutional.activations(natural, [stage])[stage]
        assert (convolutional.modified_relu_call(stage, x) is not None) == relu
        value = potential(convolutional.before_relu(x, stage), target, relu)
        (found,) = torch.autograd.grad(value.sum(), x)
        activation = convolutional.at_stage(x, stage, modified_relu=True)
        half = ((activation - target) ** 2).flatten(1).sum(1) / 2
        (expected,) = torch.autograd.grad((half / (target**2).flatten(1).sum(1)).sum(), x)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-4)
    z, t = torch.tensor([[-2.0, 0.5, 3.0]]).double(), torch.tensor([[1.0, 0.0, 2.5]]).double()
    ahead, behind = (potential(z + d * torch.eye(3), t.expand(3, 3), True) for d in (1e-6, -1e-6))
    slopes = (ahead - behind) / 2e-6 * (t**2).sum()
    np.testing.assert_allclose(slopes, (z.clamp(min=0) - t)[0], atol=1e-6)
    assert float(potential(t, t, True)) == 0


FAST = PROTOCOLS["fast-2"]


def test_the_polish_matches_what_the_steps_begin(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    natural = images(3)
    for stage in ("relu1", "relu2", "final"):
        short = FAST.replace(steps=20, polish=150, stop=None)
        run = synthesize(convolutional, natural, stage, short)
        steps = synthesize(convolutional, natural, stage, short.replace(polish=0))
        # One stimulus ends at a kink at ``final``: hence the median.
        assert (run.losses[:, -1] < steps.losses[:, -1]).all(), stage
        assert run.losses[:, -1].median() < 0.02 * steps.losses[:, -1].median(), stage
        assert (run.gradients == 170).all()
        assert run.losses.shape[1] == len(run.steps)
        assert run.stimuli.min() >= 0
        assert run.stimuli.max() <= 1


def test_a_search_that_stalls_goes_on_by_the_papers_rule(
    load: Callable[..., StagedModel], images: Callable[[int], torch.Tensor]
) -> None:
    """Rounding has gradients here that its values do not follow."""

    class Rounded(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + ((x * 3).round() / 3 - x).detach()

    model = load(lambda: nn.Sequential(Rounded(), nn.Flatten(), nn.Linear(75, 10)), {"final": ""})
    protocol = FAST.replace(steps=10, polish=200, stop=None)
    run = synthesize(model, images(3), "final", protocol, ids=["a", "b", "c"])
    assert set(run.stalled) == {"a", "b", "c"}
    assert all(10 < step < 210 for step in run.stalled.values())
    first = {
        name: int(run.steps.tolist().index(min(s for s in run.steps.tolist() if s >= at)))
        for name, at in run.stalled.items()
    }
    for i, name in enumerate("abc"):
        assert run.losses[i, -1] <= run.losses[i, first[name]]
    smooth = synthesize(
        load(lambda: nn.Sequential(nn.Flatten(), nn.Linear(75, 10)), {"final": ""}),
        images(3), "final", protocol.replace(polish=30),
    )  # fmt: skip
    assert not smooth.stalled


@pytest.mark.parametrize(
    "changes",
    [
        {"keep": "best", "stop": None},
        {"precondition": 1.0},
        {"regulariser": {"tv": 0.1}},
        {"subsets": {"kind": "random", "every": 4}},
        {"transforms": {}, "stop": None},
        {"polish": -1},
    ],
)
def test_a_polish_is_of_the_match_alone(changes: dict[str, Any]) -> None:
    with pytest.raises(BenchError, match="polish"):
        FAST.replace(**changes)


def test_fast_is_the_newest_and_says_its_version() -> None:
    assert Protocol.named("fast").name == "fast-2"
    assert Protocol.named("fast").replace(steps=7).name == "fast-2+steps=7"
    assert Protocol.named("fast-1").polish == 0
