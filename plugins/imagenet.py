"""Natural images: the stimuli of Feather et al. 2023, ImageNet's validation set, any folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import bench

TERMS = "ImageNet's terms: non-commercial research and education; your own copy is read in place"


def _imagenet400(limit: int | None, data: Path | None) -> bench.Stimuli:
    from bench.stimuli.imagenet400 import load

    return load(limit, data)


def _folder(set_id: str, preparation: str, limit: int | None, data: Path | None) -> bench.Stimuli:
    from bench.stimuli import images
    from bench.stimuli.folders import folder_stimuli

    return folder_stimuli(set_id, "imagenet1k", getattr(images, preparation), limit, data)


@bench.hookimpl
def bench_register_stimuli(register: Any) -> None:
    """Register the sets that are read from the user's folder."""
    register(
        bench.StimulusSet(
            id="imagenet-400",
            label_space="imagenet16",
            load=_imagenet400,
            description="25 images of each of 16 categories, centre square to 224 px",
            size=400,
            reference="Feather et al. 2023",
            license=TERMS,
        )
    )
    register(
        bench.StimulusSet(
            id="imagenet-val",
            label_space="imagenet1k",
            load=partial(_folder, "imagenet-val", "ACCURACY"),
            description="images for accuracy: shorter side to 256 px, centre 224 px",
            reference="Russakovsky et al. 2015",
            license=TERMS,
        )
    )
    register(
        bench.StimulusSet(
            id="images",
            label_space="imagenet1k",
            load=partial(_folder, "images", "METAMER"),
            description="any labelled images: centre square to 224 px",
            license="your own images, read in place",
        )
    )
