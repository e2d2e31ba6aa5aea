"""The parameter counts that descriptions state are those of the networks that get built."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.models.staged import StagedModel
from bench.plugins import installed
from bench.spec import ModelSpec

TOLD = [s for s in installed().models if s.parameters is not None and not s.missing_packages()]
# As torchvision's and timm's own documentation has them.
PUBLISHED = {
    "alexnet": 61_100_840,
    "vgg_19": 143_667_240,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "robust-models-transfer:vgg16_bn_l2_eps3": 138_365_992,
}


@pytest.mark.parametrize("spec", TOLD, ids=lambda spec: spec.id)
def test_as_built(spec: ModelSpec, skeleton: Callable[[ModelSpec], StagedModel]) -> None:
    network = skeleton(spec).module
    assert sum(p.numel() for p in network.parameters()) == spec.parameters


def test_as_published() -> None:
    specs = {spec.id: spec.parameters for spec in TOLD}
    assert {name: specs[name] for name in PUBLISHED} == PUBLISHED
