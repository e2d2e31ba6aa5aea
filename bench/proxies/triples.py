"""Threes of targets to match among: drawn at random, or of images that look alike."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.proxies.comparing import Distance, check_images, measure

Triples = NDArray[np.int64]


def random_triples(n: int, seed: int) -> Triples:
    """Return ``n`` targets in random threes, int64 ``(ceil(n / 3), 3)``.

    Each target is in one; where 3 does not divide ``n``, the last is filled up with others.
    """
    _check_count(n)
    order = np.random.default_rng(seed).permutation(n)
    return np.resize(order, (-(-n // 3), 3)).astype(np.int64)


def hard_triples(similarity: NDArray[np.floating]) -> Triples:
    """Return for each target the three of it and the two most similar to it, int64 ``(N, 3)``.

    Source: Nanda et al. 2023, A.1. Among equally similar targets the earlier ones are taken.

    Parameters
    ----------
    similarity
        ``(N, N)``: how similar target j is to target i, larger for more. Its diagonal is ignored.

    Raises
    ------
    BenchError
        If it is not square, or holds NaN.
    """
    scores = np.array(similarity, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise BenchError(f"similarities have shape {scores.shape}", fix="want (N, N)")
    _check_count(len(scores))
    np.fill_diagonal(scores, np.inf)
    if np.isnan(scores).any():
        raise BenchError("similarities hold NaN")
    own = np.arange(len(scores))[:, None]
    np.fill_diagonal(scores, -np.inf)
    nearest = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    return np.hstack([own, nearest]).astype(np.int64)


def similarity_by(
    targets: torch.Tensor,
    distance: Distance,
    batch_size: int = 64,
    progress: Callable[[float], None] = lambda share: None,
) -> NDArray[np.float64]:
    """Return minus the distance of all pairs of targets, ``(N, N)``."""
    check_images(targets=targets)
    n = len(targets)
    found = np.zeros((n, n))
    for i in range(n - 1):
        others = targets[i + 1 :]
        row = measure(targets[i].expand_as(others), others, distance, batch_size)
        found[i, i + 1 :] = found[i + 1 :, i] = -row.numpy()
        progress((i + 1) / n)
    return found


def read_similarity(path: Path, ids: Sequence[str]) -> NDArray[np.float64]:
    """Read the similarities of some stimuli, such as those of ImageNet-HSJ.

    Parameters
    ----------
    path
        A ``.npz`` file of two arrays: ``ids`` ``(M,)`` and ``similarity`` ``(M, M)``.
    ids
        The stimuli wanted.

    Returns
    -------
    ``(N, N)`` in the order of ``ids``.

    Raises
    ------
    BenchError
        If the file cannot be read, has another shape, or lacks a stimulus.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            names, matrix = [str(name) for name in file["ids"]], file["similarity"]
    except KeyError as error:
        raise BenchError(
            f"similarity file {path} has no array {error.args[0]}", fix="want ids and similarity"
        ) from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise BenchError(
            f"similarity file {path} cannot be read", why=str(error), fix="want a .npz file"
        ) from None
    if matrix.shape != (len(names), len(names)):
        raise BenchError(
            f"similarity file {path}: {len(names)} ids, but similarities of shape {matrix.shape}"
        )
    place = {name: i for i, name in enumerate(names)}
    if absent := [name for name in ids if name not in place]:
        raise BenchError(
            f"similarity file {path} lacks {len(absent)} of {len(ids)} stimuli",
            why=f"the first is {absent[0]!r}",
            fix="its ids must be those of the stimulus set",
        )
    index = [place[name] for name in ids]
    return np.asarray(matrix[np.ix_(index, index)], dtype=np.float64)


def _check_count(n: int) -> None:
    if n < 3:
        raise BenchError(f"{n} targets make no three", fix="take 3 stimuli or more")
