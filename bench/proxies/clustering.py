"""Matching synthesised stimuli to their targets among threes (Nanda et al. 2023, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from bench.errors import BenchError
from bench.proxies.comparing import Distance, check_images, measure
from bench.proxies.triples import Triples

CHANCE = 1 / 3


def clustering(
    stimuli: torch.Tensor,
    target: torch.Tensor,
    triples: Triples,
    distance: Distance,
    ids: Sequence[str] | None = None,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Match each synthesised stimulus of a three to the target that looks most like it.

    Each row of a survey's page is one synthesised stimulus and is matched to one column, the
    target at the smallest distance (Nanda et al. 2023, A.2). Rows are matched one by one: two may
    take the same column, as on the authors' pages, where each target has two stimuli.

    Parameters
    ----------
    stimuli, target
        The synthesised stimuli x_r and the natural ones x_t, ``(N, 3, H, W)`` in [0, 1].
    triples
        Which targets stand side by side, ``(T, 3)``; see `bench.proxies.triples`.

    Returns
    -------
    Three rows a three: ``trial``, ``id``, ``chosen`` (the id of the nearest target), ``correct``
    (whether that is its own; not where another is as near). Chance is 1/3.

    Raises
    ------
    BenchError
        If shapes differ, values leave [0, 1], or triples do not fit.
    """
    stimuli, target = torch.as_tensor(stimuli), torch.as_tensor(target)
    check_images(stimuli=stimuli, target=target)
    names = np.array([str(i) for i in range(len(target))] if ids is None else list(ids), object)
    threes = np.asarray(triples)
    if threes.ndim != 2 or threes.shape[1] != 3 or threes.min() < 0 or threes.max() >= len(target):
        raise BenchError(f"triples of shape {threes.shape} do not fit {len(target)} targets")
    rows = np.repeat(threes.ravel(), 3)  # each of a three, beside each of its three targets
    columns = np.repeat(threes, 3, axis=0).ravel()
    pairs, place = np.unique(np.stack([rows, columns], axis=1), axis=0, return_inverse=True)
    apart = measure(target[pairs[:, 1]], stimuli[pairs[:, 0]], distance, batch_size).numpy()
    distances = apart[place.ravel()].reshape(-1, 3, 3)  # (trial, stimulus, target)
    nearest = distances.argmin(axis=2)
    own = np.arange(3)
    alone = (distances == distances.min(axis=2, keepdims=True)).sum(axis=2) == 1
    return pd.DataFrame(
        {
            "trial": np.repeat(np.arange(len(threes)), 3),
            "id": names[threes.ravel()],
            "chosen": names[np.take_along_axis(threes, nearest, axis=1).ravel()],
            "correct": ((nearest == own) & alone).ravel(),
        }
    )
