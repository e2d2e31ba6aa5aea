"""Any network of timm or torchvision that answers in ImageNet's classes, by its name there.

``timm:NAME`` and ``torchvision:NAME`` are described when they are asked for: the network is run
once without data to find its stages, which are the ends of its blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import bench
from bench.errors import BenchError, UnknownName
from bench.plugins import ModelSource
from bench.registry import near_names

CLASSES = 1000


def describe_timm(name: str) -> bench.ModelSpec:
    """Describe timm's model; raise `UnknownName` if it has none of this name."""
    import timm
    from timm.data import resolve_model_data_config

    own = _own_name(name, timm.list_models(include_tags=True) + timm.list_models())

    def build(weights: str | None) -> Any:
        return _fetched(name, lambda: timm.create_model(own, pretrained=weights is not None))

    network = _skeleton(build)
    data = resolve_model_data_config(network)
    entrance = bench.ImageInput(
        size_px=data["input_size"][-1],
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        interpolation=_interpolation(data["interpolation"]),
    )
    terms = network.pretrained_cfg.get("license") or ""
    return _spec(name, build, network, entrance, license=terms)


def describe_torchvision(name: str) -> bench.ModelSpec:
    """Describe torchvision's classifier; raise `UnknownName` if it has none of this name."""
    from torchvision import models

    own = _own_name(name, models.list_models(module=models))
    published = models.get_model_weights(own).DEFAULT

    def build(weights: str | None) -> Any:
        if weights is None:
            return models.get_model(own, weights=None, **_as_published(own, published))
        return _fetched(name, lambda: models.get_model(own, weights=published))

    data = published.transforms()
    entrance = bench.ImageInput(
        size_px=data.crop_size[0],
        mean=tuple(data.mean),
        std=tuple(data.std),
        interpolation=_interpolation(data.interpolation.value),
    )
    return _spec(name, build, _skeleton(build), entrance, license="BSD-3-Clause")


def _as_published(own: str, published: Any) -> dict[str, Any]:
    """Return what torchvision's builder sets only when it loads the published weights itself."""
    if own in ("googlenet", "inception_v3"):  # its input is normalised as in TensorFlow
        return {"transform_input": True, "init_weights": True}
    if own.startswith("vit_"):
        return {"image_size": published.meta["min_size"][0]}
    if own.startswith("maxvit"):
        return {"input_size": published.meta["min_size"]}
    return {}


def _own_name(name: str, known: Sequence[str]) -> str:
    library, _, own = name.partition(":")
    if own not in known:
        near = near_names(own, known)
        fix = f"did you mean {', '.join(f'{library}:{other}' for other in near)}?" if near else ""
        raise UnknownName(f"{library.lower()} has no model {own!r}", fix=fix)
    return own


def _interpolation(name: str) -> str:
    return name if name in ("bilinear", "bicubic") else "bicubic"


def _fetched(name: str, build: Callable[[], Any]) -> Any:
    try:
        return build()
    except OSError as error:  # what urllib and huggingface_hub raise without a network
        raise BenchError(
            f"model {name}: its weights could not be fetched",
            why=str(error),
            fix="check the connection, or pass a checkpoint's path as weights=",
        ) from None


def _skeleton(build: Callable[[str | None], Any]) -> Any:
    """Build a network whose parameters take no memory, where it can be built so."""
    import torch

    try:
        with torch.device("meta"):
            return build(None).eval()
    except (RuntimeError, NotImplementedError):  # its builder computes with its parameters
        return build(None).eval()


def _spec(
    name: str,
    build: Callable[[str | None], Any],
    network: Any,
    entrance: bench.ImageInput,
    license: str,
) -> bench.ModelSpec:
    from bench_plugins.generic.stages import find_stages

    stages, outputs = find_stages(network, entrance.size_px)
    if outputs != CLASSES:
        raise BenchError(
            f"model {name} has {outputs} outputs, not ImageNet's {CLASSES} classes",
            fix="choose one that was trained or fine-tuned on ImageNet-1k",
        )
    return bench.ModelSpec(
        id=name,
        family="generic",
        build=build,
        input=entrance,
        labels="imagenet1k",
        stages=stages,
        training="unknown",
        parameters=sum(p.numel() for p in network.parameters()),
        reference=name.partition(":")[0].lower(),
        license=license,
    )


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register both libraries as sources of models."""
    register(
        ModelSource(
            id="timm",
            describe=describe_timm,
            description="any model of timm with ImageNet's 1000 classes: timm:NAME",
        )
    )
    register(
        ModelSource(
            id="torchvision",
            describe=describe_torchvision,
            description="any classifier of torchvision: torchvision:NAME",
        )
    )
