"""The cochleagram beside an independent computation in double precision, band by band."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import torch

from bench.errors import BenchError
from bench.hearing import Cochleagram
from bench.hearing.compression import compress
from bench.hearing.filters import erb_filters, erb_frequency, erb_number

RATE_HZ, SAMPLES = 20_000, 40_000
SMALL = {
    "rate_hz": 4000,
    "samples": 4000,
    "n": 6,
    "high_hz": 2000.0,
    "env_rate_hz": 100,
    "taps": 401,
}


def sounds() -> dict[str, np.ndarray]:
    """Return sounds that ask for different things: dips, spread, lines, onsets, near silence."""
    draw = np.random.default_rng(0)
    t = np.arange(SAMPLES) / RATE_HZ
    harmonics = sum(np.sin(2 * np.pi * f * t) for f in range(110, 9000, 110))
    beats = np.sin(2 * np.pi * 3000 * t) * np.sin(2 * np.pi * 60 * t)
    click = np.zeros(SAMPLES)
    click[SAMPLES // 2] = 0.9
    spoken = harmonics * np.clip(np.sin(2 * np.pi * 3 * t), 0, 1) ** 2
    loud = {
        "noise": draw.normal(size=SAMPLES),
        "tone": np.sin(2 * np.pi * 1000 * t),
        "harmonics": harmonics,
        "beats": beats,
        "spoken": spoken + 0.01 * draw.normal(size=SAMPLES),
    }
    return {name: 0.1 * x / x.std() for name, x in loud.items()} | {
        "click": click,
        "noise start": 1e-7 * draw.normal(size=SAMPLES),
        "silence": np.zeros(SAMPLES),
    }


def place(f: float) -> float:
    """Return Glasberg and Moore's ERB-number, as written in the paper's source."""
    return 9.265 * np.log(1 + f / (24.7 * 9.265))


def reference(
    x: np.ndarray,
    rate_hz: int = RATE_HZ,
    n: int = 50,
    low_hz: float = 50,
    high_hz: float = 10_000,
    s: int = 4,
    env_rate_hz: int = 200,
    taps: int = 1001,
) -> np.ndarray:
    """Compute the published formula in double precision, one band after the other."""
    hz = np.linspace(0, rate_hz / 2, len(x) // 2 + 1)
    e = place(hz)
    k = s * (n + 1) - 1
    centres = np.linspace(place(low_hz), place(high_hz), k + 2)[1:-1]
    d = centres[1] - centres[0]
    band = []
    for c in centres:
        response = np.zeros(len(hz))
        inside = (e > c - s * d) & (e < c + s * d)
        response[inside] = np.cos((e[inside] - c) / (2 * s * d) * np.pi)
        band.append(response)
    low = [np.sqrt(1 - band[i] ** 2) * (e < centres[i]) for i in range(s)]
    high = [np.sqrt(1 - band[k - 1 - i] ** 2) * (e > centres[k - 1 - i]) for i in range(s)]
    hop = rate_hz // env_rate_hz
    t = np.arange(taps) - taps / 2
    kernel = scipy.signal.windows.kaiser(taps, 5) * np.sinc(t / hop) / hop
    kernel = kernel.astype(np.float32).astype(float)
    spectrum = np.zeros(len(x), complex)
    frames = []
    for amplitude in [*low, *band, *high[::-1]]:
        response = (amplitude / np.sqrt(s)).astype(np.float32)
        spectrum[: len(hz)] = scipy.fft.rfft(x) * response
        magnitude = np.sqrt(np.maximum(np.abs(scipy.fft.ifft(spectrum)) ** 2, 1e-16))
        smooth = scipy.signal.correlate(magnitude, kernel, mode="valid", method="direct")[::hop]
        frames.append((np.maximum(smooth, 0) + 1e-8) ** 0.3)
    return np.array(frames)


@pytest.fixture(scope="module")
def references() -> dict[str, np.ndarray]:
    return {name: reference(x.astype(np.float32).astype(float)) for name, x in sounds().items()}


def differences(mode: str, references: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    module = Cochleagram(mode=mode)
    found = module(torch.from_numpy(np.stack(list(sounds().values()))).float())[:, 0].numpy()
    return {name: a - b for (name, b), a in zip(references.items(), found, strict=True)}


def test_exact_is_the_formula(references: dict[str, np.ndarray]) -> None:
    for name, difference in differences("exact", references).items():
        assert np.abs(difference).max() < 2e-5, name


def test_fast_is_near_it(references: dict[str, np.ndarray]) -> None:
    for name, difference in differences("fast", references).items():
        assert np.abs(difference).max() < 4e-3, name
        assert np.linalg.norm(difference) < 1e-3 * np.linalg.norm(references[name]), name


def test_shape_is_the_papers() -> None:
    assert Cochleagram().shape == (1, 211, 390)
    assert Cochleagram()(torch.zeros(2, SAMPLES)).shape == (2, 1, 211, 390)


def test_other_numbers_than_the_papers() -> None:
    x = 0.1 * np.random.default_rng(1).normal(size=4000)
    for s in (1, 2):
        module = Cochleagram(**SMALL, oversampling=s, low_hz=80.0)
        found = module(torch.from_numpy(x)[None])[0, 0].numpy()
        expected = reference(x, 4000, n=6, low_hz=80, high_hz=2000, s=s, env_rate_hz=100, taps=401)
        assert found.shape == expected.shape == module.shape[1:]
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_squares_of_the_filters_sum_to_one() -> None:
    hz = np.linspace(0, 10_000, 3001)
    for s in (1, 2, 4):
        filters = erb_filters(hz, 50, 50, 10_000, s)
        assert filters.shape == (s * 53 - 1, 3001)
        np.testing.assert_allclose((filters**2).sum(axis=0), 1, atol=1e-12)


def test_a_tones_band_is_its_own_and_its_height_half_the_amplitude() -> None:
    module = Cochleagram()
    band = 100
    hz = round(module.bands_hz[band] * 2) / 2  # on a bin
    t = np.arange(SAMPLES) / RATE_HZ
    frames = module(torch.from_numpy(np.sin(2 * np.pi * hz * t))[None])[0, 0]
    assert (frames.argmax(dim=0) == band).all()
    # the squared filters sum to 1, so four overlapping ones have a height of 1 / sqrt(4)
    gain = np.kaiser(1001, 5) * np.sinc((np.arange(1001) - 500.5) / 100) / 100
    expected = (0.5 * 0.5 * gain.sum() + 1e-8) ** 0.3
    assert frames[band].numpy() == pytest.approx(expected, rel=1e-3)


def test_erb_numbers_and_frequencies_are_inverse() -> None:
    hz = np.array([0.0, 50, 1000, 10_000])
    np.testing.assert_allclose(erb_frequency(erb_number(hz)), hz, atol=1e-9)
    assert erb_number(1000) == pytest.approx(9.265 * np.log(1 + 1000 / 228.8455))


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_the_gradient_is_that_of_finite_differences(mode: str) -> None:
    """Without the bound on the slope, whose gradient is not that of the function by design."""
    module = Cochleagram(**SMALL, steepest=float("inf"), mode=mode)
    draw = torch.Generator().manual_seed(0)
    x = 0.1 * torch.randn(2, 4000, generator=draw, dtype=torch.float64)
    weights = torch.randn(2, *module.shape, generator=draw, dtype=torch.float64)
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad((module(x) * weights).sum(), x)
    for _ in range(4):
        direction = torch.randn(2, 4000, generator=draw, dtype=torch.float64)
        step = 1e-7 * direction
        with torch.no_grad():
            rise = ((module(x + step) - module(x - step)) * weights).sum() / 2e-7
        assert float((gradient * direction).sum()) == pytest.approx(float(rise), rel=1e-5)


def test_the_gradient_in_single_precision_is_that_in_double() -> None:
    module = Cochleagram()
    x = torch.from_numpy(sounds()["spoken"])[None]
    gradients = []
    for value in (x.clone(), x.float()):
        value.requires_grad_(True)
        module(value).square().sum().backward()
        gradients.append(value.grad.double())
    assert (gradients[1] - gradients[0]).norm() < 1e-5 * gradients[0].norm()


def test_silence_has_no_gradient_and_stays_finite() -> None:
    x = torch.zeros(1, SAMPLES, requires_grad=True)
    out = Cochleagram()(x)
    out.sum().backward()
    assert (x.grad == 0).all()
    assert out.isfinite().all()


def test_compression_lets_negative_envelopes_rise_and_bounds_the_slope() -> None:
    x = torch.tensor([-1e-3, 0.0, 1e-6, 0.01, 0.5], dtype=torch.float64, requires_grad=True)
    y = compress(x, 0.3, 1e-8, 5.0)
    y.sum().backward()
    base = np.maximum(x.detach().numpy(), 0) + 1e-8
    np.testing.assert_allclose(y.detach(), base**0.3)
    np.testing.assert_allclose(x.grad, np.minimum(0.3 * base**-0.7, 5))
    assert x.grad[:3].tolist() == [5, 5, 5]


def test_a_sound_alone_equals_itself_in_a_batch_and_gradients_can_be_asked_for_twice() -> None:
    module = Cochleagram(**SMALL)
    x = 0.1 * torch.randn(3, 4000, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(module(x)[1:2], module(x[1:2]), rtol=1e-5, atol=1e-6)
    x.requires_grad_(True)
    total = module(x).sum()
    (first,) = torch.autograd.grad(total, x, retain_graph=True)
    (second,) = torch.autograd.grad(total, x)
    assert torch.equal(first, second)
    assert not module.state_dict()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"high_hz": 11_000.0}, "half the rate"),
        ({"low_hz": -1.0}, "half the rate"),
        ({"env_rate_hz": 300}, "does not divide"),
        ({"samples": 40_050}, "whole frames"),
        ({"samples": 1000}, "fewer than"),
        ({"n": 0}, "at least 1"),
        ({"offset": 0.0}, "positive"),
        ({"mode": "quick"}, "exact, fast"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(changes: dict, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        Cochleagram(**changes)


@pytest.mark.parametrize(
    "x", [torch.zeros(1, 100), torch.zeros(40_000), torch.zeros(1, 40_000).int()]
)
def test_other_sounds_are_refused(x: torch.Tensor) -> None:
    with pytest.raises(BenchError, match="40000"):
        Cochleagram()(x)
