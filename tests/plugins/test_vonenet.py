"""VOneAlexNet: its filters, cells and noise beside plain formulas and the published draw."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch
from torch import nn

from bench.models.load import load_spec
from bench.models.staged import StagedModel
from bench.models.weights import fill
from bench.plugins import Plugins
from bench_plugins.vonenet.gabors import Gabors, draw_gabors, gabor_kernels

# Filters 0, 1, 255 and 511, and the sums over all 512, as the published sampling code gives them
# (github.com/dicarlolab/vonenet, params.py, with sf_max 6): cycles/degree, orientation and phase
# in degrees, deviations across and along the grating in cycles.
PUBLISHED = {
    0: (2.1154942694, 106.69324167, 197.5728614138, 0.2698231224, 0.4791837832),
    1: (4.7757997111, 98.1272117695, 257.4681718941, 0.6359078473, 1.5200113391),
    255: (2.4216675341, 47.0005270461, 30.0320767591, 0.3229733252, 0.7615469423),
    511: (3.6747907224, 146.9507617314, 125.4513560521, 0.3753792941, 0.8320985973),
}
PUBLISHED_SUMS = (1428.60076721, 46876.25254547, 91288.5691958, 196.8725061750, 258.0062138133)


@pytest.fixture(scope="module")
def model() -> StagedModel:
    torch.set_num_threads(1)
    found = Plugins(found=[EntryPoint("vonenet", "bench_plugins.vonenet", "bench")])
    return load_spec(found.models.get("vonealexnet_gaussian_noise_std4_fixed"), None, "cpu")


def in_published_units(g: Gabors) -> np.ndarray:
    columns = (
        g.frequency * 28,
        np.rad2deg(g.theta),
        np.rad2deg(g.phase),
        g.sigma_x * g.frequency,
        g.sigma_y * g.frequency,
    )
    return np.stack(columns, axis=1)


def test_parameters_are_the_published_draw() -> None:
    found = in_published_units(draw_gabors(512, pixels_per_degree=28))
    for i, expected in PUBLISHED.items():
        np.testing.assert_allclose(found[i], expected, rtol=1e-8)
    np.testing.assert_allclose(found.sum(axis=0), PUBLISHED_SUMS, rtol=1e-8)
    assert found[:, 0].min() >= 0.5
    assert found[:, 0].max() <= 5.6  # the last edge of the histogram below 6 cycles/degree


def test_a_kernel_is_the_formula() -> None:
    one = Gabors(*(np.array([v]) for v in (0.11, 0.7, 1.3, 4.0, 6.5)))
    for shift in (0.0, np.pi / 2):
        found = gabor_kernels(one, 25, phase_shift=shift)[0]
        for i, j in ((12, 12), (0, 24), (5, 17), (20, 3)):
            x, y = i - 12, j - 12
            rx = x * np.cos(0.7) + y * np.sin(0.7)
            ry = -x * np.sin(0.7) + y * np.cos(0.7)
            g = np.exp(-(rx**2 / 4.0**2 + ry**2 / 6.5**2) / 2) / (2 * np.pi * 4.0 * 6.5)
            expected = g * np.cos(2 * np.pi * 0.11 * rx + 1.3 + shift)
            assert found[i, j] == pytest.approx(expected, rel=1e-9)


def test_each_filter_sees_one_colour_drawn_for_each_phase_apart(model: StagedModel) -> None:
    generator = torch.Generator().manual_seed(0)
    for bank in (model.module.vone_block.simple_conv_q0, model.module.vone_block.simple_conv_q1):
        colours = torch.randint(0, 3, (512,), generator=generator)
        used = bank.weight.abs().amax(dim=(2, 3)) > 0
        assert (used.sum(dim=1) == 1).all()
        assert (used.long().argmax(dim=1) == colours).all()


def test_cells_are_rectified_filters_and_energies(model: StagedModel) -> None:
    x = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    seen = nn.functional.pad((x[0] - mean[:, None, None]) / std[:, None, None], [12] * 4).double()
    response = model.activations(x, ["v1_output"])["v1_output"][0]
    block = model.module.vone_block
    q0, q1 = (bank.weight.double() for bank in (block.simple_conv_q0, block.simple_conv_q1))
    for unit, i, j in ((0, 0, 0), (7, 20, 33), (255, 55, 55), (256, 3, 40), (511, 30, 30)):
        patch = seen[:, 4 * i : 4 * i + 25, 4 * j : 4 * j + 25]
        even, odd = (patch * q0[unit]).sum().item(), (patch * q1[unit]).sum().item()
        simple = max(even, 0)
        energy = np.sqrt(1e-5 + even**2 + odd**2) / np.sqrt(2)
        driven = 25 * (simple if unit < 256 else energy) + block.noise[0, unit, i, j].item()
        assert response[unit, i, j].item() == pytest.approx(max(driven, 0), abs=1e-3)


def test_the_noise_is_the_published_draw_at_seed_0(model: StagedModel) -> None:
    """Published order of draws: colours, 1x1 convolution, back end, noise."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        torch.randint(0, 3, (512,)), torch.randint(0, 3, (512,))
        bottleneck = nn.Conv2d(512, 64, 1, bias=False)
        nn.init.kaiming_normal_(bottleneck.weight, mode="fan_out", nonlinearity="relu")
        for inputs, outputs, size in ((64, 192, 5), (192, 384, 3), (384, 256, 3), (256, 256, 3)):
            nn.Conv2d(inputs, outputs, size)
        for inputs, outputs in ((12544, 4096), (4096, 4096), (4096, 1000)):
            nn.Linear(inputs, outputs)
        normal = torch.distributions.Normal(torch.zeros(1, 512, 56, 56), scale=4.0)
        expected = normal.rsample()
    torch.testing.assert_close(model.module.vone_block.noise, expected)
    assert expected.std().item() == pytest.approx(4, abs=0.01)


def test_the_noise_is_fixed_and_shared_by_a_batch(model: StagedModel) -> None:
    x = torch.rand(1, 3, 224, 224)
    twice = model.activations(x.expand(2, -1, -1, -1), ["v1_output"])["v1_output"]
    torch.testing.assert_close(twice[0], twice[1])
    torch.testing.assert_close(model.activations(x, ["v1_output"])["v1_output"][0], twice[0])


@pytest.mark.parametrize("prefix", ["module.model.", "module.", ""])
def test_a_checkpoint_keeps_the_noise_and_brings_the_filters(
    model: StagedModel, prefix: str
) -> None:
    spec = model.spec
    net = spec.build(None)
    state = {prefix + k: v for k, v in model.module.state_dict().items()}
    assert f"{prefix}vone_block.simple_conv_q0.weight" in state
    assert f"{prefix}model.features.0.weight" in state
    assert not [k for k in state if "noise" in k]
    noise = net.vone_block.noise.clone()
    fill(net, state, spec.weights["default"], spec.id)
    torch.testing.assert_close(net.vone_block.noise, noise, rtol=0, atol=0)
    for path in ("vone_block.simple_conv_q1", "model.features.3"):
        own, filled = (n.get_submodule(path).weight for n in (model.module, net))
        torch.testing.assert_close(filled, own, rtol=0, atol=0)
