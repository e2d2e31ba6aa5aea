"""A network opened at its stages."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import bench
from bench.errors import BenchError, ItemError
from bench.labels.spaces import MAPS
from bench.models.staged import StagedModel
from bench.spec import ModelSpec


def opened(module: nn.Module, stages: dict[str, object], size_px: int = 8) -> StagedModel:
    spec = ModelSpec(
        id="net",
        family="f",
        build=lambda weights: module,
        input=bench.ImageInput(size_px=size_px),
        labels="digits",
        stages=stages,
    )
    return StagedModel(spec, module, torch.device("cpu"), "random:0")


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    """Convolution, ReLU, convolution, residual sum, ReLU: one ReLU module called twice."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv2(self.relu(self.conv1(x)))
        out += x
        return self.relu(out)


class Net(nn.Module):
    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.stem = nn.Conv2d(3, 4, 3, padding=1)
            self.block = Block(inplace)
            self.norm = nn.BatchNorm2d(4)
            self.head = nn.Linear(4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.block(self.stem(x))
        x = F.relu_(self.norm(x))  # changes the norm's output in place
        return self.head(x.mean((2, 3)))


STAGES = {"stem": "stem", "conv1": "block.conv1", "block": "block", "norm": "norm", "logits": ""}


def test_activations_are_the_modules_outputs(x) -> None:
    plain = Net(inplace=False).eval()
    stem = plain.stem(x)
    hidden = plain.block.conv1(stem)
    block = torch.relu(plain.block.conv2(torch.relu(hidden)) + stem)
    norm = plain.norm(block)
    expected = {
        "stem": stem,
        "conv1": hidden,
        "block": block,
        "norm": norm,
        "logits": plain.head(torch.relu(norm).mean((2, 3))),
    }
    found = opened(Net(inplace=True), STAGES).activations(x)
    assert list(found) == list(STAGES)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)
        assert not found[name].requires_grad


def test_nothing_after_the_stage_is_computed(x) -> None:
    class Trap(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError("computed although no stage needs it")

    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Trap())
    model = opened(net, {"relu": "1", "logits": ""})
    assert model.activations(x, ["relu"])["relu"].shape == (5, 4, 6, 6)


def test_a_network_that_swallows_exceptions_is_still_left(x) -> None:
    class Swallows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Conv2d(3, 4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            try:
                return self.inner(x)
            except Exception:  # noqa: BLE001  as some networks do
                return x

    assert opened(Swallows(), {"a": "inner"}).activations(x)["a"].shape[1] == 4


def test_pick_and_call_select(x) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Identity()
            self.pair = nn.LSTM(8, 3, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.shift(self.shift(x) + 1)
            return self.pair(x.mean(1))[0].mean(1)

    stages = {
        "first": bench.Stage("shift"),
        "second": bench.Stage("shift", call=1),
        "state": bench.Stage("pair", pick=lambda output: output[1][0][0]),
    }
    model = opened(Twice(), stages)
    found = model.activations(x)
    torch.testing.assert_close(found["second"], found["first"] + 1)
    assert found["state"].shape == (5, 3)
    with pytest.raises(BenchError, match=r"stage state: module 'pair' returns tuple.*pick="):
        opened(Twice(), {"state": "pair"}).activations(x)
    with pytest.raises(BenchError, match="never reached third"):
        opened(Twice(), {"third": bench.Stage("shift", call=2)}).activations(x)


def test_a_misspelt_module_is_answered_with_near_ones() -> None:
    with pytest.raises(BenchError, match=r"stage s: there is no module 'block.conv3'.*block.conv"):
        opened(Net(), {"s": "block.conv3"})


def test_an_unknown_stage_lists_the_stages(x) -> None:
    with pytest.raises(BenchError, match=r"no stage 'layer9' \(stages: stem, conv1"):
        opened(Net(), STAGES).activations(x, ["layer9"])


def test_the_modified_relu_is_the_blocks_last_one() -> None:
    """Gradient of the block: identity at its own last ReLU, true at the one inside."""
    model = opened(Net(), STAGES)
    x = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(3), requires_grad=True)
    weight = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(4))
    value = model.at_stage(x, "block", modified_relu=True)
    (found,) = torch.autograd.grad((value * weight).sum(), x)
    net = model.module
    stem = net.stem(x)
    before = net.block.conv2(torch.relu(net.block.conv1(stem))) + stem
    (expected,) = torch.autograd.grad((before * weight).sum(), x)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(value, torch.relu(before), rtol=0, atol=0)
    (true,) = torch.autograd.grad((model.at_stage(x, "block") * weight).sum(), x)
    assert not torch.allclose(true, expected)


def test_which_stages_have_a_modified_relu(x) -> None:
    model = opened(Net(), STAGES)
    calls = {name: model.modified_relu_call(name, x) for name in STAGES}
    assert calls == {"stem": None, "conv1": None, "block": 1, "norm": None, "logits": None}
    off = opened(Net(), {"block": bench.Stage("block", modified_relu=False)})
    assert off.modified_relu_call("block", x) is None
    on = opened(Net(), {"stem": bench.Stage("stem", modified_relu=True)})
    with pytest.raises(BenchError, match="its output is not a ReLU's"):
        on.modified_relu_call("stem", x)


def test_parameters_are_frozen_and_evaluation_is_deterministic(x) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(192, 10))
    model = opened(net, {"logits": ""})
    assert not any(p.requires_grad for p in net.parameters())
    assert torch.equal(model.logits(x), model.logits(x))


def test_an_output_that_is_no_batch_of_logits_is_refused(x) -> None:
    model = opened(nn.Conv2d(3, 4, 3), {"conv": ""})
    with pytest.raises(ItemError, match=r"model net: its output is \(5, 4, 6, 6\)"):
        model.logits(x)


def test_a_coarser_output_has_the_probabilities_of_its_groups() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(12, 1000))
    spec = ModelSpec(
        id="net", family="f", build=lambda weights: module, input=bench.ImageInput(size_px=2),
        labels="imagenet1k", stages={"logits": ""},
    )  # fmt: skip
    model = StagedModel(spec, module, torch.device("cpu"), "random:0")
    images = torch.rand(3, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    own = model.logits(images).double()
    mapped = torch.from_numpy(MAPS["imagenet1k", "imagenet16"])
    probabilities = own.softmax(1)[:, mapped >= 0]
    expected = torch.zeros(3, 16, dtype=torch.float64)
    expected.index_add_(1, mapped[mapped >= 0], probabilities)
    expected /= expected.sum(1, keepdim=True)
    coarse = model.answering_in("imagenet16")
    found = coarse.logits(images).double().softmax(1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    assert coarse.spec.labels == "imagenet16"
    assert model.answering_in("imagenet1k") is model
    torch.testing.assert_close(model.logits(images).double(), own)
    with pytest.raises(ItemError, match="imagenet1k cannot be read as digits"):
        model.answering_in("digits")
