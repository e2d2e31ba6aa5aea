"""Networks trained on Stylized ImageNet: their published names."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
import torch

from bench.models.weights import fill
from bench.plugins import Plugins

ALEXNET = "texture_shape_alexnet_trained_on_SIN"
RESNET = "texture_shape_resnet50_trained_on_SIN"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        # Data parallelism wrapped AlexNet's features only, and the whole of ResNet-50.
        (ALEXNET, "features.", "features.module."),
        (ALEXNET, "", "module.model."),
        (RESNET, "", "module."),
        (RESNET, "", "module.model."),
    ],
)
def test_published_names_are_accepted(name: str, before: str, after: str) -> None:
    found = Plugins(found=[EntryPoint("stylized", "bench_plugins.stylized", "bench")])
    spec = found.models.get(name)
    torch.manual_seed(1)
    published, net = spec.build(None), spec.build(None)
    own = published.state_dict()
    state = {k.replace(before, after, 1) if before else after + k: v for k, v in own.items()}
    assert set(state) != set(own)
    fill(net, state, spec.weights["default"], spec.id)
    for key, value in net.state_dict().items():
        torch.testing.assert_close(value, own[key], rtol=0, atol=0)
