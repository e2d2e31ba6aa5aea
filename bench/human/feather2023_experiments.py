"""The public experiments of Feather et al. (2023): models, stages, participants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDERS = {"vision": "VisionBehavioralExperiments", "audio": "AuditoryBehavioralExperiments"}
SUBFOLDERS = {"vision": "EXP{}_ANALYSIS", "audio": "EXPERIMENT_{}"}
PREFIXES = {"vision": "Vision", "audio": "Audio"}


@dataclass(frozen=True)
class Experiment:
    """What one experiment must hold; ``stages`` gives the number of stages of each model."""

    modality: str
    paper: int  # number in Supplementary Table 5 or 6
    folder: int  # number in the repository's folder names
    participants: int
    stages: Mapping[str, int]

    @property
    def name(self) -> str:
        return f"{self.modality}-{self.paper}"

    def matrix(self, model: str) -> Path:
        """Return where the clone keeps the matrix of a model."""
        name = (
            f"{PREFIXES[self.modality]}Experiment{self.folder}"
            f"_network_vs_humans_datamatrix_{model}_public.mat"
        )
        return Path(FOLDERS[self.modality], SUBFOLDERS[self.modality].format(self.folder), name)


def _same(n_stages: int, *models: str) -> dict[str, int]:
    return dict.fromkeys(models, n_stages)


def _variants(base: str, n_stages: int, *variants: str) -> dict[str, int]:
    return _same(n_stages, base, *(f"{base}_{variant}" for variant in variants))


_WAVEFORM = (
    "l2_1_robust_waveform",
    "l2_1_random_step_waveform",
    "linf_p002_robust_waveform",
    "linf_p002_random_step_waveform",
)
_COCHLEAGRAM = (
    "l2_p5_robust_cochleagram",
    "l2_1_robust_cochleagram",
    "l2_1_random_step_cochleagram",
    "l2_1_robust_waveform",
)
_IPCL = "konkle_alexnetgn_ipcl"
_SHAPE = ("texture_shape_alexnet_trained_on_SIN", "texture_shape_resnet50_trained_on_SIN")

# Paper experiments vision 9, 10 and 11 are not public.
EXPERIMENTS = (
    Experiment(
        "vision", 1, 1, 22,
        {"cornet_s": 6, "vgg_19": 10, "resnet50": 8, "resnet101": 8, "alexnet": 9},
    ),
    Experiment(
        "vision", 2, 12, 21,
        {"CLIP_resnet50": 8, "CLIP_ViT-B_32": 10, "SWSL_resnet50": 8, "SWSL_resnext101_32x8d": 8,
         "vision_transformer_vit_large_patch16_224": 9},
    ),
    Experiment("vision", 3, 5, 21, _variants("resnet50", 8, "byol", "moco_v2", "simclr")),
    Experiment(
        "vision", 4, 16, 23,
        _same(10, f"{_IPCL}_ref01_primary_model", f"{_IPCL}_ref12_supervised_ipcl_aug"),
    ),
    Experiment(
        "vision", 5, 10, 21, {"alexnet": 9, "resnet50": 8, _SHAPE[0]: 9, _SHAPE[1]: 8}
    ),
    Experiment("vision", 6, 6, 20, {"hmax_standard": 6}),
    Experiment(
        "vision", 7, 3, 20,
        _variants("resnet50", 8, "l2_3_robust", "linf_4_robust", "linf_8_robust",
                  "random_l2_perturb", "random_linf8_perturb"),
    ),
    Experiment(
        "vision", 8, 4, 20,
        _variants("alexnet", 9, "l2_3_robust", "linf_8_robust", "random_l2_3_perturb",
                  "random_linf8_perturb"),
    ),
    Experiment(
        "vision", 12, 9, 20,
        _same(9, "alexnet_early_checkpoint", "alexnet_reduced_aliasing_early_checkpoint",
              "vonealexnet_gaussian_noise_std4_fixed"),
    ),
    Experiment("audio", 1, 1, 20, {"cochresnet50": 9, "kell2018": 10}),
    Experiment("audio", 2, 6, 20, {"spectemp_filters": 6}),
    Experiment(
        "audio", 3, 3, 20,
        _variants("cochresnet50", 9, "l2_p5_robust_waveform", *_WAVEFORM),
    ),
    Experiment(
        "audio", 4, 4, 20, _variants("kell2018", 10, *_WAVEFORM)
    ),
    Experiment("audio", 5, 7, 20, _variants("cochresnet50", 9, *_COCHLEAGRAM)),
    Experiment("audio", 6, 8, 20, _variants("kell2018", 10, *_COCHLEAGRAM)),
)  # fmt: skip
