"""DISTS with random weights against its formula, and downloads that fail."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models import vgg16

import bench
from bench.errors import BenchError
from bench.proxies import learned

CPU = torch.device("cpu")
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


@pytest.fixture(scope="module")
def vgg_state() -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        shapes = {f"features.{k}": v.shape for k, v in vgg16().features.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) * (2 / max(shape[1:].numel(), 1)) ** 0.5
        for name, shape in shapes.items()
    }


def l2_pool(x: torch.Tensor) -> torch.Tensor:
    """Ding et al. 2020, eq. 2: the root of the squares under a Hann window, at every other px."""
    row = torch.tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(row, row).expand(x.shape[1], 1, 3, 3)
    summed = torch.nn.functional.conv2d(x**2, kernel, stride=2, padding=1, groups=x.shape[1])
    return (summed + 1e-12).sqrt()


def stages(x: torch.Tensor, state: dict[str, torch.Tensor]) -> list[np.ndarray]:
    found, h = [x], (x - MEAN[:, None, None]) / STD[:, None, None]
    for block in ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)):
        if block[0]:
            h = l2_pool(h)
        for i in block:
            weight, bias = state[f"features.{i}.weight"], state[f"features.{i}.bias"]
            h = torch.nn.functional.conv2d(h, weight, bias, padding=1).relu()
        found.append(h)
    return [h.double().numpy() for h in found]


def test_dists_is_its_formula(vgg_state: Any, monkeypatch: Any, tmp_path: Path) -> None:
    """Ding et al. 2020, eqs. 3 to 5."""
    generator = torch.Generator().manual_seed(1)
    alpha, beta = (torch.rand(1, 1475, 1, 1, generator=generator) for _ in range(2))
    torch.save({"alpha": alpha, "beta": beta}, tmp_path / "dists.pt")
    monkeypatch.setattr(learned, "backbone_state", lambda metric, network: vgg_state)
    monkeypatch.setattr(learned, "_fetched", lambda metric, url: tmp_path / "dists.pt")
    a, b = (torch.rand(2, 3, 24, 24, generator=generator) for _ in range(2))
    b = (a + b) / 2

    weights = np.concatenate([alpha.flatten(), beta.flatten()]).astype(float)
    weights /= weights.sum()
    light, texture = [], []
    for x, y in zip(stages(a, vgg_state), stages(b, vgg_state), strict=True):
        mean_x, mean_y = x.mean(axis=(2, 3)), y.mean(axis=(2, 3))
        both = (x * y).mean(axis=(2, 3)) - mean_x * mean_y
        light.append((2 * mean_x * mean_y + 1e-6) / (mean_x**2 + mean_y**2 + 1e-6))
        texture.append((2 * both + 1e-6) / (x.var(axis=(2, 3)) + y.var(axis=(2, 3)) + 1e-6))
    expected = 1 - np.concatenate([*light, *texture], axis=1) @ weights

    distance = learned.dists("dists", CPU)
    np.testing.assert_allclose(distance(a, b), expected, rtol=2e-3)
    np.testing.assert_allclose(distance(a, a), 0, atol=1e-5)


def test_offline_says_what_to_fetch_and_where_to_put_it(monkeypatch: Any) -> None:
    def offline(*args: Any, **options: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(BenchError) as caught:
        bench.alignment_2afc(x, x, x, metric="dists")
    line = str(caught.value)
    assert "metric dists" in line
    assert "https://download.pytorch.org/models/vgg16-397923af.pth: " in line
    assert "fetch it yourself and save it as" in line
    assert "\n" not in line


def test_a_weights_file_of_another_kind_is_refused(
    vgg_state: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    torch.save({"alpha": torch.zeros(3)}, tmp_path / "dists.pt")
    monkeypatch.setattr(learned, "backbone_state", lambda metric, network: vgg_state)
    monkeypatch.setattr(learned, "_fetched", lambda metric, url: tmp_path / "dists.pt")
    with pytest.raises(BenchError, match=r"metric dists: its weights file has \{'alpha': \(3,\)\}"):
        learned.dists("dists", CPU)


def test_a_backbone_that_does_not_fit_is_refused(vgg_state: Any, monkeypatch: Any) -> None:
    damaged = {**vgg_state, "features.0.weight": torch.zeros(1)}
    monkeypatch.setattr(learned, "backbone_state", lambda metric, network: damaged)
    monkeypatch.setattr(learned, "_fetched", lambda metric, url: Path("absent"))
    monkeypatch.setattr(learned, "read_state", lambda path: {})
    with pytest.raises(BenchError, match=r"metric dists: its weights do not fit: .*0\.weight"):
        learned.dists("dists", CPU)
