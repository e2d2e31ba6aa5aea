"""HMAX: Gabor filters, maxima, distances to patches, maxima; no learning but a linear readout.

Source: Riesenhuber and Poggio 1999, Serre et al. 2007, in the variant of Feather et al. 2023
(Gaussian activation, borders of S1 set to zero).
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.robust.backbones import ARCHIVE, REFERENCE

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bench_plugins.hmax.network import PatchDistances

ORIENTATIONS = 4
C1_SIDES = (63, 51, 42, 36, 32, 28, 26, 23)
N_PATCH_SIZES = 8
N_PATCHES = 400
PATCHES = "https://github.com/wmvanvliet/pytorch_hmax/raw/master/universal_patch_set.mat"


def build(weights: str | None) -> nn.Module:
    """Build HMAX with random patches and an untrained readout."""
    from bench_plugins.hmax.network import HMAX

    return HMAX()


def under_own_names(state: dict[str, Any]) -> dict[str, Any]:
    """Turn a published patch set or checkpoint into the network's parameters."""
    from bench_plugins.hmax.network import from_checkpoint, from_patch_set

    if "patchSizes" in state:
        return from_patch_set(state)
    return from_checkpoint(state) if "s2_units.0.conv.weight" in state else state


def c1_values(maps: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return the C1 maps of all bands as one vector a stimulus ``(N, 50572)``."""
    import torch

    return torch.cat([band.flatten(1) for band in maps], dim=1)


def s2_values(distances: PatchDistances) -> torch.Tensor:
    """Return all S2 responses as one vector a stimulus ``(N, 42409600)``: 170 MB each."""
    return distances.responses()


def cut(*sizes: int) -> tuple[slice, ...]:
    """Return contiguous groups of units of these sizes."""
    ends = [0, *accumulate(sizes)]
    return tuple(slice(start, end) for start, end in pairwise(ends))


# The groups that a subset schedule matches one at a time (the paper's supplement): a Gabor
# channel, a scale band, a patch size.
GABOR_CHANNELS = cut(*[1] * 64)
SCALE_BANDS = cut(*(ORIENTATIONS * side**2 for side in C1_SIDES))
# Every patch meets a band of side n, padded by half its even size, at (n + 1)^2 positions.
S2_PATCH_SIZES = cut(*[N_PATCHES * sum((side + 1) ** 2 for side in C1_SIDES)] * N_PATCH_SIZES)
C2_PATCH_SIZES = cut(*[1] * N_PATCH_SIZES)


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register HMAX."""
    register(
        bench.ModelSpec(
            id="hmax_standard",
            family="hmax",
            build=build,
            # torchvision's Resize(250) in the authors' build file is bilinear.
            input=bench.ImageInput(size_px=250, grey=True, scale=255.0, interpolation="bilinear"),
            labels="imagenet1k",
            stages={
                "s1_out": bench.Stage("s1", unit_sets=GABOR_CHANNELS),
                "c1_out_no_reshape": bench.Stage("c1", pick=c1_values, unit_sets=SCALE_BANDS),
                "s2_out_reshape_to_list": bench.Stage(
                    "s2", pick=s2_values, unit_sets=S2_PATCH_SIZES
                ),
                "c2_out": bench.Stage("c2", unit_sets=C2_PATCH_SIZES),
                "final": "",
            },
            weights={
                "default": bench.Weights(
                    archive=ARCHIVE,
                    member="hmax_linear_classification.pt",
                    prefix=("module.model.", "module."),
                    adapt=under_own_names,
                ),
                "patches": bench.Weights(url=PATCHES, adapt=under_own_names),
            },
            reference=f"Serre et al. 2007, PNAS; {REFERENCE}",
            license="unstated (patches), MIT (readout)",
            training="hand-made features, linear readout",
            accuracy=0.06101,
            parameters=4_506_600,  # most of them the readout
            # Beyond S2 any two images correlate: offsets and scales of the patches dominate.
            match_measures=("snr_db",),
            protocols={"feather2023": "feather2023-hmax"},
        )
    )
