"""ViT-L/16 against the table of Feather et al. 2023, Supplementary Note 2."""

import pytest

from bench.models.weights import fill

TOKENS = ((197, 1024), 201728)
TABLE = [
    ("patch_embed", (196, 1024), 200704),
    ("pos_embed", *TOKENS),
    *((f"block_{k}", *TOKENS) for k in range(23)),
    ("blocks_end", *TOKENS),
    ("final", (1000,), 1000),
]


@pytest.fixture(scope="module")
def spec(family):
    return family("vit").models.get("vision_transformer_vit_large_patch16_224")


def test_stages_are_those_of_the_table(spec, table):
    assert table(spec) == TABLE


def test_metamers_are_made_where_the_paper_made_them(spec, modified_relus, published):
    entry = published[spec.id]
    made = [name for name in spec.stages if spec.stage(name).synthesis]
    assert ["input_after_preproc", *made] == entry["stages"]
    assert modified_relus(spec) == entry["stages_with_modified_relu"] == []
    assert list(spec.input.mean) == entry["preprocess_mean"]
    assert list(spec.input.std) == entry["preprocess_std"]
    assert spec.accuracy == pytest.approx(entry["top1_accuracy_percent"] / 100)


def test_network_and_weights_are_timms(spec, skeleton):
    import timm

    official = timm.get_pretrained_cfg("vit_large_patch16_224.augreg_in21k_ft_in1k")
    assert f"/{official.hf_hub_id}/" in spec.weights["default"].url
    module = skeleton(spec).module
    assert sum(p.numel() for p in module.parameters()) == 304326632


@pytest.mark.parametrize("prefix", ["", "module.", "module.model.", "model.module."])
def test_a_checkpoint_is_accepted_however_it_was_wrapped(spec, skeleton, prefix):
    module = skeleton(spec).module
    state = {prefix + key: value for key, value in module.state_dict().items()}
    fill(module, state, spec.weights["default"], spec.id)
