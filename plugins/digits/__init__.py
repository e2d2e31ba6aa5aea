"""Digits in scenes: small networks trained on real data that every installation already has.

The embedded suite runs on them, so that the whole way from a plugin to a leaderboard needs no
download. `bench_plugins.digits.train` reproduces their weights.
"""

from __future__ import annotations

from collections.abc import Callable

import bench
from bench_plugins.digits import catalogue, scenes

_LICENSE = "MIT"
_REFERENCE = "Trained with metamer-bench, after Feather et al. 2023"


def _spec(entry: catalogue.Entry, record: dict[str, object] | None) -> bench.ModelSpec:
    weights = {}
    if record is not None:
        file = catalogue.WEIGHTS_DIR / entry.file
        weights["default"] = bench.Weights(file=file, sha256=str(record["sha256"]))
    return bench.ModelSpec(
        id=entry.id,
        family=entry.family,
        build=entry.build,
        input=bench.ImageInput(
            size_px=scenes.SIZE_PX, mean=(catalogue.MEAN,), std=(catalogue.STD,)
        ),
        labels="digits",
        stages=entry.stages,
        weights=weights,
        reference=_REFERENCE,
        license=_LICENSE,
        training=entry.training,
        accuracy=None if record is None else float(str(record["accuracy"])),
    )


@bench.hookimpl
def bench_register_models(register: Callable[[bench.ModelSpec], None]) -> None:
    """Register the networks whose weights are shipped."""
    records = catalogue.records()
    for entry in catalogue.ENTRIES:
        register(_spec(entry, records.get(entry.id)))


@bench.hookimpl
def bench_register_stimuli(register: Callable[[bench.StimulusSet], None]) -> None:
    """Register the scenes for training and for test."""
    for name, size, load in (
        ("train", scenes.TRAIN_SIZE, scenes.load_train),
        ("test", scenes.TEST_SIZE, scenes.load_test),
    ):
        register(
            bench.StimulusSet(
                id=f"digits-scenes-{name}",
                label_space="digits",
                load=load,
                description=f"handwritten digits over crops of photographs, 32 px, for {name}",
                size=size,
                reference="scikit-learn's digits (Alpaydin and Kaynak 1998) and sample images",
                license="digits: CC BY 4.0; photographs: CC BY",
            )
        )
