"""The folded copy computes what the network does; where it could not, there is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn

import bench
from bench.models.folding import folded
from bench.models.staged import StagedModel
from bench.synthesis.engine import synthesize
from bench.synthesis.protocols import Protocol

INPUT = bench.ImageInput(size_px=16, mean=(0.5,) * 3, std=(0.25,) * 3)


def norm(channels: int, seed: int) -> nn.BatchNorm2d:
    generator = torch.Generator().manual_seed(seed)
    layer = nn.BatchNorm2d(channels)
    with torch.no_grad():
        layer.running_mean.normal_(0, 0.5, generator=generator)
        layer.running_var.uniform_(0.5, 2, generator=generator)
        layer.weight.uniform_(0.5, 2, generator=generator)
        layer.bias.normal_(0, 0.5, generator=generator)
    return layer


def load(build: Callable[[], nn.Module], **stages: str) -> StagedModel:
    spec = bench.ModelSpec(
        id="tiny", family="test", build=lambda weights: build(), input=INPUT, labels="digits",
        stages=stages,
    )  # fmt: skip
    return bench.load(spec, weights=None, device="cpu")


class Residual(nn.Module):
    """Convolution, norm, ReLU, convolution, norm, added to what came in, ReLU; then a readout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), norm(8, 1)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, padding=1), norm(8, 2)
        self.act = nn.ReLU(inplace=True)
        self.readout = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.act(self.bn1(self.conv1(x)))
        b = self.act(self.bn2(self.conv2(a)) + a)
        return self.readout(b.mean(dim=(2, 3)))


def count_norms(model: StagedModel) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in model.module.modules())


def images(n: int = 3) -> torch.Tensor:
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_a_folded_network_computes_the_same() -> None:
    model = load(Residual, bn1="bn1", act="act", bn2="bn2", final="")
    fast = folded(model)
    assert (count_norms(model), count_norms(fast)) == (2, 0)
    assert folded(model) is fast
    plain, fused = model.activations(images()), fast.activations(images())
    for name in model.stages:
        assert plain[name].abs().max() > 0.01
        assert torch.allclose(plain[name], fused[name], rtol=1e-4, atol=1e-5)
    assert fused["act"].is_contiguous(memory_format=torch.channels_last)


def test_the_original_is_left_alone() -> None:
    model = load(Residual, final="")
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    logits = model.logits(images())
    folded(model)
    assert all(
        torch.equal(value, before[name]) for name, value in model.module.state_dict().items()
    )
    assert torch.equal(model.logits(images()), logits)


def test_a_convolution_that_is_a_stage_is_not_folded() -> None:
    model = load(Residual, conv1="conv1", final="")
    fast = folded(model)
    assert count_norms(fast) == 1
    assert torch.allclose(
        model.activations(images())["conv1"], fast.activations(images())["conv1"], atol=1e-5
    )


class UsedTwice(nn.Module):
    """The convolution's output also goes past the norm: folding would change it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.readout = nn.Conv2d(3, 10, 3), norm(10, 3), nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.conv(x)
        return self.readout((self.bn(a) + a).mean(dim=(2, 3)))


class SharedConvolution(nn.Module):
    """One convolution, two norms, as in networks that run through time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn1, self.bn2 = nn.Conv2d(3, 3, 1), norm(3, 4), norm(3, 5)
        self.readout = nn.Linear(3, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.readout(self.bn2(self.conv(self.bn1(self.conv(x)))).mean(dim=(2, 3)))


class NoNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 10, 3), nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(x)).mean(dim=(2, 3))


@pytest.mark.parametrize("build", [UsedTwice, SharedConvolution, NoNorm])
def test_what_cannot_be_folded_is_run_as_it_is(build: type[nn.Module]) -> None:
    model = load(build, final="")
    assert folded(model) is model


@pytest.mark.parametrize("name", ["resnet10t", "tf_efficientnet_lite0"])
def test_timms_networks_keep_their_activations(name: str) -> None:
    """timm's batch norms end with an activation, and its 'same' convolutions pad by themselves."""
    torch.manual_seed(0)
    model = load(lambda: timm.create_model(name, num_classes=10).eval(), final="")
    for i, part in enumerate(m for m in model.module.modules() if isinstance(m, nn.BatchNorm2d)):
        part.load_state_dict({**part.state_dict(), **norm(part.num_features, i).state_dict()})
    fast = folded(model)
    assert (count_norms(model) > 10, count_norms(fast)) == (True, 0)
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    plain = model.logits(x)
    assert float((plain - fast.logits(x)).norm()) < 1e-4 * float(plain.norm())


def test_exact_decides_which_network_takes_the_steps() -> None:
    model, x = load(Residual, act="act", final=""), images()
    protocol = Protocol.named("feather2023").replace(steps=5, repetitions=1)
    runs = {
        exact: synthesize(model, x, "act", protocol.replace(exact=exact)) for exact in (True, False)
    }
    moved = (runs[True].stimuli - runs[False].stimuli).abs().max()
    assert 0 < moved < 5e-4 * 5
    by_hand = runs[True].initial
    for _ in range(5):  # the plain network, plain autograd
        by_hand = by_hand.requires_grad_(True)
        a, t = (model.at_stage(v, "act", modified_relu=True) for v in (by_hand, x))
        loss = ((a - t).flatten(1).norm(dim=1) / t.flatten(1).norm(dim=1)).sum()
        (g,) = torch.autograd.grad(loss, by_hand)
        length = g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        by_hand = (by_hand.detach() - g / (length + 1e-10)).clamp(0, 1)
    assert torch.equal(runs[True].stimuli, by_hand)
