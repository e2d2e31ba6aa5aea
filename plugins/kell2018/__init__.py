"""CochCNN9: nine layers on a cochleagram, in the trainings that the paper compared.

Source: Kell et al. 2018, in the variant of Feather et al. 2023 (Supplementary Modeling Note 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.kell2018.trainings import register_trainings

if TYPE_CHECKING:
    from torch import nn

STAGES = {
    "input_after_preproc": "cochleagram",
    "relu0": "relu0",
    "relu1": "relu1",
    "relu2": "relu2",
    "relu3": "relu3",
    "relu4": "relu4",
    "avgpool": "avgpool",
    "relufc": "relufc",
    "final": "",
}
# Top-1 accuracy of each training: Supplementary Table 4.
ACCURACY = {
    "": 0.66672,
    "_l2_1_robust_waveform": 0.48091,
    "_l2_1_random_step_waveform": 0.6571,
    "_linf_p002_robust_waveform": 0.6044,
    "_linf_p002_random_step_waveform": 0.66283,
    "_l2_1_robust_cochleagram": 0.48002,
    "_l2_p5_robust_cochleagram": 0.57198,
    "_l2_1_random_step_cochleagram": 0.66706,
}


def build(weights: str | None) -> nn.Module:
    """Build an untrained CochCNN9."""
    from bench_plugins.kell2018.network import CochCNN9

    return CochCNN9()


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register the standard network and its trainings with perturbations."""
    register_trainings(
        register,
        "kell2018",
        build=build,
        stages=STAGES,
        accuracy=ACCURACY,
        file="kell2018_wsn_word",
        parameters=110_221_980,
        reference="Kell et al. 2018, Neuron",
    )
