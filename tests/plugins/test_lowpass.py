"""LowpassAlexNet: its pooling beside the plain formula."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from bench.models.weights import fill
from bench.plugins import Plugins
from bench_plugins.lowpass.network import HannPool2d


@pytest.mark.parametrize(("window", "stride", "padding"), [(17, 4, 5), (9, 2, 2)])
def test_a_pool_is_a_hann_weighted_mean(window: int, stride: int, padding: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 25, 25))
    k = window - 2
    row = np.array([0.5 - 0.5 * np.cos(2 * np.pi * i / (window - 1)) for i in range(1, k + 1)])
    weights = np.outer(row, row) / np.outer(row, row).sum()
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    side = (25 + 2 * padding - k) // stride + 1
    expected = np.empty((2, 3, side, side))
    for i in range(side):
        for j in range(side):
            seen = padded[:, :, stride * i : stride * i + k, stride * j : stride * j + k]
            expected[:, :, i, j] = (seen * weights).sum(axis=(2, 3))
    found = HannPool2d(window, stride, padding)(torch.tensor(x, dtype=torch.float32))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_borders_are_not_renormalised() -> None:
    pooled = HannPool2d(9, stride=2, padding=2)(torch.ones(1, 1, 27, 27))[0, 0]
    assert pooled[6, 6].item() == pytest.approx(1)
    row = np.hanning(9)[1:-1]
    assert pooled[0, 0].item() == pytest.approx((row[2:].sum() / row.sum()) ** 2)


def test_the_published_names_hold() -> None:
    found = Plugins(found=[EntryPoint("lowpass", "bench_plugins.lowpass", "bench")])
    spec = found.models.get("alexnet_reduced_aliasing_early_checkpoint")
    net = spec.build(None)
    state = {f"module.model.{k}": v for k, v in net.state_dict().items()}
    windows = {k: tuple(v.shape) for k, v in state.items() if k.endswith("hann_window2d")}
    assert windows == {
        "module.model.features.0.2.hann_window2d": (1, 1, 15, 15),
        "module.model.features.2.hann_window2d": (1, 1, 7, 7),
        "module.model.features.5.hann_window2d": (1, 1, 7, 7),
        "module.model.features.12.hann_window2d": (1, 1, 7, 7),
    }
    assert "module.model.features.0.0.weight" in state
    fill(net, state, spec.weights["default"], spec.id)
