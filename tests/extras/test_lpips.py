"""LPIPS with random backbones against Zhang et al. 2018, eq. 1, written out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision

import bench
from bench.errors import BenchError
from bench.proxies import learned

CPU = torch.device("cpu")
# The layers of each backbone's features whose outputs are compared.
LAYERS = {
    "alex": (1, 4, 7, 9, 11),
    "vgg": (3, 8, 15, 22, 29),
    "squeeze": (1, 4, 7, 9, 10, 11, 12),
}


def random_backbone(metric: str, network: str) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        features = torchvision.models.get_model(network, weights=None).features
    generator = torch.Generator().manual_seed(0)
    return {
        f"features.{name}": torch.randn(value.shape, generator=generator)
        * (2 / max(value[0].numel(), 1)) ** 0.5
        for name, value in features.state_dict().items()
    }


@pytest.fixture
def _random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "backbone_state", random_backbone)


def unit_features(x: torch.Tensor, net: str) -> list[np.ndarray]:
    name = learned.BACKBONES[net]
    with torch.device("meta"):
        features = torchvision.models.get_model(name, weights=None).features
    state = {k.removeprefix("features."): v for k, v in random_backbone("", name).items()}
    features.load_state_dict(state, assign=True)
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    h, found = ((2 * x - 1) - shift[:, None, None]) / scale[:, None, None], []
    with torch.no_grad():
        for i, layer in enumerate(features[: LAYERS[net][-1] + 1]):
            h = layer(h)
            if i in LAYERS[net]:
                values = h.double().numpy().copy()
                found.append(values / (np.linalg.norm(values, axis=1, keepdims=True) + 1e-10))
    return found


@pytest.mark.extra("lpips")
@pytest.mark.usefixtures("_random")
@pytest.mark.parametrize("heads", [True, False])
@pytest.mark.parametrize("net", LAYERS)
def test_lpips_is_its_formula(net: str, heads: bool) -> None:
    import lpips

    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(2, 3, 40, 40, generator=generator) for _ in range(2))
    path = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    weights = torch.load(path, map_location="cpu", weights_only=True)
    expected = np.zeros(2)
    for i, (x, y) in enumerate(zip(unit_features(a, net), unit_features(b, net), strict=True)):
        one = weights[f"lin{i}.model.1.weight"].double().numpy() if heads else np.ones((1, 1, 1, 1))
        expected += ((x - y) ** 2 * one[0]).sum(axis=1).mean(axis=(1, 2))
    before = torch.get_rng_state()
    distance = learned.lpips_distance("lpips", net, heads, CPU)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_allclose(distance(a, b), expected, rtol=1e-4)
    np.testing.assert_allclose(distance(a, a), 0, atol=1e-7)


@pytest.mark.extra("lpips")
@pytest.mark.usefixtures("_random")
def test_the_mean_is_that_of_the_papers_four() -> None:
    from bench.plugins import installed
    from bench_plugins.metrics import NANDA_BACKBONES

    metrics = installed().metrics
    generator = torch.Generator().manual_seed(2)
    a, b = (torch.rand(1, 3, 32, 32, generator=generator) for _ in range(2))
    each = [float(metrics.get(name).build(CPU)(a, b)) for name in NANDA_BACKBONES]
    assert float(metrics.get("lpips-mean").build(CPU)(a, b)) == pytest.approx(np.mean(each))


@pytest.mark.extra("lpips")
@pytest.mark.usefixtures("_random")
def test_the_extremes() -> None:
    generator = torch.Generator().manual_seed(3)
    target, initial = (torch.rand(3, 3, 32, 32, generator=generator) for _ in range(2))
    assert bench.alignment_2afc(target, target, initial) == 1
    assert bench.alignment_2afc(initial, target, initial) == 0


def test_without_the_package_one_line_says_what_to_install(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(BenchError, match=r"metric lpips-alex needs .*metamer-bench\[lpips\]"):
        bench.alignment_2afc(x, x, x)
