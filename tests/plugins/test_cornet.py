"""CORnet-S: its recurrence beside a plain restatement, and the names of its checkpoint."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint

import torch
from torch import nn
from torch.nn.functional import batch_norm, conv2d

from bench.models.weights import fill
from bench.plugins import Plugins
from bench_plugins.cornet.network import Area, cornet_s


def area(in_channels: int, channels: int, times: int) -> Area:
    torch.manual_seed(0)
    net = Area(in_channels, channels, times).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):  # otherwise all norms would be the identity
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return net.requires_grad_(False)


def test_an_area_is_the_papers_recurrence() -> None:
    net = area(2, 3, times=3)
    p = net.state_dict()
    x = torch.randn(2, 2, 9, 9)

    def normed(name: str, value: torch.Tensor) -> torch.Tensor:
        mean, var = p[f"{name}.running_mean"], p[f"{name}.running_var"]
        return batch_norm(value, mean, var, p[f"{name}.weight"], p[f"{name}.bias"])

    state = conv2d(x, p["conv_input.weight"])
    for t in range(3):
        halved = t == 0
        skip = normed("norm_skip", conv2d(state, p["skip.weight"], stride=2)) if halved else state
        a = normed(f"norm1_{t}", conv2d(state, p["conv1.weight"])).clamp(min=0)
        a = conv2d(a, p["conv2.weight"], stride=2 if halved else 1, padding=1)
        a = normed(f"norm2_{t}", a).clamp(min=0)
        state = (normed(f"norm3_{t}", conv2d(a, p["conv3.weight"])) + skip).clamp(min=0)
    torch.testing.assert_close(net(x), state)
    assert state.shape == (2, 3, 5, 5)


def test_parameters_have_the_published_names() -> None:
    names = set(cornet_s().state_dict())
    # What https://github.com/dicarlolab/CORnet publishes: blocks with one norm a time step.
    for block, times in {"V2": 2, "V4": 4, "IT": 2}.items():
        own = {n.split(".")[1] for n in names if n.startswith(block)}
        norms = {f"norm{layer}_{t}" for layer in (1, 2, 3) for t in range(times)}
        convolutions = {"conv_input", "skip", "conv1", "conv2", "conv3"}
        assert own == norms | convolutions | {"norm_skip"}
    rest = {n for n in names if not re.match("V2|V4|IT", n)}
    assert {n for n in rest if n.endswith(("weight", "bias")) and "norm" not in n} == {
        "V1.conv1.weight",
        "V1.conv2.weight",
        "decoder.linear.weight",
        "decoder.linear.bias",
    }


def test_the_published_prefix_is_dropped() -> None:
    found = Plugins(found=[EntryPoint("cornet", "bench_plugins.cornet", "bench")])
    rules = found.models.get("cornet_s").weights["default"]
    torch.manual_seed(1)
    published, net = cornet_s(), cornet_s()
    for prefix in ("module.", "module.model."):
        state = {f"{prefix}{k}": v for k, v in published.state_dict().items()}
        fill(net, state, rules, "cornet_s")
        torch.testing.assert_close(net.V1.conv1.weight, published.V1.conv1.weight)
        nn.init.zeros_(net.V1.conv1.weight)
