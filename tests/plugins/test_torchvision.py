"""torchvision's networks against the tables of Feather et al. 2023, Supplementary Note 2."""

import pytest
import torch

from bench.models.load import load_spec
from bench.testing import check_model

ALEXNET = [
    ("relu0", (64, 55, 55), 193600),
    ("relu1", (192, 27, 27), 139968),
    ("relu2", (384, 13, 13), 64896),
    ("relu3", (256, 13, 13), 43264),
    ("relu4", (256, 13, 13), 43264),
    ("fc0_relu", (4096,), 4096),
    ("fc1_relu", (4096,), 4096),
    ("final", (1000,), 1000),
]
VGG_19 = [
    ("conv_relu_0_1", (64, 224, 224), 3211264),
    ("conv_relu_1_1", (128, 112, 112), 1605632),
    ("conv_relu_2_3", (256, 56, 56), 802816),
    ("conv_relu_3_3", (512, 28, 28), 401408),
    ("conv_relu_4_3", (512, 14, 14), 100352),
    ("avgpool", (512, 7, 7), 25088),
    ("fc_relu_0", (4096,), 4096),
    ("fc_relu_1", (4096,), 4096),
    ("final", (1000,), 1000),
]
RESNET = [  # ResNet50 and ResNet101 have the same shapes
    ("conv1_relu1", (64, 112, 112), 802816),
    ("layer1", (256, 56, 56), 802816),
    ("layer2", (512, 28, 28), 401408),
    ("layer3", (1024, 14, 14), 200704),
    ("layer4", (2048, 7, 7), 100352),
    ("avgpool", (2048, 1, 1), 2048),
    ("final", (1000,), 1000),
]
TABLES = {"alexnet": ALEXNET, "vgg_19": VGG_19, "resnet50": RESNET, "resnet101": RESNET}
WEIGHTS = {
    "alexnet": "AlexNet_Weights",
    "vgg_19": "VGG19_Weights",
    "resnet50": "ResNet50_Weights",
    "resnet101": "ResNet101_Weights",
}
PARAMETERS = {  # torchvision's documentation
    "alexnet": 61100840,
    "vgg_19": 143667240,
    "resnet50": 25557032,
    "resnet101": 44549160,
}


@pytest.fixture(scope="module")
def models(family):
    return family("torchvision").models


@pytest.mark.parametrize("name", TABLES)
def test_stages_are_those_of_the_paper(models, table, name):
    assert table(models.get(name)) == TABLES[name]


@pytest.mark.parametrize("name", TABLES)
def test_the_description_is_the_published_one(models, modified_relus, published, name):
    spec, entry = models.get(name), published[name]
    assert ["input_after_preproc", *spec.stages] == entry["stages"]
    assert modified_relus(spec) == entry["stages_with_modified_relu"]
    assert list(spec.input.mean) == entry["preprocess_mean"]
    assert list(spec.input.std) == entry["preprocess_std"]
    assert [3, spec.input.size_px, spec.input.size_px] == entry["input_shape"]
    assert spec.accuracy == pytest.approx(entry["top1_accuracy_percent"] / 100)


@pytest.mark.parametrize("name", TABLES)
def test_weights_are_torchvisions_first_imagenet_weights(models, skeleton, name):
    from torchvision.models import get_weight

    spec = models.get(name)
    official = get_weight(f"{WEIGHTS[name]}.IMAGENET1K_V1")
    ours = spec.weights["default"]
    assert ours.url == official.url
    assert ours.sha256.startswith(official.url.removesuffix(".pth").rsplit("-", 1)[1])
    module = skeleton(spec).module
    assert sum(p.numel() for p in module.parameters()) == PARAMETERS[name]


def test_alexnet_passes_every_check(models):
    assert check_model(models.get("alexnet")).problems == []


def test_a_published_checkpoint_loads_under_its_own_names(models, tmp_path):
    spec = models.get("resnet50")
    state = load_spec(spec, None, "cpu", seed=1).module.state_dict()
    published = {f"module.model.{name}": value for name, value in state.items()}
    published |= {f"module.attacker.model.{name}": value for name, value in state.items()}
    published["module.normalizer.new_mean"] = torch.zeros(3, 1, 1)
    path = tmp_path / "checkpoint.pt"
    torch.save({"model": published, "epoch": 3}, path)
    loaded = load_spec(spec, path, "cpu").module.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
