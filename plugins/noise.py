"""Gaussian noise as targets: the out-of-distribution stimuli of Nanda et al. 2023, section 2.3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bench

SIZE = 100  # as many as the authors have for each model
KINDS = {"n0-1": (0.0, 1.0), "n05-2": (0.5, 2.0)}  # the authors' N(0, 1) and N(0.5, 2)
# For whose networks: label space and size in px.
FOR = {"digits": ("digits", 32), "imagenet": ("imagenet1k", 224)}


def loader(
    mean: float, std: float, label_space: str, size_px: int
) -> Callable[[int | None, Path | None], bench.Stimuli]:
    """Return what draws the stimuli, each from its own number."""

    def load(limit: int | None, data: Path | None) -> bench.Stimuli:
        import numpy as np

        from bench.synthesis.noise import noise_targets

        n = SIZE if limit is None else min(limit, SIZE)
        ids = tuple(f"noise-{i}" for i in range(n))
        values = noise_targets(ids, (3, size_px, size_px), mean, std).numpy()
        return bench.Stimuli(
            ids=ids,
            values=values,
            labels=np.zeros(n, dtype=np.int64),
            label_space=label_space,
            notes=("noise has no class: its labels, all 0, mean nothing",),
        )

    return load


@bench.hookimpl
def bench_register_stimuli(register: Callable[[bench.StimulusSet], None]) -> None:
    """Register both kinds of noise at both sizes."""
    for owner, (label_space, size_px) in FOR.items():
        for kind, (mean, std) in KINDS.items():
            register(
                bench.StimulusSet(
                    id=f"noise-{kind}-{owner}",
                    label_space=label_space,
                    load=loader(mean, std, label_space, size_px),
                    description=f"Gaussian noise N({mean:g}, {std:g}), {size_px} px, not clipped: "
                    "for protocols nanda2023 and kin, without accuracy and recognition",
                    size=SIZE,
                    reference="Nanda et al. 2023, AAAI, section 2.3",
                )
            )
