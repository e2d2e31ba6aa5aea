"""Two-alternative forced choice by a perceptual distance (Nanda et al. 2023, eq. 1)."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import torch

from bench.errors import BenchError

Distance = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def two_afc(
    stimuli: torch.Tensor,
    target: torch.Tensor,
    initial: torch.Tensor,
    distance: Distance,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Ask of each synthesised stimulus whether it looks more like its target than like its start.

    Parameters
    ----------
    stimuli, target, initial
        The synthesised stimuli x_r, the natural ones x_t, and the starting points x_0, each
        ``(N, 3, H, W)`` in [0, 1]; ``initial`` is clipped into that range.

    Returns
    -------
    One row a stimulus: ``to_target`` d(x_t, x_r), ``to_initial`` d(x_0, x_r), ``aligned``, which
    is whether the first is the smaller. The alignment of a model is the mean of ``aligned``.

    Raises
    ------
    BenchError
        If shapes differ or values leave [0, 1], the commonest mistake with these distances.
    """
    _check(stimuli=stimuli, target=target)
    initial = torch.as_tensor(initial).clamp(0, 1)
    _check(stimuli=stimuli, initial=initial)
    found: dict[str, list[torch.Tensor]] = {"to_target": [], "to_initial": []}
    with torch.no_grad():
        for i in range(0, len(stimuli), batch_size):
            part = slice(i, i + batch_size)
            found["to_target"].append(distance(target[part], stimuli[part]).cpu())
            found["to_initial"].append(distance(initial[part], stimuli[part]).cpu())
    table = pd.DataFrame({name: torch.cat(parts).numpy() for name, parts in found.items()})
    table["aligned"] = table["to_target"] < table["to_initial"]
    return table


def _check(**images: torch.Tensor) -> None:
    shapes = {name: tuple(image.shape) for name, image in images.items()}
    if len(set(shapes.values())) != 1:
        raise BenchError(f"images to compare differ in shape: {shapes}")
    for name, image in images.items():
        if image.ndim != 4 or image.shape[1] != 3:
            raise BenchError(f"{name} has shape {tuple(image.shape)}", fix="want (N, 3, H, W)")
        low, high = float(image.min()), float(image.max())
        if not (0 <= low and high <= 1):
            raise BenchError(
                f"{name} has values in [{low:.3g}, {high:.3g}]",
                fix="perceptual distances here want images in [0, 1]",
            )
