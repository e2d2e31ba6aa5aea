"""Every named protocol against a float64 computation in NumPy that shares no code with the engine.

The network is a linear layer, a ReLU and a linear layer. At the first stage the gradient has a
closed form, with the modified ReLU as it is defined; at the last one, and through transforms and
blurs, it comes from central differences. What follows the steps, a search, has its own tests.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate, map_coordinates

from bench.models.staged import StagedModel
from bench.synthesis.engine import synthesize
from bench.synthesis.named import PROTOCOLS
from bench.synthesis.noise import noise_start
from bench.synthesis.parts import SubsetSchedule
from bench.synthesis.protocols import Protocol
from bench.synthesis.schedules import draw_subsets
from bench.synthesis.transformations import draw_amounts

STEPS = 20
SETS = [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9]]  # units of the last stage
FLOAT32 = 2e-5  # rounding of 20 steps in float32, in pixels; steps are up to 1 long


@dataclass
class Reference:
    """One stimulus, in float64: pixels -> (x - 0.5) / 0.25 -> W1, b1 -> ReLU -> W2, b2."""

    model: StagedModel
    natural: np.ndarray
    protocol: Protocol
    stage: str
    draws: list[int]
    amounts: np.ndarray

    def __post_init__(self) -> None:
        one, two = self.model.module[1], self.model.module[3]
        self.w1, self.b1, self.w2, self.b2 = (
            t.detach().numpy().astype(np.float64)
            for t in (one.weight, one.bias, two.weight, two.bias)
        )
        self.target = self.activation(self.natural)
        self.weight = 0.0

    def before_relu(self, x: np.ndarray) -> np.ndarray:
        return self.w1 @ ((x - 0.5) / 0.25).ravel() + self.b1

    def activation(self, x: np.ndarray) -> np.ndarray:
        hidden = np.maximum(self.before_relu(x), 0)
        return hidden if self.stage == "hidden" else self.w2 @ hidden + self.b2

    def units(self, step: int) -> Any:
        """The paper's rules, written out for this test's schedules."""
        s, p = self.protocol.subsets, self.protocol
        repetition, within = divmod(step, p.steps)
        late = s is not None and s.until is not None and within >= s.until
        if s is None or late or (repetition == p.repetitions - 1 and not s.in_last_repetition):
            return slice(None)
        if s.kind == "coarse-to-fine":
            return SETS[min(within // s.every, 1)]
        draws_each = -(-(p.steps if s.until is None else s.until) // s.every)
        return SETS[self.draws[repetition * draws_each + within // s.every]]

    def loss(self, x: np.ndarray, step: int) -> float:
        units = self.units(step)
        shown = self.transformed(x, step) if self.protocol.transforms else x
        a, t = self.activation(shown)[units], self.target[units]
        return float(np.sqrt(((a - t) ** 2).sum()) / np.sqrt((t**2).sum()))

    def transformed(self, x: np.ndarray, step: int) -> np.ndarray:
        """Colours about the mean grey, then zoom and turn about the centre, grey outside."""
        most = self.protocol.transforms
        b, c, s, zoom, angle, _, _ = self.amounts[step]
        luma = np.array([0.299, 0.587, 0.114])[:, None, None]
        x = x * (1 + most.brightness * b)
        mean = (luma * x).sum(axis=0).mean()
        x = mean + (1 + most.contrast * c) * (x - mean)
        grey = (luma * x).sum(axis=0)
        x = grey + (1 + most.saturation * s) * (x - grey)
        n = x.shape[1]
        rows, columns = np.mgrid[:n, :n] - (n - 1) / 2
        theta, size = np.deg2rad(most.degrees * angle), 1 + most.scale * zoom
        # Where an output pixel comes from: turned back by theta, and brought nearer by the zoom.
        across = (np.cos(theta) * columns - np.sin(theta) * rows) / size + (n - 1) / 2
        down = (np.sin(theta) * columns + np.cos(theta) * rows) / size + (n - 1) / 2
        padded = np.pad(x - 0.5, ((0, 0), (2, 2), (2, 2)))
        return 0.5 + np.stack([map_coordinates(p, [down + 2, across + 2], order=1) for p in padded])

    def regulariser(self, x: np.ndarray, frozen_blur: np.ndarray) -> float:
        r, total = self.protocol.regulariser, 0.0
        if r is None:
            return total
        if r.tv:
            total += r.tv * ((np.diff(x, axis=1) ** 2).sum() + (np.diff(x, axis=2) ** 2).sum())
        if r.lp:
            total += r.lp * np.abs(x - r.lp_centre).sum()
        if r.blur:
            total += r.blur * ((x - frozen_blur) ** 2).sum()
        return total

    def objective(self, x: np.ndarray, step: int, frozen_blur: np.ndarray) -> float:
        return self.loss(x, step) + self.regulariser(x, frozen_blur)

    def perceptual_gradient(self, x: np.ndarray) -> np.ndarray:
        """Of -w mean((clip(x) - natural)^2), in closed form; clipping counts as the identity."""
        return -self.weight * 2 * (np.clip(x, 0, 1) - self.natural) / x.size

    def gradient(self, x: np.ndarray, step: int) -> np.ndarray:
        if (
            self.stage == "hidden"
        ):  # the modified ReLU: its value's error, a linear layer's Jacobian
            a = self.activation(x)
            error = (a - self.target) / np.linalg.norm(a - self.target)
            return (self.w1.T @ error / 0.25 / np.linalg.norm(self.target)).reshape(x.shape)
        kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
        blurred = np.stack([correlate(plane, kernel, mode="nearest") for plane in x])
        gradient = np.empty(x.size)
        for i in range(x.size):
            ahead, behind = x.copy().ravel(), x.copy().ravel()
            ahead[i] += 1e-6
            behind[i] -= 1e-6
            values = [self.objective(v.reshape(x.shape), step, blurred) for v in (ahead, behind)]
            gradient[i] = (values[0] - values[1]) / 2e-6
        return gradient.reshape(x.shape) + self.perceptual_gradient(x)

    def run(self, x: np.ndarray) -> np.ndarray:
        p = self.protocol
        if p.regulariser and p.regulariser.perceptual:
            apart = ((np.clip(x, 0, 1) - self.natural) ** 2).mean()
            self.weight = self.loss(x, 0) / apart
        mean, square = np.zeros_like(x), np.zeros_like(x)
        best, best_x = np.inf, x
        for step in range(p.total_steps):
            blurred = x  # unused: best is only kept without a regulariser
            value = self.objective(x, step, blurred) if p.keep == "best" else np.inf
            best, best_x = (value, x) if value < best else (best, best_x)
            g = filtered(self.gradient(x, step), p.precondition)
            if p.log_loss:
                g = g / self.loss(x, step)
            rate = p.step_size * p.step_decay ** (step // p.steps)
            if p.rate_shape == "cosine":
                rate = p.step_size * 0.5 * (1 + np.cos(np.pi * step / p.total_steps))
            if p.optimizer == "normalized":
                change = rate * g / (np.linalg.norm(g) + 1e-10)
            elif p.optimizer == "sgd":
                change = rate * g
            else:
                one, two = p.betas
                mean, square = one * mean + (1 - one) * g, two * square + (1 - two) * g**2
                unbiased = mean / (1 - one ** (step + 1)), square / (1 - two ** (step + 1))
                change = rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
            x = np.clip(x - change, 0, 1)
        if p.keep == "best" and self.objective(x, p.total_steps, x) > best:
            return best_x
        return x


def filtered(gradient: np.ndarray, power: float) -> np.ndarray:
    """Full complex spectra here, half spectra in the engine."""
    if not power:
        return gradient
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in gradient.shape[1:])))
    weights = np.maximum(frequency, 1 / max(gradient.shape[1:])) ** -power
    weights /= np.sqrt((weights**2).mean())
    return np.fft.ifft2(np.fft.fft2(gradient) * weights).real


def shortened(protocol: Protocol) -> Protocol:
    """The same rules in about 20 steps, every change of rate and units among them."""
    changes: dict[str, Any] = {"steps": STEPS, "repetitions": 1}
    if protocol.repetitions > 1:
        changes = {"steps": 10, "repetitions": 2}
    if protocol.subsets:
        until = None if protocol.subsets.until is None else 7
        changes["subsets"] = dataclasses.replace(protocol.subsets, every=3, until=until)
    return protocol.replace(**changes)


def mean_square(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).square().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("name", [p.name for p in PROTOCOLS.values() if not p.polish])
def test_the_trajectory_is_the_protocols(
    name: str, two_layers: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    protocol, natural, ids = shortened(PROTOCOLS[name]), images(2), ["one", "two"]
    start = protocol.image_start
    initial = noise_start(ids, (3, 5, 5), start, seed=3)
    perceptual = protocol.regulariser is not None and protocol.regulariser.perceptual is not None
    run = synthesize(
        two_layers, natural, "final", protocol, seed=3, ids=ids, unit_sets=SETS,
        distance=mean_square if perceptual else None,
    )  # fmt: skip
    assert torch.equal(run.initial, initial)
    for i, stimulus in enumerate(ids):
        expected = Reference(
            two_layers,
            natural[i].numpy().astype(np.float64),
            protocol,
            "final",
            draw_subsets(protocol, len(SETS), 3, stimulus),
            draw_amounts(3, stimulus, 0).numpy().astype(np.float64),
        ).run(initial[i].numpy().astype(np.float64))
        assert np.abs(expected - initial[i].numpy()).max() > 0.001, "nothing moved"
        np.testing.assert_allclose(run.stimuli[i].numpy(), expected, atol=FLOAT32, rtol=0)


@pytest.mark.parametrize("name", ["feather2023", "feather2023-adam", "nanda2023"])
def test_the_modified_relu_has_the_gradient_of_the_identity(
    name: str, two_layers: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    protocol, natural = shortened(PROTOCOLS[name]), images(2)
    run = synthesize(two_layers, natural, "hidden", protocol, seed=3)
    for i in range(2):
        expected = Reference(
            two_layers,
            natural[i].numpy().astype(np.float64),
            protocol,
            "hidden",
            [],
            np.empty(0),
        ).run(run.initial[i].numpy().astype(np.float64))
        np.testing.assert_allclose(run.stimuli[i].numpy(), expected, atol=FLOAT32, rtol=0)
    plain = synthesize(two_layers, natural, "hidden", protocol.replace(modified_relu=False), seed=3)
    assert (plain.stimuli - run.stimuli).abs().max() > 100 * FLOAT32


def test_a_random_schedule_redraws_its_units(two_layers: StagedModel) -> None:
    """Guards the test above: its schedules do pick both sets and all units."""
    protocol = shortened(PROTOCOLS["feather2023-hmax"])
    assert isinstance(protocol.subsets, SubsetSchedule)
    drawn = {unit for name in ("one", "two") for unit in draw_subsets(protocol, 2, 3, name)}
    assert drawn == {0, 1}


def test_a_smooth_decay_changes_at_every_step() -> None:
    protocol = Protocol.named("feather2023-adam").replace(rate_shape="smooth")
    assert protocol.step_at(500) == pytest.approx(0.001 * 0.95**0.5)
    assert protocol.step_at(14_999) == pytest.approx(0.001 * 0.95**14.999)
