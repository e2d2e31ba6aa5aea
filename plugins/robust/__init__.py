"""Networks trained to resist perturbations.

- those of Feather et al. 2023 that were opened at all stages, with their random-perturbation
  controls (family ``robust``);
- the 25 of its final-stage experiment (family ``robust-final``);
- all of RobustBench for ImageNet and CIFAR-10 (family ``robustbench``).
"""

from __future__ import annotations

from typing import Any

import bench
from bench_plugins.robust.backbones import (
    ALEXNET_PARAMETERS,
    ALEXNET_STAGES,
    IMAGENET,
    PREFIXES,
    REFERENCE,
    RESNET50_PARAMETERS,
    RESNET50_STAGES,
    alexnet,
    authors,
    resnet50,
)
from bench_plugins.robust.final_stage import LIBRARY, MADRYLAB, final_stage_specs
from bench_plugins.robust.robustbench_zoo import robustbench_specs

ADVERSARIAL = "adversarial"
RANDOM = "random perturbation"
# id: how the network was trained, top-1 accuracy (Supplementary Table 3), the authors' file.
TRAINED_BY_THE_AUTHORS = {
    "resnet50_random_l2_perturb": (RANDOM, "L2 3", 0.766, "resnet50_random_l2_perturb.pt"),
    "resnet50_random_linf8_perturb": (
        RANDOM,
        "Linf 8/255",
        0.73062,
        "resnet50_random_linf8_perturb.pt",
    ),
    "alexnet_l2_3_robust": (ADVERSARIAL, "L2 3", 0.41882, "alexnet_l2_3_robust_training.pt"),
    "alexnet_random_l2_3_perturb": (RANDOM, "L2 3", 0.57978, "alexnet_l2_3_random_perturb.pt"),
    "alexnet_linf_8_robust": (
        ADVERSARIAL,
        "Linf 8/255",
        0.29702,
        "alexnet_linf_8_robust_training.pt",
    ),
    "alexnet_random_linf8_perturb": (
        RANDOM,
        "Linf 8/255",
        0.57738,
        "alexnet_random_linf_8_perturb.pt",
    ),
}


def _spec(
    name: str, training: str, accuracy: float, weights: bench.Weights, reference: str
) -> bench.ModelSpec:
    is_alexnet = name.startswith("alexnet")
    return bench.ModelSpec(
        id=name,
        family="robust",
        build=alexnet if is_alexnet else resnet50,
        input=IMAGENET,
        labels="imagenet1k",
        stages=ALEXNET_STAGES if is_alexnet else RESNET50_STAGES,
        weights={"default": weights},
        reference=reference,
        license="MIT",
        training=training,
        accuracy=accuracy,
        parameters=ALEXNET_PARAMETERS if is_alexnet else RESNET50_PARAMETERS,
    )


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register all of them."""
    for model in MADRYLAB:
        weights = bench.Weights(url=model.url, prefix=PREFIXES)
        training, reference = f"adversarial {model.budget}", f"{LIBRARY}; {REFERENCE}"
        register(_spec(model.paper_id, training, model.accuracy, weights, reference))
    for name, (kind, budget, accuracy, member) in TRAINED_BY_THE_AUTHORS.items():
        register(_spec(name, f"{kind} {budget}", accuracy, authors(member), REFERENCE))
    for spec in (*final_stage_specs(), *robustbench_specs()):
        register(spec)
