"""Which analyses make the tables of Feather et al. (2023), and what is printed there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObserverRow:
    """An analysis of one model: a row of Supplementary Table 1, or a one-way test of stages."""

    model: str
    experiment: str
    leave_out: tuple[str, ...] = ()


# CLIP ResNet50's `final` is left out: in the published network it is the same tensor as `attnpool`.
TABLE_1 = (
    ObserverRow("cornet_s", "vision-1"),
    ObserverRow("vgg_19", "vision-1"),
    ObserverRow("resnet50", "vision-1"),
    ObserverRow("resnet101", "vision-1"),
    ObserverRow("alexnet", "vision-1"),
    ObserverRow("CLIP_resnet50", "vision-2", ("final",)),
    ObserverRow("CLIP_ViT-B_32", "vision-2"),
    ObserverRow("SWSL_resnet50", "vision-2"),
    ObserverRow("SWSL_resnext101_32x8d", "vision-2"),
    ObserverRow("vision_transformer_vit_large_patch16_224", "vision-2"),
    ObserverRow("kell2018", "audio-1"),
    ObserverRow("cochresnet50", "audio-1"),
)


@dataclass(frozen=True)
class ModelRow:
    """A row of Supplementary Table 2."""

    first: str
    second: str
    experiment: str


def _pairs(experiment: str, base: str, *pairs: tuple[str, str]) -> tuple[ModelRow, ...]:
    return tuple(
        ModelRow(f"{base}_{first}", f"{base}_{second}" if second else base, experiment)
        for first, second in pairs
    )


_L2, _L2_RANDOM = "l2_1_robust_waveform", "l2_1_random_step_waveform"
_LINF, _LINF_RANDOM = "linf_p002_robust_waveform", "linf_p002_random_step_waveform"
_COCH, _COCH_RANDOM = "l2_1_robust_cochleagram", "l2_1_random_step_cochleagram"
_COCH_PAIRS = (
    ("l2_p5_robust_cochleagram", ""),
    (_COCH, ""),
    (_COCH, _COCH_RANDOM),
    (_COCH, _L2),
)

# In the order of the printed rows; "" is standard training of the same architecture.
TABLE_2 = (
    *_pairs(
        "vision-7", "resnet50",
        ("l2_3_robust", ""), ("l2_3_robust", "random_l2_perturb"),
        ("linf_8_robust", ""), ("linf_8_robust", "random_linf8_perturb"), ("linf_4_robust", ""),
    ),
    *_pairs(
        "vision-8", "alexnet",
        ("l2_3_robust", ""), ("l2_3_robust", "random_l2_3_perturb"),
        ("linf_8_robust", ""), ("linf_8_robust", "random_linf8_perturb"),
    ),
    *_pairs(
        "audio-4", "kell2018",
        (_L2, ""), (_L2, _L2_RANDOM), (_LINF, ""), (_LINF, _LINF_RANDOM),
    ),
    *_pairs(
        "audio-3", "cochresnet50",
        ("l2_p5_robust_waveform", ""), (_L2, ""), (_L2, _L2_RANDOM), (_LINF, _LINF_RANDOM),
        (_LINF, ""),
    ),
    *_pairs("audio-6", "kell2018", *_COCH_PAIRS),
    *_pairs("audio-5", "cochresnet50", *_COCH_PAIRS),
)  # fmt: skip

# One-way analyses of the text; the classifier's metamers (final) are left out.
STAGE_ROWS = (
    ObserverRow("hmax_standard", "vision-6", ("final",)),
    ObserverRow("spectemp_filters", "audio-2", ("final",)),
)

# Models behind the paper's figure of human recognition against other models (Supp. Fig. 3: each
# of 29 was recognised by 28 others; Supp. Fig. 4: 17 by 16).
CORRELATION_MODELS = {"vision": 29, "audio": 17}
