"""Spectemp: a bank of spectrotemporal filters on a cochleagram, their power, a linear readout.

Source: Chi et al. 2005, in the variant of Feather et al. 2023 (Supplement, 'Spectemp model').
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.kell2018.trainings import REFERENCE, SOUND, authors

if TYPE_CHECKING:
    from torch import nn

# Modulations that the filters are tuned to; 0 stands for none at all.
RATES_HZ = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
SCALES_CYCLES_PER_ERB = (0.0, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0)
# Coarse to fine: a filter is in a set if its rate or its scale is not above the set's cutoff.
CUTOFFS = (
    (0.0, 0.0),
    (0.5, 0.0625),
    (1.0, 0.125),
    (2.0, 0.25),
    (4.0, 0.5),
    (8.0, 1.0),
    (16.0, 2.0),
)


def tunings() -> tuple[tuple[float, float], ...]:
    """Return each filter's rate in Hz and scale in cycles/ERB, in the authors' order.

    Negative rates are one direction of a glide, positive ones the other; the filters without a
    rate or without a scale have no direction and come once.
    """
    down = [(-rate, scale) for scale in SCALES_CYCLES_PER_ERB for rate in RATES_HZ]
    up = [(rate, scale) for scale in SCALES_CYCLES_PER_ERB[1:] for rate in RATES_HZ[1:]]
    return (*down, *up)


def coarse_to_fine() -> tuple[list[int], ...]:
    """Return the seven sets of filters that enter the loss one after the other."""
    return tuple(
        [i for i, (hz, scale) in enumerate(tunings()) if abs(hz) <= rate or scale <= cutoff]
        for rate, cutoff in CUTOFFS
    )


def build(weights: str | None) -> nn.Module:
    """Build Spectemp with an untrained readout."""
    from bench_plugins.spectemp.network import Spectemp

    return Spectemp()


def readout(state: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's readout: the filters beside it are made anew."""
    return {name: value for name, value in state.items() if name.startswith("classification.")}


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register Spectemp."""
    sets = coarse_to_fine()
    register(
        bench.ModelSpec(
            id="spectemp_filters",
            family="spectemp",
            build=build,
            input=SOUND,
            labels="words",
            stages={
                "input_after_preproc": "cochleagram",
                "filtered_signal": bench.Stage("filtered_signal", unit_sets=sets),
                "spectempfilter_power": bench.Stage("spectempfilter_power", unit_sets=sets),
                "avgpool": "avgpool",
                "final": "",
            },
            weights={"default": authors("spectemp_model.pt", adapt=readout)},
            reference=f"Chi et al. 2005, J. Acoust. Soc. Am.; {REFERENCE}",
            license="MIT",
            training="hand-made features, linear readout",
            accuracy=0.05743,
            parameters=18_597_068,
            protocols={"feather2023": "feather2023-spectemp"},
        )
    )
