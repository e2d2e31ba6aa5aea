"""Any model of timm or torchvision by its name, with stages found automatically."""

import pytest
import torch

from bench.errors import BenchError, ItemError, UnknownName
from bench.models.load import load_spec
from bench.plugins import ModelSource, Plugins
from bench.spec import ImageInput, ModelSpec
from bench.testing import check_model

# From the networks' published designs: the end of each block, and the head.
STAGES = {
    "timm:resnet18": [
        "act1", "layer1", "layer2", "layer3", "layer4", "global_pool", "final"
    ],
    "timm:vit_tiny_patch16_224": ["patch_embed", *(f"blocks.{k}" for k in range(12)), "final"],
    "timm:convnext_atto": ["stem", *(f"stages.{k}" for k in range(4)), "final"],
    # blocks that return more than a tensor: a class token, a second branch
    "timm:pit_ti_224": ["patch_embed", *(f"transformers.{k}" for k in range(3)), "final"],
    "timm:crossvit_tiny_240": [
        "patch_embed.0", "patch_embed.1", *(f"blocks.{k}" for k in range(3)), "final"
    ],
    "torchvision:alexnet": [
        "features.1", "features.4", "features.7", "features.9", "features.11", "avgpool",
        "classifier.2", "classifier.5", "final",
    ],
    "torchvision:vit_b_16": [
        *(f"encoder.layers.encoder_layer_{k}" for k in range(12)), "final"
    ],
    # built on the CPU: its builder copies parameters, which the meta device cannot
    "torchvision:regnet_y_400mf": [
        "stem.2", *(f"trunk_output.block{k}" for k in range(1, 5)), "avgpool", "final"
    ],
}  # fmt: skip


@pytest.fixture
def plugins(family):
    return family("generic")


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_block_ends_and_the_head(plugins, name):
    assert list(plugins.model(name).stages) == STAGES[name]


@pytest.mark.parametrize("name", ["timm:convnext_atto", "timm:pit_ti_224"])
def test_a_described_model_passes_every_check(plugins, name):
    assert check_model(plugins.model(name)).problems == []


def test_of_several_tensors_the_images_own_is_picked(plugins, skeleton):
    """PiT: Heo et al. 2021, table 1 (27, 14 and 7 positions; 64, 128 and 256 channels).

    TNT: Han et al. 2021; its blocks return words first, 196 times 16 an image, then sentences.
    """
    images = torch.empty(2, 3, 224, 224, device="meta")

    def shapes(name, stages):
        found = skeleton(plugins.model(name)).activations(images, stages)
        return [tuple(value.shape) for value in found.values()]

    sides = [(2, 64, 27, 27), (2, 128, 14, 14), (2, 256, 7, 7)]
    assert shapes("timm:pit_ti_224", [f"transformers.{k}" for k in range(3)]) == sides
    assert shapes("timm:tnt_s_patch16_224", ["blocks.0", "blocks.11"]) == [(2, 197, 384)] * 2


def test_what_does_not_depend_on_the_images_is_no_stage(plugins):
    stages = plugins.model("timm:xcit_nano_12_p16_224").stages
    assert "pos_embed" not in stages
    assert len(stages) > 12


def test_preprocessing_is_the_librarys(plugins):
    vit = plugins.model("timm:vit_tiny_patch16_224").input
    assert (vit.size_px, vit.mean, vit.std) == (224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    tall = plugins.model("torchvision:efficientnet_b1").input
    assert tall.size_px == 240
    assert tall.mean == (0.485, 0.456, 0.406)
    assert tall.interpolation == "bilinear"


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_a_checkpoint_of_ones_own_is_shown_what_the_published_one_is(plugins, name):
    """torchvision sets `transform_input` only when it loads the published weights itself."""
    network = plugins.model(f"torchvision:{name}").build(None)
    assert network.transform_input is True


def test_networks_are_built_at_the_size_of_their_weights(plugins, skeleton):
    """ViT-H/14: Dosovitskiy et al. 2021; its default weights are at 518 px: 37 x 37 patches."""
    spec = plugins.model("torchvision:vit_h_14")
    assert spec.input.size_px == 518
    stage = "encoder.layers.encoder_layer_31"
    found = skeleton(spec).activations(torch.empty(1, 3, 518, 518, device="meta"), [stage])
    assert tuple(found[stage].shape) == (1, 37 * 37 + 1, 1280)


def test_it_agrees_with_the_plugin_written_by_hand(plugins, family):
    by_hand = family("torchvision").models.get("alexnet")
    model = load_spec(plugins.model("torchvision:alexnet"), None, "cpu")
    own = load_spec(by_hand, None, "cpu")
    x = torch.rand(1, 3, 224, 224)
    torch.testing.assert_close(model.logits(x), own.logits(x))


def test_names_are_listed_once_asked_for(plugins):
    assert len(plugins.models) == 0
    assert [source.id for source in plugins.sources] == ["timm", "torchvision"]
    spec = plugins.model("timm:resnet18")
    assert plugins.model("TIMM:ResNet18") is spec
    assert [known.id for known in plugins.models] == ["timm:resnet18"]
    assert plugins.models.origin("timm:resnet18") == "generic"


def test_unknown_names_and_other_classes_are_explained(plugins):
    with pytest.raises(UnknownName, match=r"no model 'resnet18x' \(did you mean timm:resnet18"):
        plugins.model("timm:resnet18x")
    with pytest.raises(UnknownName, match="did you mean torchvision:resnet18"):
        plugins.model("torchvision:resnet-18")
    with pytest.raises(UnknownName, match="no model is called 'nobody:resnet18'"):
        plugins.model("nobody:resnet18")
    with pytest.raises(BenchError, match="21843 outputs"):
        plugins.model("timm:vit_tiny_patch16_224.augreg_in21k")


def test_a_missing_network_is_one_line(plugins, monkeypatch):
    import timm

    spec = plugins.model("timm:resnet18")

    def offline(*args, **options):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(BenchError, match=r"timm:resnet18: its weights could not be fetched.*known"):
        load_spec(spec, "default", "cpu")


def test_a_source_of_another_plugin_may_fail_by_itself():
    plugins = Plugins([])

    def describe(name):
        raise ItemError(f"model {name}: the catalogue is gone")

    plugins.sources.add(ModelSource(id="lab", describe=describe), "lab")
    with pytest.raises(ItemError, match="lab:net: the catalogue is gone"):
        plugins.model("lab:net")


def test_a_source_never_hides_a_registered_model():
    plugins = Plugins([])
    spec = ModelSpec(
        id="lab:net",
        family="lab",
        build=lambda weights: torch.nn.Identity(),
        input=ImageInput(size_px=8),
        labels="digits",
        stages={"final": ""},
    )
    plugins.models.add(spec, "lab")
    plugins.sources.add(ModelSource(id="lab", describe=pytest.fail), "other")
    assert plugins.model("lab:net") is spec
