"""The log-mel spectrogram beside SciPy's short-time spectrum and filters drawn by interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from bench.errors import BenchError
from bench.hearing import LogMel


def reference(x: np.ndarray, rate_hz: int, bands: int, low_hz: float, window: int, hop: int):
    """Return the formula by SciPy's spectrogram; triangles by linear interpolation."""
    hz, _, power = scipy.signal.spectrogram(
        x, rate_hz, "hann", window, window - hop, detrend=False, scaling="spectrum", mode="psd"
    )
    hann = scipy.signal.windows.hann(window, sym=False)
    power *= hann.sum() ** 2
    power[1:-1] /= 2  # one-sided densities count negative frequencies too
    mels = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (low_hz, rate_hz / 2)), bands + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    filters = [np.interp(hz, corners[k : k + 3], [0, 1, 0], 0, 0) for k in range(bands)]
    return np.log(np.array(filters) @ power + 1e-6)


def test_it_is_the_formula() -> None:
    x = 0.1 * np.random.default_rng(0).normal(size=(2, 8000))
    module = LogMel(16_000, 8000, bands=40, window=400, hop=160)
    found = module(torch.from_numpy(x))
    assert found.shape == (2, *module.shape) == (2, 1, 40, 48)
    for k in range(2):
        expected = reference(x[k], 16_000, 40, 50.0, 400, 160)
        np.testing.assert_allclose(found[k, 0], expected, atol=1e-5)


def test_gradients_are_those_of_finite_differences() -> None:
    module = LogMel(1000, 200, bands=5, low_hz=0.0, window=50, hop=25)
    x = torch.rand(1, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(module, x.requires_grad_(True))
    assert not module.state_dict()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"high_hz": 9000.0}, "high_hz"),
        ({"window": 0}, "window"),
        ({"window": 20_000}, "window"),
        ({"offset": 0.0}, "offset"),
        ({"bands": 300}, "hold no frequency"),
    ],
)
def test_numbers_that_do_not_go_together_are_refused(changes: dict, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        LogMel(**changes)


def test_other_sounds_are_refused() -> None:
    with pytest.raises(BenchError, match="16000"):
        LogMel()(torch.zeros(1, 100))
