"""Semi-weakly supervised ResNets against Feather et al. 2023, Supplementary Note 2."""

import pytest

from bench.models.weights import fill

SHAPES = [
    ((64, 112, 112), 802816),
    ((256, 56, 56), 802816),
    ((512, 28, 28), 401408),
    ((1024, 14, 14), 200704),
    ((2048, 7, 7), 100352),
    ((2048, 1, 1), 2048),
    ((1000,), 1000),
]
BLOCKS = ["conv1_relu1", "layer1", "layer2", "layer3", "layer4"]
# The pooling stage of the ResNeXt is `avgpool` in the table and `globalpool` in the code.
STAGES = {
    "SWSL_resnet50": [*BLOCKS, "avgpool", "final"],
    "SWSL_resnext101_32x8d": [*BLOCKS, "globalpool", "final"],
}
TIMM = {
    "SWSL_resnet50": ("resnet50.fb_swsl_ig1b_ft_in1k", 25557032),
    "SWSL_resnext101_32x8d": ("resnext101_32x8d.fb_swsl_ig1b_ft_in1k", 88791336),
}


@pytest.fixture(scope="module")
def models(family):
    return family("swsl").models


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_those_of_the_paper(models, table, name):
    expected = [
        (stage, shape, count) for stage, (shape, count) in zip(STAGES[name], SHAPES, strict=True)
    ]
    assert table(models.get(name)) == expected


@pytest.mark.parametrize("name", STAGES)
def test_the_description_is_the_published_one(models, modified_relus, published, name):
    spec, entry = models.get(name), published[name]
    assert ["input_after_preproc", *spec.stages] == entry["stages"]
    assert modified_relus(spec) == entry["stages_with_modified_relu"]
    assert list(spec.input.mean) == entry["preprocess_mean"]
    assert list(spec.input.std) == entry["preprocess_std"]
    assert spec.accuracy == pytest.approx(entry["top1_accuracy_percent"] / 100)


@pytest.mark.parametrize("name", STAGES)
def test_network_and_weights_are_timms(models, skeleton, name):
    import timm

    tag, parameters = TIMM[name]
    spec = models.get(name)
    assert spec.weights["default"].url == timm.get_pretrained_cfg(tag).url
    module = skeleton(spec).module
    assert sum(p.numel() for p in module.parameters()) == parameters


@pytest.mark.parametrize("prefix", ["", "module.", "module.model.", "model.module."])
def test_a_checkpoint_is_accepted_however_it_was_wrapped(models, skeleton, prefix):
    spec = models.get("SWSL_resnet50")
    module = skeleton(spec).module
    state = {prefix + key: value for key, value in module.state_dict().items()}
    fill(module, state, spec.weights["default"], spec.id)
