"""The parts of the digits networks, each against what it should be by its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from scipy.signal.windows import hann
from torch import Tensor, nn

from bench_plugins.digits import hmax, networks
from bench_plugins.digits.gabor import WAVELENGTHS_PX, GaborFrontEnd, gabor_kernel


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _grating(wavelength_px: float, angle: float, phase: float, size_px: int = 32) -> Tensor:
    axis = torch.arange(size_px) - (size_px - 1) / 2
    row, column = torch.meshgrid(axis, axis, indexing="ij")
    along = column * math.cos(angle) + row * math.sin(angle)
    return torch.cos(2 * math.pi * along / wavelength_px + phase)


def test_the_plain_network_has_the_parameters_that_its_layers_add_up_to() -> None:
    layers = [3 * 24 * 25 + 24, 24 * 32 * 9 + 2 * 32, 32 * 48 * 9 + 2 * 48, 48 * 80 * 9 + 2 * 80]
    expected = sum(layers) + 80 * 10 + 10
    assert sum(p.numel() for p in networks.standard().parameters()) == expected


@pytest.mark.parametrize("build", [networks.standard, networks.lowpass, networks.gabor])
def test_variants_differ_in_their_front_or_pooling_only(build: object) -> None:
    assert callable(build)
    network = build().eval()
    sizes = {}
    for name in ("conv1", "conv2", "conv3", "conv4"):
        layer = network.get_submodule(name)
        layer.register_forward_hook(
            lambda _module, _inputs, output, name=name: sizes.update({name: tuple(output.shape)})
        )
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    front = (2, 48, 16, 16) if build is networks.gabor else (2, 24, 32, 32)
    assert sizes == {
        "conv1": front,
        "conv2": (2, 32, 16, 16),
        "conv3": (2, 48, 8, 8),
        "conv4": (2, 80, 4, 4),
    }


@pytest.mark.parametrize("size", [5, 9])
def test_hann_pooling_is_a_correlation_with_a_hann_window(size: int) -> None:
    window = np.outer(hann(size), hann(size))[1:-1, 1:-1]
    window /= window.sum()
    x = torch.rand(2, 3, 12, 12, generator=_generator())
    pooled = networks.HannPool(size, stride=2)(x)
    for image, found in zip(x.flatten(0, 1), pooled.flatten(0, 1), strict=True):
        expected = correlate(image.double().numpy(), window, mode="constant")[::2, ::2]
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("phase", [0.0, math.pi / 2])
@pytest.mark.parametrize("wavelength", WAVELENGTHS_PX)
def test_a_gabor_has_mean_0_norm_1_and_its_own_wavelength(wavelength: float, phase: float) -> None:
    kernel = gabor_kernel(11, wavelength, 0.0, phase)
    assert kernel.sum().item() == pytest.approx(0, abs=1e-5)
    assert kernel.norm().item() == pytest.approx(1, abs=1e-5)
    power = np.abs(np.fft.fft2(kernel.numpy(), (256, 256))) ** 2
    row, column = np.unravel_index(power[:128, :128].argmax(), (128, 128))
    assert row == 0  # the wave runs along the columns
    # A narrow envelope and the mean's removal shift the peak a little above the nominal one.
    assert 256 / column == pytest.approx(wavelength, rel=0.25)


def test_a_gabor_turned_by_a_right_angle_is_the_same_kernel_turned() -> None:
    upright, lying = (gabor_kernel(11, 5.0, angle, 0.0) for angle in (0.0, math.pi / 2))
    torch.testing.assert_close(lying, upright.T, atol=1e-6, rtol=0)


def test_the_gabor_front_end_learns_nothing_and_ships_nothing() -> None:
    network = networks.gabor()
    front = network.get_submodule("conv1")
    assert not list(front.parameters())
    assert not [name for name in network.state_dict() if name.startswith("conv1")]
    kernels = [buffer.clone() for buffer in front.buffers()]
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    network(torch.randn(4, 3, 32, 32, generator=_generator())).square().sum().backward()
    optimiser.step()
    assert len(kernels) == 2
    for before, after in zip(kernels, front.buffers(), strict=True):
        torch.testing.assert_close(before, after, atol=0, rtol=0)


def test_complex_cells_do_not_care_for_the_phase_of_a_grating_and_simple_cells_do() -> None:
    front = GaborFrontEnd()
    phases = torch.linspace(0, 2 * math.pi, 9)[:-1]
    images = torch.stack([_grating(4.0, 0.0, float(p)) for p in phases])
    responses = front(images[:, None].expand(-1, 3, -1, -1))[:, :, 8, 8]  # amid the frame
    simple, energy = responses.chunk(2, dim=1)
    best = int(energy.mean(dim=0).argmax())
    assert best == 0  # the first wavelength, 4 px, at the first orientation, for luminance
    spread = (energy.max(dim=0).values - energy.min(dim=0).values)[best] / energy.mean(0)[best]
    assert spread < 0.2
    assert simple[:, best].min() == 0
    assert simple[:, best].max() > energy[:, best].mean()


def test_uniform_colour_drives_no_gabor() -> None:
    colour = torch.tensor([0.8, -0.3, 1.5])[:, None, None].expand(3, 32, 32)
    responses = GaborFrontEnd()(colour[None])[:, :, 4:12, 4:12]  # clear of the zero border
    simple, energy = responses.chunk(2, dim=1)
    assert simple.max() < 1e-4
    silent = 5 * math.sqrt(1e-5 / 2)  # the constant under the root, times the excitation
    torch.testing.assert_close(energy, torch.full_like(energy, silent), atol=1e-4, rtol=0)


def test_gaussian_similarity_is_its_definition() -> None:
    x = torch.rand(2, 4, 6, 7, generator=_generator(1))
    templates = torch.rand(3, 4, 3, 3, generator=_generator(2))
    found = hmax.gaussian_similarity(x, templates)
    assert found.shape == (2, 3, 6, 7)
    padded = np.pad(x.double().numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)))
    for n, p, row, column in np.ndindex(2, 3, 6, 7):
        patch = padded[n, :, row : row + 3, column : column + 3]
        distance = np.mean((patch - templates[p].double().numpy()) ** 2)
        expected = math.exp(-2.0 * distance)
        assert found[n, p, row, column].item() == pytest.approx(expected, abs=1e-5)


def test_c1_takes_the_maximum_over_two_sizes_and_five_pixels() -> None:
    s1 = torch.zeros(1, 16, 32, 32)
    s1[0, 2, 15, 15] = 3.0  # first size, third orientation
    s1[0, 4 + 2, 15, 16] = 7.0  # second size, same band, next column
    s1[0, 12 + 1, 0, 31] = 2.0  # fourth size: second band; a corner
    c1 = hmax.C1()(s1)
    assert c1.shape == (1, 8, 11, 11)
    # Windows are centred at 0, 3, .. 30 and reach 2 px to each side: 15 is only in that around 15,
    # 16 in those around 15 and 18, and 31 in the one around 30.
    expected = torch.zeros(1, 8, 11, 11)
    expected[0, 2, 5, 5:7] = 7.0
    expected[0, 4 + 1, 0, 10] = 2.0
    torch.testing.assert_close(c1, expected, atol=0, rtol=0)


def test_s1_is_silent_on_a_flat_field_and_prefers_a_grating_of_its_own_orientation() -> None:
    s1 = hmax.S1()
    flat = s1(torch.full((1, 3, 32, 32), 1.3))
    assert flat.abs().max() < 1e-4
    for orientation in range(4):
        image = _grating(4.5, math.pi * orientation / 4, 0.0)
        response = s1(image.expand(1, 3, 32, 32))[0, 8:12, 8:24, 8:24]  # third size: 9 px
        assert int(response.amax(dim=(1, 2)).argmax()) == orientation


def test_templates_are_found_again_in_the_scenes_that_they_were_cut_from() -> None:
    network = hmax.Hmax()
    scenes = torch.randn(300, 3, 32, 32, generator=_generator())
    hmax.imprint(network, scenes, _generator(3))
    with torch.no_grad():
        c2 = network.features(scenes)
    assert c2.shape == (300, 300)
    torch.testing.assert_close(c2.amax(dim=0), torch.ones(300), atol=1e-4, rtol=0)
    assert c2.median() < 0.95


def test_gradients_of_hand_made_features_reach_the_input_from_every_stage() -> None:
    network = hmax.Hmax()
    x = torch.randn(2, 3, 32, 32, generator=_generator(), requires_grad=True)
    hmax.imprint(network, torch.randn(300, 3, 32, 32, generator=_generator(1)), _generator())
    stage: Tensor = x
    for name in ("s1", "c1", "s2", "c2", "logits"):
        stage = network.get_submodule(name)(stage)
        (gradient,) = torch.autograd.grad(stage.square().sum(), x, retain_graph=True)
        assert torch.isfinite(gradient).all()
        assert (gradient.flatten(1).norm(dim=1) > 0).all()


def test_the_vit_has_64_tokens_and_no_class_token() -> None:
    network = networks.vit().eval()
    embed = network.get_submodule("patch_embed")
    assert isinstance(embed, nn.Module)
    assert embed(torch.zeros(2, 3, 32, 32)).shape == (2, 64, 64)
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
