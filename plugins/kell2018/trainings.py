"""What the word recognition networks of Feather et al. 2023 share: input, archive, trainings.

Checkpoints that the authors trained on waveforms keep the network second in a sequence, behind the
front end; those that they trained on cochleagrams keep it alone. The front end's own tensors are
left out: ours is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import bench

if TYPE_CHECKING:
    from torch import nn

# https://github.com/jenellefeather/model_metamers_pytorch, download_large_files.py: about 9.4 GB.
ARCHIVE = (
    "https://mcdermottlab.mit.edu/jfeather/model_metamers_assets/"
    "pytorch_metamers_audio_model_checkpoints.tar"
)
PREFIXES = ("module.model.1.", "module.model.", "model.1.", "model.", "module.", "1.")
REFERENCE = "Feather et al. 2023"
SOUND = bench.AudioInput(rate_hz=20_000, samples=40_000)
# Kind and budget of each training, by how the authors' names of it end.
TRAININGS = {
    "": "standard",
    "_l2_1_robust_waveform": "adversarial L2 1 waveform",
    "_l2_p5_robust_waveform": "adversarial L2 0.5 waveform",
    "_linf_p002_robust_waveform": "adversarial Linf 0.002 waveform",
    "_l2_1_random_step_waveform": "random perturbation L2 1 waveform",
    "_linf_p002_random_step_waveform": "random perturbation Linf 0.002 waveform",
    "_l2_1_robust_cochleagram": "adversarial L2 1 cochleagram",
    "_l2_p5_robust_cochleagram": "adversarial L2 0.5 cochleagram",
    "_l2_1_random_step_cochleagram": "random perturbation L2 1 cochleagram",
}


def authors(member: str, **rules: Any) -> bench.Weights:
    """Return the weights that the authors of the paper publish in their archive of checkpoints."""
    return bench.Weights(archive=ARCHIVE, member=member, prefix=PREFIXES, **rules)


def register_trainings(
    register: Any,
    family: str,
    *,
    build: Callable[[str | None], nn.Module],
    stages: Mapping[str, str],
    accuracy: Mapping[str, float],
    file: str,
    parameters: int,
    reference: str,
) -> None:
    """Register a network in all its trainings.

    Parameters
    ----------
    accuracy
        Top-1 accuracy of each training, by the end of its name (see `TRAININGS`).
    file
        How the names of its checkpoints begin.
    """
    for ending, value in accuracy.items():
        register(
            bench.ModelSpec(
                id=family + ending,
                family=family,
                build=build,
                input=SOUND,
                labels="words",
                stages=stages,
                weights={"default": authors(f"{file}{ending}.pt")},
                reference=f"{reference}; {REFERENCE}",
                license="MIT",
                training=TRAININGS[ending],
                accuracy=value,
                parameters=parameters,
            )
        )
