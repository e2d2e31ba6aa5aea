"""Robust networks: the paper's, the 25 of its final-stage experiment, RobustBench's."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import EntryPoint
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from bench.errors import BenchError
from bench.models.load import load_spec
from bench.models.weights import fill
from bench.plugins import Plugins
from bench.spec import ModelSpec
from bench_plugins.robust.robustbench_names import BOARDS


@pytest.fixture(scope="module")
def found() -> Plugins:
    return Plugins(found=[EntryPoint("robust", "bench_plugins.robust", "bench")])


def family(found: Plugins, name: str) -> list[ModelSpec]:
    return [spec for spec in found.models if spec.family == name]


def test_the_25_are_those_of_the_supplement(found: Plugins) -> None:
    specs = family(found, "robust-final")
    assert Counter(spec.id.split(":")[0] for spec in specs) == {
        "vits-robustness": 5,
        "robust-models-transfer": 16,
        "madrylab": 3,
        "fast_adversarial": 1,
    }
    transfer = [s for s in specs if s.id.startswith("robust-models-transfer")]
    assert Counter(spec.training for spec in transfer) == {
        "adversarial Linf 4/255": 3,
        "adversarial Linf 1/255": 3,
        "adversarial L2 3": 10,
    }
    assert all(list(spec.stages) == ["final"] for spec in specs)
    assert all(spec.weights["default"].url.startswith("https://") for spec in specs)


# Published sizes: https://docs.pytorch.org/vision/stable/models.html; those of
# timm: its model cards.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("robust-models-transfer:mnasnet_l2_eps3", 4_383_312),
        ("robust-models-transfer:mobilenet_l2_eps3", 3_504_872),
        ("robust-models-transfer:shufflenet_l2_eps3", 2_278_604),
        ("robust-models-transfer:densenet_l2_eps3", 28_681_000),
        ("robust-models-transfer:resnext50_32x4d_l2_eps3", 25_028_904),
        ("robust-models-transfer:resnet18_linf_eps1.0", 11_689_512),
        ("robust-models-transfer:wide_resnet50_2_linf_eps4.0", 68_883_240),
        ("vits-robustness:gelu_resnet50_linf_eps4", 25_557_032),
        ("vits-robustness:convnext_t_linf_eps4", 28_589_128),
        ("vits-robustness:xcit_s12_linf_eps4", 26_253_304),
        ("vits-robustness:xcit_m12_linf_eps4", 46_401_160),
    ],
)
def test_architectures_and_published_names(found: Plugins, name: str, parameters: int) -> None:
    spec = found.models.get(name)
    net = spec.build(None)
    assert sum(p.numel() for p in net.parameters()) == parameters
    wrapped = not name.startswith("robust-models-transfer:") or "resnet" in name
    prefix = "module.model." if wrapped else "module.model.model."
    state = {prefix + key: value for key, value in net.state_dict().items()}
    state["module.normalizer.new_std"] = torch.ones(3)
    fill(net, state, spec.weights["default"], spec.id)


def test_a_wide_resnet_of_factor_4_is_four_times_as_wide(found: Plugins) -> None:
    spec = found.models.get("robust-models-transfer:wide_resnet50_4_l2_eps3")
    with torch.device("meta"):
        net = spec.build(None)
    assert net.layer1[0].conv2.weight.shape == (256, 256, 3, 3)
    assert net.layer4[2].conv3.weight.shape == (2048, 2048, 1, 1)


def test_the_gelu_network_has_no_relu(found: Plugins) -> None:
    net = found.models.get("vits-robustness:gelu_resnet50_linf_eps4").build(None)
    assert not [m for m in net.modules() if isinstance(m, nn.ReLU)]
    x = torch.linspace(-3, 3, 7)
    gaussian = x * (1 + torch.erf(x / 2**0.5)) / 2
    torch.testing.assert_close(net.act1(x.clone()), gaussian)
    torch.testing.assert_close(net.layer3[1].act2(x.clone()), gaussian)


def test_names_of_the_original_xcit_are_turned_into_timms(found: Plugins) -> None:
    spec = found.models.get("vits-robustness:xcit_s12_linf_eps4")
    net = spec.build(None)
    original = {}
    for key, value in net.state_dict().items():
        original[key.replace("pos_embed.", "pos_embeder.")] = value
    for i in range(2):  # the original computes queries, keys and values of class attention at once
        block = f"cls_attn_blocks.{i}.attn."
        for kind in ("weight", "bias"):
            three = [original.pop(f"{block}{part}.{kind}") for part in "qkv"]
            original[f"{block}qkv.{kind}"] = torch.cat(three)
    fill(net, original, spec.weights["default"], spec.id)


def test_networks_of_the_paper_say_where_their_weights_are(found: Plugins) -> None:
    specs = family(found, "robust")
    assert len(specs) == 9
    fetched = {s.id for s in specs if s.weights["default"].url}
    assert fetched == {"resnet50_l2_3_robust", "resnet50_linf_4_robust", "resnet50_linf_8_robust"}
    for spec in specs:
        if spec.id not in fetched:
            with pytest.raises(BenchError, match="inside an archive"):
                load_spec(spec, "default", "cpu")


def test_who_trained_a_network_is_named(found: Plugins) -> None:
    """Supplementary Modeling Note 1: three ResNet-50 are the robustness library's."""
    referred = {s.id: s.reference for s in family(found, "robust")}
    librarys = {name for name, reference in referred.items() if "Engstrom et al. 2019" in reference}
    assert librarys == {"resnet50_l2_3_robust", "resnet50_linf_4_robust", "resnet50_linf_8_robust"}
    assert all("Feather et al. 2023" in reference for reference in referred.values())


# Ids as the supplement lists the networks (Supplementary Modeling Note 1).
@pytest.mark.parametrize(
    "name",
    [
        "vits-robustness:xcit_s12_linf_eps4",
        "vits-robustness:xcit_m12_linf_eps4",
        "vits-robustness:xcit_l12_linf_eps4",
        "vits-robustness:convnext_t_linf_eps4",
        "vits-robustness:gelu_resnet50_linf_eps4",
        "robust-models-transfer:resnet18_linf_eps4.0",
        "robust-models-transfer:resnet50_linf_eps4.0",
        "robust-models-transfer:wide_resnet50_2_linf_eps4.0",
        "robust-models-transfer:resnet18_linf_eps1.0",
        "robust-models-transfer:resnet50_linf_eps1.0",
        "robust-models-transfer:wide_resnet50_2_linf_eps1.0",
        "robust-models-transfer:resnet18_l2_eps3",
        "robust-models-transfer:resnet50_l2_eps3",
        "robust-models-transfer:wide_resnet50_2_l2_eps3",
        "robust-models-transfer:wide_resnet50_4_l2_eps3",
        "robust-models-transfer:densenet_l2_eps3",
        "robust-models-transfer:mnasnet_l2_eps3",
        "robust-models-transfer:mobilenet_l2_eps3",
        "robust-models-transfer:resnext50_32x4d_l2_eps3",
        "robust-models-transfer:shufflenet_l2_eps3",
        "robust-models-transfer:vgg16_bn_l2_eps3",
        "madrylab:resnet50_l2_eps3",
        "madrylab:resnet50_linf_eps4",
        "madrylab:resnet50_linf_eps8",
        "fast_adversarial:resnet50_linf_eps4",
    ],
)
def test_the_final_stage_is_the_1000_logits(found: Plugins, table, name: str) -> None:
    assert table(found.models.get(name)) == [("final", (1000,), 1000)]


def test_every_robustbench_network_has_a_name_of_its_own(found: Plugins) -> None:
    specs = family(found, "robustbench")
    assert len(specs) == sum(len(names) for names in BOARDS.values()) == 156
    ids = {spec.id for spec in specs}
    assert "robustbench:Salman2020Do_R50" in ids
    assert {"robustbench:Standard:cifar10-L2", "robustbench:Standard:cifar10-Linf"} < ids
    assert not found.broken
    sizes = Counter((spec.labels, spec.input.size_px) for spec in specs)
    assert sizes == {("cifar10", 32): 114, ("imagenet1k", 224): 41, ("imagenet1k", 288): 1}


@pytest.mark.skipif(find_spec("robustbench") is not None, reason="robustbench is installed")
def test_without_the_package_the_error_says_what_to_install(found: Plugins) -> None:
    with pytest.raises(BenchError, match=r"pip install metamer-bench\[robustbench\]"):
        load_spec(found.models.get("robustbench:Salman2020Do_R50"), None, "cpu")


@pytest.mark.skipif(find_spec("robustbench") is None, reason="needs the extra robustbench")
class TestInstalled:
    """With the package."""

    def test_the_names_are_the_packages(self) -> None:
        from bench.compat.robustbench import import_robustbench

        import_robustbench()
        from robustbench.model_zoo import model_dicts

        packaged = {
            (dataset.value, threat.value): tuple(names)
            for dataset, boards in model_dicts.items()
            if dataset.value in ("imagenet", "cifar10")
            for threat, names in boards.items()
        }
        assert packaged == BOARDS

    @pytest.mark.parametrize(
        "name",
        [
            "Salman2020Do_R18",
            "Standard_R50:imagenet-Linf",
            "Rice2020Overfitting:cifar10-L2",
            "Debenedetti2022Light_XCiT-S12:cifar10-Linf",
        ],
    )
    def test_untrained_networks_run(self, found: Plugins, name: str) -> None:
        model = load_spec(found.models.get(f"robustbench:{name}"), None, "cpu")
        side = model.spec.input.size_px
        classes = 10 if model.spec.labels == "cifar10" else 1000
        assert model.logits(torch.rand(2, 3, side, side)).shape == (2, classes)
