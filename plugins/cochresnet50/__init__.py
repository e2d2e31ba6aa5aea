"""CochResNet50: a ResNet-50 on a cochleagram, in the trainings that the paper compared.

Source: Feather et al. 2023, Supplementary Modeling Note 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.kell2018.trainings import register_trainings

if TYPE_CHECKING:
    from torch import nn

STAGES = {
    "input_after_preproc": "cochleagram",
    "conv1_relu1": "relu",
    "layer1": "layer1",
    "layer2": "layer2",
    "layer3": "layer3",
    "layer4": "layer4",
    "avgpool": "avgpool",
    "final": "",
}
# Top-1 accuracy of each training: Supplementary Table 4.
ACCURACY = {
    "": 0.86797,
    "_l2_1_robust_waveform": 0.70546,
    "_l2_p5_robust_waveform": 0.7813,
    "_linf_p002_robust_waveform": 0.83491,
    "_l2_1_random_step_waveform": 0.85916,
    "_linf_p002_random_step_waveform": 0.86367,
    "_l2_1_robust_cochleagram": 0.71392,
    "_l2_p5_robust_cochleagram": 0.80435,
    "_l2_1_random_step_cochleagram": 0.86556,
}


def build(weights: str | None) -> nn.Module:
    """Build an untrained CochResNet50."""
    from bench_plugins.cochresnet50.network import CochResNet50

    return CochResNet50()


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register the standard network and its trainings with perturbations."""
    register_trainings(
        register,
        "cochresnet50",
        build=build,
        stages=STAGES,
        accuracy=ACCURACY,
        file="cochresnet_wsn_word",
        parameters=25_128_666,
        reference="He et al. 2016",
    )
