"""From [0, 1] to what a network was fed with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import bench
from bench.errors import BenchError
from bench.models.door import door_for, grey_view


@pytest.fixture
def pixels() -> np.ndarray:
    """Far from black and white: Pillow clips what overshoots between its two passes."""
    return np.random.default_rng(0).integers(80, 176, (40, 40, 3), dtype=np.uint8)


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


def test_normalisation() -> None:
    door = door_for(bench.ImageInput(size_px=2, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.2)))
    found = door(torch.full((1, 3, 2, 2), 0.7))[0, :, 0, 0]
    torch.testing.assert_close(found, torch.tensor([1.2, 2.0, 2.0]))


def test_grey_is_pillows(pixels) -> None:
    door = door_for(bench.ImageInput(size_px=40, grey=True, scale=255.0))
    expected = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float32)
    assert np.abs(door(as_tensor(pixels))[0, 0].numpy() - expected).max() < 1  # Pillow rounds


@pytest.mark.parametrize("size", [20, 64])
def test_resizing_is_pillows(pixels, size) -> None:
    door = door_for(bench.ImageInput(size_px=size))
    image = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    expected = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1) / 255
    # Pillow rounds to 8 bits after each of its two passes.
    torch.testing.assert_close(door(as_tensor(pixels))[0], expected, rtol=0, atol=1.6 / 255)


def test_a_grey_image_enters_a_colour_model() -> None:
    assert door_for(bench.ImageInput(size_px=4))(torch.zeros(2, 1, 4, 4)).shape == (2, 3, 4, 4)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(BenchError, match=r"\(3, 4, 4\) cannot enter.*\(N, 3, H, W\)"):
        door_for(bench.ImageInput(size_px=4))(torch.zeros(3, 4, 4))
    with pytest.raises(BenchError, match=r"want \(N, 10\) at 20000 Hz"):
        door_for(bench.AudioInput(rate_hz=20000, samples=10))(torch.zeros(2, 11))


def test_a_wrong_description_is_refused() -> None:
    with pytest.raises(BenchError, match="mean has 2 values, not 3"):
        bench.ImageInput(size_px=4, mean=(0.1, 0.2))
    with pytest.raises(BenchError, match="std > 0"):
        bench.ImageInput(size_px=4, std=(0.0,))


def test_a_grey_network_sees_the_same_of_its_own_view() -> None:
    spec = bench.ImageInput(size_px=10, grey=True, scale=255.0, interpolation="bilinear")
    x = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    own = grey_view(spec, x)
    assert own.shape == (3, 1, 10, 10)
    torch.testing.assert_close(door_for(spec)(own), door_for(spec)(x))
