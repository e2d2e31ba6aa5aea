"""Images compared pair by pair: checked, in batches."""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.errors import BenchError

Distance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def check_images(**images: torch.Tensor) -> None:
    """Raise unless images are ``(N, 3, H, W)`` of one shape, with values in [0, 1].

    A wrong range is the commonest mistake with perceptual distances, and gives plausible numbers.

    Raises
    ------
    BenchError
        Naming the images that are wrong.
    """
    shapes = {name: tuple(image.shape) for name, image in images.items()}
    if len(set(shapes.values())) != 1:
        raise BenchError(f"images to compare differ in shape: {shapes}")
    for name, image in images.items():
        if image.ndim != 4 or image.shape[1] != 3:
            raise BenchError(f"{name} has shape {tuple(image.shape)}", fix="want (N, 3, H, W)")
        if not len(image):
            raise BenchError(f"{name} holds no image")
        low, high = float(image.min()), float(image.max())
        if not (low >= 0 and high <= 1):  # NaN fails too
            raise BenchError(
                f"{name} has values in [{low:.3g}, {high:.3g}]",
                fix="perceptual distances here want images in [0, 1]",
            )


def measure(
    a: torch.Tensor, b: torch.Tensor, distance: Distance, batch_size: int = 64
) -> torch.Tensor:
    """Return the distance of each pair, ``(N,)``, on the CPU, without gradient.

    Raises
    ------
    BenchError
        If a distance is not finite.
    """
    with torch.no_grad():
        parts = [
            distance(a[i : i + batch_size], b[i : i + batch_size]).cpu()
            for i in range(0, len(a), batch_size)
        ]
    found = torch.cat(parts)
    if not bool(torch.isfinite(found).all()):
        raise BenchError("the perceptual distance of some images is not finite")
    return found
