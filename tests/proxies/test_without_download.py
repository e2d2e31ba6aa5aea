"""Distances without learned weights, against closed forms, SciPy and published values."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate, gaussian_filter

from bench.errors import BenchError
from bench.proxies.cielab import cielab, lab
from bench.proxies.ms_ssim import ms_ssim
from bench.proxies.nlpd import laplacian_pyramid, nlpd, normalised

CPU = torch.device("cpu")
ALL = {"ms-ssim": ms_ssim, "nlpd": nlpd, "cielab": cielab}


def images(n: int, side: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ALL)
def test_it_is_zero_for_equal_images_and_grows_with_noise(name: str) -> None:
    distance = ALL[name](CPU)
    a = images(1, 40)
    noise = torch.randn(a.shape, generator=torch.Generator().manual_seed(1))
    values = [float(distance(a, (a + s * noise).clamp(0, 1))) for s in (0.0, 0.02, 0.1, 0.5)]
    assert values[0] == pytest.approx(0, abs=1e-6)
    assert values == sorted(values)
    assert values[1] > 1e-4


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_finite_where_images_agree_or_are_black(name: str) -> None:
    a, b = images(3, 24).numpy(), images(3, 24, seed=1).numpy()
    b[0] = a[0]
    a[1] = b[1, :, :12] = 0
    x = torch.tensor(a, requires_grad=True)
    ALL[name](CPU)(x, torch.tensor(b)).sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
    assert float(x.grad[2].abs().max()) > 0


@pytest.mark.parametrize("name", ALL)
def test_each_pair_is_compared_by_itself(name: str) -> None:
    a, b = images(4, 20), images(4, 20, seed=1)
    distance = ALL[name](CPU)
    alone = torch.cat([distance(a[i : i + 1], b[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(distance(a, b), alone)


def similarities(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """SSIM and its contrast part of two grey images (Wang et al. 2004, eq. 13)."""

    def smooth(image: np.ndarray) -> np.ndarray:
        return gaussian_filter(image, 1.5, radius=5)[5:-5, 5:-5]

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    both = smooth(a * b) - mean_a * mean_b
    contrast = (2 * both + 0.03**2) / (var_a + var_b + 0.03**2)
    light = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
    return float((light * contrast).mean()), float(contrast.mean())


def test_ms_ssim_of_one_scale_is_ssim() -> None:
    a, b = images(1, 16).double(), images(1, 16, seed=1).double()
    b = (a + b) / 2
    found = 1 - float(ms_ssim(CPU)(a, b))
    each = [similarities(a[0, c].numpy(), b[0, c].numpy())[0] for c in range(3)]
    assert found == pytest.approx(np.mean(each), abs=1e-5)


def test_ms_ssim_of_two_scales_multiplies_contrast_and_ssim() -> None:
    """Wang et al. 2003, eq. 7; at 32 px the first two exponents, which then sum to 1."""
    a, b = images(1, 32).double(), images(1, 32, seed=1).double()
    b = (3 * a + b) / 4
    first, second = np.array([0.0448, 0.2856]) / (0.0448 + 0.2856)
    each = []
    for c in range(3):
        fine = [image[0, c].numpy() for image in (a, b)]
        coarse = [image.reshape(16, 2, 16, 2).mean(axis=(1, 3)) for image in fine]
        each.append(similarities(*fine)[1] ** first * similarities(*coarse)[0] ** second)
    assert 1 - float(ms_ssim(CPU)(a, b)) == pytest.approx(np.mean(each), abs=1e-5)


def test_ms_ssim_refuses_what_its_window_does_not_fit() -> None:
    with pytest.raises(BenchError, match=r"10 px are too small for MS-SSIM.*11 px"):
        ms_ssim(CPU)(images(1, 10), images(1, 10))


# Bruce Lindbloom's tables of sRGB's corners under D65.
@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((1, 1, 1), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 1, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
        ((0.01, 0.01, 0.01), (0.699, 0, 0)),  # on the line: 903.3 * 0.01 / 12.92
    ],
)
def test_lab_of_known_colours(rgb: tuple[float, ...], expected: tuple[float, ...]) -> None:
    found = lab(torch.tensor(rgb, dtype=torch.float64).reshape(1, 3, 1, 1)).flatten()
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_cielab_is_the_mean_over_pixels() -> None:
    a, b = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    b[..., :1] = 1  # a quarter of the pixels, from black to white: Delta E is 100
    assert float(cielab(CPU)(a, b)) == pytest.approx(25, abs=1e-3)


def test_nlpd_of_uniform_images() -> None:
    """All bands are 0 but the last, g / (0.2782 + (0.2215 + 0.0717) g): four bands at 32 px."""

    def response(g: float) -> float:
        return g / (0.2782 + 0.2932 * g)

    a = torch.full((1, 3, 32, 32), 0.25, dtype=torch.float64)
    b = 3 * a
    expected = abs(response(0.25) - response(0.75)) / 4
    assert float(nlpd(CPU)(a, b)) == pytest.approx(expected, rel=1e-5)


def test_nlpd_divides_by_the_neighbours_amplitude() -> None:
    """A 2 x 2 px image has one band, with the weights 0.2215 left and 0.0717 right; by hand."""
    image = torch.tensor([[[[1.0, -2.0], [0.5, 0.0]]]])
    (found,) = normalised(image)
    expected = [
        [1 / (0.2782 + 0.2215 * 1 + 0.0717 * 2), -2 / (0.2782 + 0.2215 * 1 + 0.0717 * 2)],
        [0.5 / (0.2782 + 0.2215 * 0.5), 0.0],
    ]
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(33, 40), (64, 65)])
def test_the_laplacian_pyramid_is_burt_and_adelsons(shape: tuple[int, int]) -> None:
    """Filtered and thinned out; filled up with zeros and filtered; subtracted."""
    image = np.random.default_rng(0).random(shape)
    bands = laplacian_pyramid(torch.tensor(image)[None, None])
    kernel = np.outer([0.05, 0.25, 0.4, 0.25, 0.05], [0.05, 0.25, 0.4, 0.25, 0.05])
    low = correlate(image, kernel, mode="nearest")[::2, ::2]
    filled = np.zeros((2 * low.shape[0] + 4, 2 * low.shape[1] + 4))
    filled[::2, ::2] = np.pad(low, 1, mode="edge")
    wide = 4 * correlate(filled, kernel, mode="constant")[2:, 2:][: shape[0], : shape[1]]
    np.testing.assert_allclose(bands[0][0, 0], image - wide, atol=1e-12)
    assert [tuple(band.shape[2:]) for band in bands[:2]] == [shape, low.shape]


def test_nlpd_has_six_bands_where_they_fit() -> None:
    assert [len(laplacian_pyramid(torch.zeros(1, 1, n, n))) for n in (224, 65, 64, 32, 4)] == [
        6,
        6,
        5,
        4,
        1,
    ]
