"""Two-alternative forced choice by a perceptual distance (Nanda et al. 2023, eq. 1)."""

from __future__ import annotations

import pandas as pd
import torch

from bench.proxies.comparing import Distance, check_images, measure

__all__ = ["Distance", "two_afc"]


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
        ``(N, 3, H, W)`` in [0, 1]; ``initial`` is clipped into that range, as an image of it is.

    Returns
    -------
    One row a stimulus: ``to_target`` d(x_t, x_r), ``to_initial`` d(x_0, x_r), ``aligned``, which
    is whether the first is the smaller. The alignment of a model is the mean of ``aligned``.

    Raises
    ------
    BenchError
        If shapes differ or values leave [0, 1], the commonest mistake with these distances.
    """
    stimuli, target = torch.as_tensor(stimuli), torch.as_tensor(target)
    check_images(stimuli=stimuli, target=target)
    initial = torch.as_tensor(initial).clamp(0, 1)
    check_images(stimuli=stimuli, initial=initial)
    table = pd.DataFrame(
        {
            "to_target": measure(target, stimuli, distance, batch_size).numpy(),
            "to_initial": measure(initial, stimuli, distance, batch_size).numpy(),
        }
    )
    table["aligned"] = table["to_target"] < table["to_initial"]
    return table
