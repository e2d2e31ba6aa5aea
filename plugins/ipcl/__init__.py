"""AlexNet with group norm, trained by instance-prototype contrastive learning, and its control.

Source: Konkle and Alvarez 2022; networks 1 and 12 of https://github.com/harvard-visionlab/open_ipcl.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.robust.backbones import ARCHIVE, IMAGENET, REFERENCE

if TYPE_CHECKING:
    from torch import nn

PUBLISHED = "https://visionlab-pretrainedmodels.s3.amazonaws.com/project_instancenet/ipcl"
# The readout of the contrastive network was trained by the authors of the paper, on fc7.
READOUT = "ipcl_model_01_alexnet_fc7_ipcl_training_head_ipcl1_fc7_lincls_onecycle.pth.tar"
# All end in a ReLU or pass one on; the paper matched them with the true gradient.
STAGES = {
    name: bench.Stage(module, modified_relu=False)
    for name, module in {
        "conv_block_1": "conv_block_1",
        "conv_block_2": "conv_block_2",
        "conv_block_3": "conv_block_3",
        "conv_block_4": "conv_block_4",
        "conv_block_5": "conv_block_5",
        "avgpool": "ave_pool",
        "fc6": "fc6",
        "fc7": "fc7",
        "final": "",
    }.items()
}


def build_contrastive(weights: str | None) -> nn.Module:
    """Build the untrained network with a readout of fc7 in place of the embedding."""
    from bench_plugins.ipcl.network import AlexNetGN

    return AlexNetGN(readout="classifier")


def build_supervised(weights: str | None) -> nn.Module:
    """Build the untrained network whose last layer is the classifier."""
    from bench_plugins.ipcl.network import AlexNetGN

    return AlexNetGN(readout="fc8")


def without_embedding(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out the 128-dimensional embedding, which the readout does not use."""
    return {name: value for name, value in state.items() if not name.startswith("fc8.")}


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register the contrastive network and the supervised one with the same augmentations."""
    shared: dict[str, Any] = {
        "family": "ipcl",
        "input": IMAGENET,
        "labels": "imagenet1k",
        "stages": STAGES,
        "license": "MIT",
        "parameters": 62_396_104,
    }
    register(
        bench.ModelSpec(
            id="konkle_alexnetgn_ipcl_ref01_primary_model",
            build=build_contrastive,
            weights={
                "default": bench.Weights(
                    url=f"{PUBLISHED}/06_instance_imagenet_AlexNet_n5_lr03_pct40_t07_div1000_e100"
                    "_bs128_bm20_gn_stack_final_weights_only.pth.tar",
                    sha256="51bcc71556",  # as the publisher's hubconf.py has it
                    prefix=("module.",),
                    adapt=without_embedding,
                    parts=(bench.Weights(archive=ARCHIVE, member=READOUT, prefix=("module.",)),),
                )
            },
            reference=f"Konkle and Alvarez 2022, Nat. Commun.; readout: {REFERENCE}",
            training="self-supervised IPCL",
            accuracy=0.40288,
            **shared,
        )
    )
    register(
        bench.ModelSpec(
            id="konkle_alexnetgn_ipcl_ref12_supervised_ipcl_aug",
            build=build_supervised,
            weights={
                "default": bench.Weights(
                    url=f"{PUBLISHED}/alexnet_gn_s1000_imagenet_wus_aug_final_weights_only.pth.tar",
                    prefix=("module.",),
                )
            },
            reference="Konkle and Alvarez 2022, Nat. Commun.",
            accuracy=0.60988,
            **shared,
        )
    )
