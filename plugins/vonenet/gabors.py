"""The Gabor filters of VOneNet: parameters drawn from those of neurons in macaque V1.

Distributions: orientation, De Valois et al. 1982a; spatial frequency, De Valois et al. 1982b;
width and length in cycles, Ringach 2002; correlation of frequency and width, Schiller et al. 1976;
all as Dapello et al. 2020 put them together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

GABOR_SEED = 0
FREQUENCY_WIDTH_CORRELATION = 0.75
# Published networks of the time draw up to here; the upstream code now goes to 9.
MAX_CYCLES_PER_DEGREE = 6.0

ORIENTATION_EDGES_DEG = np.array([-22.5, 22.5, 67.5, 112.5, 157.5])
ORIENTATION_COUNTS = np.array([66, 49, 77, 54])
FREQUENCY_EDGES = np.array([0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0])
FREQUENCY_COUNTS = np.array([4, 4, 8, 25, 32, 26, 28, 12])
CYCLE_EDGES = np.logspace(-1, 0.2, 6)
# Rows: standard deviation across the grating in cycles; columns: along it.
CYCLE_COUNTS = np.array(
    [[2, 0, 1, 0, 0], [8, 9, 4, 1, 0], [1, 2, 19, 17, 3], [0, 0, 1, 7, 4], [0, 0, 0, 0, 0]]
)


@dataclass(frozen=True)
class Gabors:
    """Parameters of ``n`` filters, each an array ``(n,)``.

    Frequency in cycles per pixel, angles in radians, standard deviations across (``sigma_x``) and
    along (``sigma_y``) the grating in pixels.
    """

    frequency: np.ndarray
    theta: np.ndarray
    phase: np.ndarray
    sigma_x: np.ndarray
    sigma_y: np.ndarray


def draw_gabors(n: int, pixels_per_degree: float, seed: int = GABOR_SEED) -> Gabors:
    """Draw the parameters of ``n`` filters, always the same for a seed.

    In the order of the published networks: phases, orientations, then width and frequency
    together, then lengths.
    """
    rng = np.random.RandomState(seed)
    phase_deg = 360 * rng.rand(n)
    theta_deg = _interpolate(rng.rand(n), ORIENTATION_COUNTS, ORIENTATION_EDGES_DEG) % 180
    covariance = np.eye(2) + FREQUENCY_WIDTH_CORRELATION * (1 - np.eye(2))
    ranks = norm.cdf(rng.multivariate_normal([0, 0], covariance, n))
    log_cycles = np.log10(CYCLE_EDGES)
    across = _interpolate(ranks[:, 0], CYCLE_COUNTS.sum(axis=1), log_cycles)
    row = np.searchsorted(log_cycles, across) - 1
    lengths = rng.rand(n)
    along = np.array(
        [_interpolate(u, CYCLE_COUNTS[r], log_cycles) for u, r in zip(lengths, row, strict=True)]
    )
    edges = np.log2(FREQUENCY_EDGES[FREQUENCY_EDGES <= MAX_CYCLES_PER_DEGREE])
    cycles_per_degree = 2 ** _interpolate(ranks[:, 1], FREQUENCY_COUNTS[: len(edges) - 1], edges)
    frequency = cycles_per_degree / pixels_per_degree
    return Gabors(
        frequency,
        np.deg2rad(theta_deg),
        np.deg2rad(phase_deg),
        10**across / frequency,
        10**along / frequency,
    )


def _interpolate(rank: np.ndarray, counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the quantiles of a histogram."""
    cumulative = np.concatenate([[0], counts.cumsum() / counts.sum()])
    return np.interp(rank, cumulative, edges)


def gabor_kernels(gabors: Gabors, size_px: int, phase_shift: float = 0.0) -> np.ndarray:
    """Return the filters as images ``(n, size_px, size_px)``; the first axis of an image is x."""
    half = size_px // 2
    x, y = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    columns = (value[:, None, None] for value in vars(gabors).values())
    frequency, theta, phase, sigma_x, sigma_y = columns
    across = x * np.cos(theta) + y * np.sin(theta)
    along = y * np.cos(theta) - x * np.sin(theta)
    envelope = np.exp(-((across / sigma_x) ** 2 + (along / sigma_y) ** 2) / 2)
    carrier = np.cos(2 * np.pi * frequency * across + phase + phase_shift)
    return envelope / (2 * np.pi * sigma_x * sigma_y) * carrier
