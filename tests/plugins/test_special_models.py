"""The special visual models beside the paper: names, stages, shapes, feature counts, gradients.

Expected values: Feather et al. 2023, Supplementary Modeling Note 2, tables; where a table has none
(HMAX, IPCL), the arithmetic of the layers; and the project's copy of the authors' model list.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import EntryPoint
from math import prod
from pathlib import Path

import pytest
import torch

from bench.models.checks import stage_facts
from bench.models.load import load_spec
from bench.models.staged import StagedModel
from bench.plugins import Plugins
from bench.spec import ImageInput

FAMILIES = ("cornet", "hmax", "ipcl", "lowpass", "robust", "selfsup", "stylized", "vonenet")

RESNET50 = {
    "conv1_relu1": ((64, 112, 112), 802816),
    "layer1": ((256, 56, 56), 802816),
    "layer2": ((512, 28, 28), 401408),
    "layer3": ((1024, 14, 14), 200704),
    "layer4": ((2048, 7, 7), 100352),
    "avgpool": ((2048, 1, 1), 2048),
    "final": ((1000,), 1000),
}
ALEXNET = {
    "relu0": ((64, 55, 55), 193600),
    "relu1": ((192, 27, 27), 139968),
    "relu2": ((384, 13, 13), 64896),
    "relu3": ((256, 13, 13), 43264),
    "relu4": ((256, 13, 13), 43264),
    "fc0_relu": ((4096,), 4096),
    "fc1_relu": ((4096,), 4096),
    "final": ((1000,), 1000),
}
IPCL = {
    "conv_block_1": ((96, 55, 55), 290400),  # (224 + 2 x 2 - 11) / 4 + 1 = 55
    "conv_block_2": ((256, 27, 27), 186624),
    "conv_block_3": ((384, 13, 13), 64896),
    "conv_block_4": ((384, 13, 13), 64896),
    "conv_block_5": ((256, 13, 13), 43264),
    "avgpool": ((256, 6, 6), 9216),
    "fc6": ((4096,), 4096),
    "fc7": ((4096,), 4096),
    "final": ((1000,), 1000),
}
# A network of each architecture: stages, and the number of parameters.
TABLES = {
    "cornet_s": (
        {
            "V1": ((64, 56, 56), 200704),
            "V2": ((128, 28, 28), 100352),
            "V4": ((256, 14, 14), 50176),
            "IT": ((512, 7, 7), 25088),
            "final": ((1000,), 1000),
        },
        53_416_616,
    ),
    "resnet50_simclr": (RESNET50, 25_557_032),
    "texture_shape_alexnet_trained_on_SIN": (ALEXNET, 61_100_840),
    "konkle_alexnetgn_ipcl_ref01_primary_model": (IPCL, 62_396_104),
    "konkle_alexnetgn_ipcl_ref12_supervised_ipcl_aug": (IPCL, 62_396_104),
    "alexnet_reduced_aliasing_early_checkpoint": (ALEXNET, 61_100_840),
    "vonealexnet_gaussian_noise_std4_fixed": (
        {
            "v1_output": ((512, 56, 56), 1605632),
            "relu1": ((192, 28, 28), 150528),
            "relu2": ((384, 14, 14), 75264),
            "relu3": ((256, 14, 14), 50176),
            "relu4": ((256, 14, 14), 50176),
            "fc0_relu": ((4096,), 4096),
            "fc1_relu": ((4096,), 4096),
            "final": ((1000,), 1000),
        },
        # Two banks of filters; 1x1 convolution; AlexNet from its second convolution on, whose
        # first dense layer has 12544 inputs.
        2 * 512 * 3 * 25**2 + 512 * 64 + 61_100_840 - 64 * 3 * 121 - 64 + (12544 - 9216) * 4096,
    ),
}


@cache
def plugins() -> Plugins:
    return Plugins(found=[EntryPoint(f, f"bench_plugins.{f}", "bench") for f in FAMILIES])


@cache
def loaded(name: str) -> StagedModel:
    torch.set_num_threads(1)
    return load_spec(plugins().models.get(name), None, "cpu")


def papers_models(shared: Path) -> dict[str, dict]:
    models = json.loads((shared / "data" / "feather2023" / "models.json").read_text())
    return {m["model"]: m for m in models if m["model"] in plugins().models}


def test_the_plugins_load() -> None:
    assert not plugins().broken
    assert {report.name for report in plugins().reports.values()} == set(FAMILIES)


def test_every_model_of_the_list_is_there(shared: Path) -> None:
    elsewhere = ("alexnet", "vgg_19", "resnet50", "resnet101", "SWSL", "CLIP", "vision_transformer")
    models = json.loads((shared / "data" / "feather2023" / "models.json").read_text())
    wanted = {m["model"] for m in models if m["modality"] == "vision"}
    missing = wanted - set(papers_models(shared))
    assert all(name in elsewhere[:4] or name.startswith(elsewhere[4:]) for name in missing)
    assert len(papers_models(shared)) == 30 - 9


def test_stages_normalisation_accuracy_and_criteria_are_the_papers(shared: Path) -> None:
    measures = {"spearman_rho": "spearman", "pearson_r": "pearson", "dB_SNR": "snr_db"}
    for name, paper in papers_models(shared).items():
        spec = plugins().models.get(name)
        assert list(spec.stages) == [s for s in paper["stages"] if s != "input_after_preproc"], name
        assert isinstance(spec.input, ImageInput)
        assert spec.input.mean == tuple(paper["preprocess_mean"]), name
        assert spec.input.std == tuple(paper["preprocess_std"]), name
        channels, size, _ = paper["input_shape"]
        assert (spec.input.size_px, spec.input.grey) == (size, channels == 1), name
        assert spec.input.scale == paper["input_max"], name
        assert spec.accuracy == pytest.approx(paper["top1_accuracy_percent"] / 100), name
        assert spec.match_measures == tuple(measures[m] for m in paper["success_measures"]), name
        assert spec.labels == "imagenet1k"


def test_models_of_one_architecture_are_opened_alike(shared: Path) -> None:
    kind = {m: p["architecture"] for m, p in papers_models(shared).items()}
    for name, architecture in kind.items():
        if architecture not in ("AlexNet", "ResNet50"):
            continue
        like = {"AlexNet": "texture_shape_alexnet_trained_on_SIN", "ResNet50": "resnet50_simclr"}
        spec, other = (plugins().models.get(n) for n in (name, like[architecture]))
        assert (spec.stages, spec.build) == (other.stages, other.build), name


@pytest.mark.parametrize("name", TABLES)
def test_shapes_and_feature_counts_are_those_of_the_tables(name: str, shared: Path) -> None:
    stages, parameters = TABLES[name]
    model = loaded(name)
    found = stage_facts(model, torch.rand(1, 3, 224, 224))
    assert {fact.name: (fact.shape, fact.features) for fact in found} == stages
    assert all(prod(shape) == features for shape, features in stages.values())
    assert sum(p.numel() for p in model.module.parameters()) == parameters
    modified = [fact.name for fact in found if fact.modified_relu]
    assert modified == papers_models(shared)[name]["stages_with_modified_relu"]


@pytest.mark.parametrize("name", TABLES)
def test_gradients_reach_the_input_and_stimuli_do_not_meet(name: str) -> None:
    model = loaded(name)
    x = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    x.requires_grad_(True)
    logits = model.output(x)
    (gradient,) = torch.autograd.grad(logits[0].square().sum(), x)
    assert gradient[0].isfinite().all()
    assert gradient[0].abs().max() > 0
    assert (gradient[1] == 0).all()
    alone = model.logits(x[1:].detach())
    torch.testing.assert_close(alone, logits[1:].detach(), rtol=1e-3, atol=1e-4)
