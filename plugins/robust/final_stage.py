"""The 25 robust networks of the final-stage experiment of Feather et al. 2023 (figure 6c).

Listed in the supplement, Supplementary Modeling Note 1: RobustBench's ImageNet Linf board of
November 2022 and the other networks of the same repositories. Metamers were made from the final
stage only.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.robust.backbones import IMAGENET, PREFIXES, REFERENCE, RESNET50_PARAMETERS

if TYPE_CHECKING:
    from torch import nn

FAMILY = "robust-final"
LIBRARY = "Engstrom et al. 2019"  # the robustness library
TRANSFER = "https://huggingface.co/madrylab/robust-imagenet-models/resolve/main"
RELEASES = "https://github.com/RobustBench/robustbench/releases/download/v1.1"
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
# The transfer repository wraps networks that are not ResNets once more.
TRANSFER_PREFIXES = ("module.model.model.", *PREFIXES)
# These networks take pixels in [0, 1] as they are.
AS_IT_IS = bench.ImageInput(size_px=224)
CENTRED = bench.ImageInput(size_px=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@dataclass(frozen=True)
class MadryLab:
    """A ResNet-50 of https://github.com/MadryLab/robustness; accuracy as the paper measured it."""

    id: str
    paper_id: str
    budget: str
    url: str
    accuracy: float


MADRYLAB = (
    MadryLab(
        "madrylab:resnet50_l2_eps3",
        "resnet50_l2_3_robust",
        "L2 3",
        "https://www.dropbox.com/s/knf4uimlqsi1yz8/imagenet_l2_3_0.pt?dl=1",
        0.579,
    ),
    MadryLab(
        "madrylab:resnet50_linf_eps4",
        "resnet50_linf_4_robust",
        "Linf 4/255",
        "https://www.dropbox.com/s/axfuary2w1cnyrg/imagenet_linf_4.pt?dl=1",
        0.62424,
    ),
    MadryLab(
        "madrylab:resnet50_linf_eps8",
        "resnet50_linf_8_robust",
        "Linf 8/255",
        "https://www.dropbox.com/s/yxn15a9zklz3s8q/imagenet_linf_8.pt?dl=1",
        0.47906,
    ),
)

# https://github.com/microsoft/robust-models-transfer: name in the file, torchvision's name and
# arguments, the authors' top-1 accuracy, parameters.
TRANSFER_MODELS = (
    ("resnet18_linf_eps4.0", "resnet18", {}, 0.5249, 11_689_512),
    ("resnet50_linf_eps4.0", "resnet50", {}, 0.6386, 25_557_032),
    ("wide_resnet50_2_linf_eps4.0", "wide_resnet50_2", {}, 0.6841, 68_883_240),
    ("resnet18_linf_eps1.0", "resnet18", {}, 0.6346, 11_689_512),
    ("resnet50_linf_eps1.0", "resnet50", {}, 0.7205, 25_557_032),
    ("wide_resnet50_2_linf_eps1.0", "wide_resnet50_2", {}, 0.7465, 68_883_240),
    ("resnet18_l2_eps3", "resnet18", {}, 0.5312, 11_689_512),
    ("resnet50_l2_eps3", "resnet50", {}, 0.6283, 25_557_032),
    ("wide_resnet50_2_l2_eps3", "wide_resnet50_2", {}, 0.6690, 68_883_240),
    ("wide_resnet50_4_l2_eps3", "resnet50", {"width_per_group": 256}, 0.6967, 223_439_144),
    ("densenet_l2_eps3", "densenet161", {}, 0.6698, 28_681_000),
    ("mnasnet_l2_eps3", "mnasnet1_0", {}, 0.4183, 4_383_312),
    ("mobilenet_l2_eps3", "mobilenet_v2", {}, 0.5040, 3_504_872),
    ("resnext50_32x4d_l2_eps3", "resnext50_32x4d", {}, 0.6625, 25_028_904),
    ("shufflenet_l2_eps3", "shufflenet_v2_x1_0", {}, 0.4332, 2_278_604),
    ("vgg16_bn_l2_eps3", "vgg16_bn", {}, 0.5719, 138_365_992),
)

# https://github.com/dedeswim/vits-robustness-torch: id, timm's name and arguments, address, input,
# the authors' top-1 accuracy, parameters. Its XCiT-M12 and -L12 are wider than timm's.
LIGHT_MODELS = (
    (
        "xcit_s12",
        "xcit_small_12_p16_224",
        {},
        f"{RELEASES}/debenedetti2022light-xcit-s-imagenet-linf.pth.tar",
        AS_IT_IS,
        0.7234,
        26_253_304,
    ),
    (
        "xcit_m12",
        "xcit_small_12_p16_224",
        {"embed_dim": 512},
        f"{RELEASES}/debenedetti2022light-xcit-m-imagenet-linf.pth.tar",
        AS_IT_IS,
        0.7404,
        46_401_160,
    ),
    (
        "xcit_l12",
        "xcit_small_12_p16_224",
        {"embed_dim": 768, "num_heads": 16},
        f"{RELEASES}/debenedetti2022light-xcit-l-imagenet-linf.pth.tar",
        AS_IT_IS,
        0.7376,
        103_792_648,
    ),
    (
        "convnext_t",
        "convnext_tiny",
        {},
        f"{DRIVE}1EAMVH8e67cXIFPlmK-JFFK0hzuONOWyq",
        AS_IT_IS,
        0.7164,
        28_589_128,
    ),
    (
        "gelu_resnet50",
        "resnet50",
        {"act_layer": "gelu"},
        f"{DRIVE}1akb4N1B5mmesZsYGIhhDwtO-3iiKu5tb",
        CENTRED,
        0.6654,
        25_557_032,
    ),
)


def build_torchvision(weights: str | None, *, name: str, **arguments: Any) -> nn.Module:
    """Build an untrained network of torchvision."""
    import torchvision

    model: nn.Module = torchvision.models.get_model(name, weights=None, **arguments)
    return model


def build_timm(weights: str | None, *, name: str, **arguments: Any) -> nn.Module:
    """Build an untrained network of timm."""
    import timm

    model: nn.Module = timm.create_model(name, pretrained=False, **arguments)
    return model


def as_timm_names_them(
    state: dict[str, Any], *, name: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Turn the names of an older timm into those of the installed one."""
    import importlib

    model = build_timm(None, name=name, **arguments)
    family = importlib.import_module(type(model).__module__)
    rename = getattr(family, "checkpoint_filter_fn", None)
    renamed: dict[str, Any] = rename(dict(state), model) if rename else state
    return renamed


def as_current_mnasnet(state: dict[str, Any]) -> dict[str, Any]:
    """Say which version of torchvision's MNASNet a state dict without versions is: the second."""
    versioned = OrderedDict(state)
    versioned._metadata = {"": {"version": 2}}  # type: ignore[attr-defined]
    return versioned


def _spec(
    name: str, source: str, budget: str, build: Any, weights: bench.Weights, **fields: Any
) -> bench.ModelSpec:
    return bench.ModelSpec(
        id=name,
        family=FAMILY,
        build=build,
        labels="imagenet1k",
        stages={"final": ""},
        weights={"default": weights},
        reference=f"{source}; {REFERENCE}",
        training=f"adversarial {budget}",
        **({"input": IMAGENET, "license": "MIT"} | fields),
    )


def final_stage_specs() -> Iterator[bench.ModelSpec]:
    """Yield the 25 networks."""
    yield from map(_light, LIGHT_MODELS)
    yield from map(_transfer, TRANSFER_MODELS)
    for model in MADRYLAB:
        yield _spec(
            model.id,
            LIBRARY,
            model.budget,
            partial(build_torchvision, name="resnet50"),
            bench.Weights(url=model.url, prefix=PREFIXES),
            accuracy=model.accuracy,
            parameters=RESNET50_PARAMETERS,
        )
    yield _spec(
        "fast_adversarial:resnet50_linf_eps4",
        "Wong et al. 2020, ICLR",
        "Linf 4/255",
        partial(build_torchvision, name="resnet50"),
        bench.Weights(
            url=f"{DRIVE}1UrNEtLWs-fjlM2GPb1JpBGtpffDuHH_4",  # imagenet_model_weights_4px.pth.tar
            prefix=PREFIXES,
        ),
        license="unstated",
        parameters=RESNET50_PARAMETERS,
    )


def _light(
    row: tuple[str, str, dict[str, Any], str, bench.ImageInput, float, int],
) -> bench.ModelSpec:
    name, timm_name, arguments, url, image, accuracy, parameters = row
    adapt = partial(as_timm_names_them, name=timm_name, arguments=arguments)
    return _spec(
        f"vits-robustness:{name}_linf_eps4",
        "Debenedetti et al. 2023, SaTML",
        "Linf 4/255",
        partial(build_timm, name=timm_name, **arguments),
        bench.Weights(url=url, prefix=PREFIXES, adapt=adapt),
        input=image,
        accuracy=accuracy,
        parameters=parameters,
    )


def _transfer(row: tuple[str, str, dict[str, Any], float, int]) -> bench.ModelSpec:
    name, torchvision_name, arguments, accuracy, parameters = row
    norm, eps = name.rsplit("_eps", 1)
    budget = f"Linf {float(eps):g}/255" if norm.endswith("linf") else f"L2 {eps}"
    weights = bench.Weights(
        url=f"{TRANSFER}/{name}.ckpt",
        prefix=TRANSFER_PREFIXES,
        adapt=as_current_mnasnet if torchvision_name == "mnasnet1_0" else None,
    )
    return _spec(
        f"robust-models-transfer:{name}",
        "Salman et al. 2020, NeurIPS",
        budget,
        partial(build_torchvision, name=torchvision_name, **arguments),
        weights,
        accuracy=accuracy,
        parameters=parameters,
    )
