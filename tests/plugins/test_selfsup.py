"""Self-supervised ResNet-50s: where their weights are, and their published names."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
import torch

from bench.errors import BenchError
from bench.models.load import load_spec
from bench.models.weights import fill
from bench.plugins import Plugins

NAMES = ("resnet50_simclr", "resnet50_moco_v2", "resnet50_byol")


@pytest.fixture(scope="module")
def found() -> Plugins:
    return Plugins(found=[EntryPoint("selfsup", "bench_plugins.selfsup", "bench")])


@pytest.mark.parametrize("name", NAMES)
def test_without_the_authors_archive_the_error_says_what_to_fetch(
    found: Plugins, name: str
) -> None:
    with pytest.raises(BenchError, match=r"https://mcdermottlab\.mit\.edu") as raised:
        load_spec(found.models.get(name), "default", "cpu")
    assert f"{name}.pt" in str(raised.value)
    assert "weights=" in raised.value.fix


def test_the_authors_names_are_accepted(found: Plugins) -> None:
    spec = found.models.get("resnet50_byol")
    torch.manual_seed(1)
    published, net = spec.build(None), spec.build(None)
    state = {f"module.model.{k}": v for k, v in published.state_dict().items()}
    state |= {f"module.attacker.model.{k}": v + 1 for k, v in published.state_dict().items()}
    state["module.preproc.normalize.new_mean"] = torch.zeros(3, 1, 1)
    fill(net, state, spec.weights["default"], spec.id)
    torch.testing.assert_close(net.fc.weight, published.fc.weight)
    torch.testing.assert_close(net.conv1.weight, published.conv1.weight)
