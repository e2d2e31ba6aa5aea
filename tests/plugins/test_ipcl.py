"""AlexNet with group norm: the readout published apart, the embedding left out."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest
import torch

from bench import config
from bench.errors import BenchError
from bench.models.weights import fill
from bench.plugins import Plugins

CONTRASTIVE = "konkle_alexnetgn_ipcl_ref01_primary_model"
SUPERVISED = "konkle_alexnetgn_ipcl_ref12_supervised_ipcl_aug"
READOUT = "ipcl_model_01_alexnet_fc7_ipcl_training_head_ipcl1_fc7_lincls_onecycle.pth.tar"


@pytest.fixture(scope="module")
def found() -> Plugins:
    return Plugins(found=[EntryPoint("ipcl", "bench_plugins.ipcl", "bench")])


def test_a_block_is_convolution_group_norm_relu(found: Plugins) -> None:
    net = found.models.get(SUPERVISED).build(None)
    torch.manual_seed(0)
    x = torch.randn(1, 3, 35, 35)
    block = net.conv_block_1
    torch.nn.init.normal_(block[1].weight)
    torch.nn.init.normal_(block[1].bias)
    a = torch.nn.functional.conv2d(x, block[0].weight, stride=4, padding=2)
    grouped = a.reshape(1, 32, -1)
    grouped = grouped - grouped.mean(dim=2, keepdim=True)
    grouped = grouped / (grouped.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
    scale, offset = block[1].weight[:, None, None], block[1].bias[:, None, None]
    expected = (grouped.reshape(a.shape) * scale + offset).clamp(min=0)
    torch.testing.assert_close(block(x), expected)


def test_the_backbone_is_completed_by_the_readout(found: Plugins) -> None:
    spec = found.models.get(CONTRASTIVE)
    torch.manual_seed(1)
    published = spec.build(None).state_dict()
    readout = {k: v for k, v in published.items() if k.startswith("classifier.")}
    backbone = {f"module.{k}": v for k, v in published.items() if k not in readout}
    backbone["module.fc8.0.weight"] = torch.zeros(128, 4096)
    backbone["module.fc8.0.bias"] = torch.zeros(128)
    net = spec.build(None)
    with pytest.raises(BenchError, match=READOUT):
        fill(net, backbone, spec.weights["default"], spec.id)
    folder = config.cache_dir() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": readout, "epoch": 10}, folder / READOUT)
    fill(net, backbone, spec.weights["default"], spec.id)
    for key, value in net.state_dict().items():
        torch.testing.assert_close(value, published[key], rtol=0, atol=0)


def test_the_supervised_network_is_published_whole(found: Plugins) -> None:
    spec = found.models.get(SUPERVISED)
    net = spec.build(None)
    state = {f"module.{k}": v for k, v in net.state_dict().items()}
    assert "module.fc8.0.weight" in state
    fill(net, state, spec.weights["default"], spec.id)
