"""The forced choice of Nanda et al. 2023, eq. 1, and HaarPSI."""

from __future__ import annotations

import numpy as np
import piq
import pytest
import torch

import bench
from bench.errors import BenchError
from bench.proxies.haarpsi import haarpsi
from bench.proxies.two_afc import two_afc


def euclid(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a - b).flatten(1).norm(dim=1)


@pytest.fixture
def images() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(7, 3, 40, 40, generator=generator)
        for name in ("stimuli", "target", "initial")
    }


def test_the_choice_is_the_smaller_distance(images) -> None:
    found = two_afc(**images, distance=euclid, batch_size=3)
    a = {name: image.flatten(1).double().numpy() for name, image in images.items()}
    to_target = np.linalg.norm(a["target"] - a["stimuli"], axis=1)
    to_initial = np.linalg.norm(a["initial"] - a["stimuli"], axis=1)
    np.testing.assert_allclose(found["to_target"], to_target, rtol=1e-5)
    assert list(found["aligned"]) == list(to_target < to_initial)


def test_the_extremes(images) -> None:
    target, initial = images["target"], images["initial"]
    assert bench.alignment_2afc(target, target, initial, metric="haarpsi") == 1.0
    assert bench.alignment_2afc(initial, target, initial, metric="haarpsi") == 0.0


def test_haarpsi_is_piqs_where_nothing_is_enlarged() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(2, 3, 80, 80, generator=generator) for _ in range(2))
    expected = torch.stack([1 - piq.haarpsi(a[i : i + 1], b[i : i + 1]) for i in range(2)])
    torch.testing.assert_close(haarpsi(torch.device("cpu"))(a, b), expected)


def test_haarpsi_grows_with_noise_and_is_zero_without() -> None:
    generator = torch.Generator().manual_seed(2)
    a = torch.rand(1, 3, 32, 32, generator=generator)
    noise = torch.randn(a.shape, generator=generator)
    distance = haarpsi(torch.device("cpu"))
    values = [float(distance(a, (a + s * noise).clamp(0, 1))) for s in (0.0, 0.02, 0.1, 0.5)]
    assert values[0] == pytest.approx(0, abs=1e-5)
    assert values == sorted(values)


def test_the_commonest_mistake_is_refused(images) -> None:
    """Images in [-1, 1] where [0, 1] is wanted."""
    wrong = {**images, "target": images["target"] * 2 - 1}
    with pytest.raises(BenchError, match=r"target has values in \[-1, 1\].*\[0, 1\]"):
        two_afc(**wrong, distance=euclid)
    with pytest.raises(BenchError, match="differ in shape"):
        two_afc(**{**images, "target": images["target"][:3]}, distance=euclid)
