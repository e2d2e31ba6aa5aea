"""CLIP's encoders against Feather et al. 2023, Supplementary Note 2, and against open_clip."""

import logging

import pytest
import torch

from bench.errors import BenchError
from bench.models.load import load_spec

open_clip = pytest.importorskip("open_clip", reason="needs pip install metamer-bench[clip]")

RESNET = [
    ("stem", (64, 56, 56), 200704),
    ("layer1", (256, 56, 56), 802816),
    ("layer2", (512, 28, 28), 401408),
    ("layer3", (1024, 14, 14), 200704),
    ("layer4", (2048, 7, 7), 100352),
    ("attnpool", (1024,), 1024),
    ("final", (1000,), 1000),
]
TOKENS = ((50, 768), 38400)
TRANSFORMER = [
    ("conv1", (768, 7, 7), 37632),
    ("class_embedding_cat", *TOKENS),  # `class_embedding` in the table
    ("ln_pre", *TOKENS),
    ("block_0", *TOKENS),
    ("block_3", *TOKENS),
    ("block_6", *TOKENS),
    ("block_9", *TOKENS),
    ("blocks_end", *TOKENS),
    ("linear_end", (512,), 512),
    ("final", (1000,), 1000),
]
TABLES = {"CLIP_resnet50": RESNET, "CLIP_ViT-B_32": TRANSFORMER}
ARCHITECTURES = {"CLIP_resnet50": "RN50-quickgelu", "CLIP_ViT-B_32": "ViT-B-32-quickgelu"}


@pytest.fixture(scope="module")
def models(family):
    return family("clip").models


def small(seed=0, **vision):
    """A whole CLIP with real vocabulary and context, otherwise tiny."""
    torch.manual_seed(seed)
    model = open_clip.CLIP(
        embed_dim=16,
        vision_cfg={"image_size": 64, "layers": 2, "width": 64, "patch_size": 32, **vision},
        text_cfg={"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
        quick_gelu=True,
    )
    return model.eval()


@pytest.mark.parametrize("name", TABLES)
def test_stages_are_those_of_the_paper(models, table, name):
    assert table(models.get(name)) == TABLES[name]


@pytest.mark.parametrize("name", TABLES)
def test_the_description_is_the_published_one(models, modified_relus, published, name):
    spec, entry = models.get(name), published[name]
    own = [stage for stage in spec.stages if stage != "linear_end"]
    assert ["input_after_preproc", *own] == entry["stages"]
    assert modified_relus(spec) == entry["stages_with_modified_relu"]
    assert list(spec.input.mean) == entry["preprocess_mean"]
    assert list(spec.input.std) == entry["preprocess_std"]
    assert spec.accuracy == pytest.approx(entry["top1_accuracy_percent"] / 100)


@pytest.mark.parametrize("name", TABLES)
def test_only_the_logits_are_not_for_synthesis(models, name):
    spec = models.get(name)
    assert [stage for stage in spec.stages if not spec.stage(stage).synthesis] == ["final"]


@pytest.mark.parametrize("name", TABLES)
def test_weights_are_openais(models, name):
    repository = open_clip.get_pretrained_cfg(ARCHITECTURES[name], "openai")["hf_hub"]
    if not repository:
        pytest.skip("this version of open_clip fetches OpenAI's pickled file only")
    assert f"huggingface.co/{repository.rstrip('/')}/" in models.get(name).weights["default"].url


def test_taking_the_transformer_apart_changes_nothing():
    from bench_plugins.clip.networks import ZeroShotTransformer

    whole = small()
    model = ZeroShotTransformer(whole.visual, torch.zeros(3, 16)).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model.features(x), whole.encode_image(x))


def test_logits_are_scaled_cosines():
    from bench_plugins.clip.networks import ZeroShot

    features = torch.tensor([[3.0, 4.0], [0.0, -2.0]])
    model = ZeroShot(torch.nn.Identity(), torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    expected = 100 * torch.tensor([[0.6, 0.8], [0.0, -1.0]])
    torch.testing.assert_close(model(features), expected)


def test_the_head_is_open_clips():
    from bench_plugins.clip.zero_shot import class_directions, sentences

    whole, names = small(), ["tench", "great white shark", "goldfish", "hen", "fire salamander"]
    templates = open_clip.OPENAI_IMAGENET_TEMPLATES
    assert len(templates) == 80
    assert len(open_clip.IMAGENET_CLASSNAMES) == 1000
    expected = open_clip.build_zero_shot_classifier(
        whole, open_clip.tokenize, names, templates, num_classes_per_batch=1
    )
    found = class_directions(whole, sentences(names, templates))
    torch.testing.assert_close(found, expected.T, atol=1e-5, rtol=0)


def test_a_checkpoint_becomes_encoder_and_head_once(models, monkeypatch):
    from bench_plugins.clip import zero_shot
    from bench_plugins.clip.networks import ZeroShotTransformer

    monkeypatch.setattr(zero_shot, "empty_clip", lambda name: small(seed=5))
    monkeypatch.setattr(open_clip, "IMAGENET_CLASSNAMES", ["tench", "hen"])
    monkeypatch.setattr(open_clip, "OPENAI_IMAGENET_TEMPLATES", (str.upper, str.title))
    whole = small(seed=1)
    adapt = models.get("CLIP_ViT-B_32").weights["default"].adapt
    state = adapt(whole.state_dict())

    network = ZeroShotTransformer(small(seed=2).visual, torch.zeros(2, 16)).eval()
    network.load_state_dict(state, strict=True)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        features = torch.nn.functional.normalize(whole.encode_image(x), dim=-1)
        texts = whole.encode_text(open_clip.tokenize(["TENCH", "Tench", "HEN", "Hen"]), True)
        means = torch.nn.functional.normalize(texts.view(2, 2, -1).mean(dim=1), dim=-1)
        expected = whole.logit_scale.exp() * features @ means.T
        torch.testing.assert_close(network(x), expected, atol=1e-4, rtol=0)

    def again(*args):
        raise AssertionError("the head is in the cache")

    monkeypatch.setattr(zero_shot, "class_directions", again)
    assert torch.equal(adapt(whole.state_dict())["head"], state["head"])
    sizes = {"input_resolution": 64, "context_length": 77, "vocab_size": 49408}  # in OpenAI's file
    told = {name: torch.tensor(value) for name, value in sizes.items()}
    assert torch.equal(adapt({**whole.state_dict(), **told})["head"], state["head"])
    assert adapt(state) is state  # what was saved from the adapted network


def test_a_foreign_checkpoint_is_refused(models):
    adapt = models.get("CLIP_resnet50").weights["default"].adapt
    with pytest.raises(BenchError, match="RN50-quickgelu"):
        adapt({"conv1.weight": torch.zeros(1)})


def test_random_weights_are_seeded_and_silent(models, caplog):
    spec = models.get("CLIP_ViT-B_32")
    with caplog.at_level(logging.WARNING):
        first, second = (load_spec(spec, None, "cpu", seed=4).module for _ in range(2))
    assert not caplog.records
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(first(x), second(x))
    torch.testing.assert_close(first.head.norm(dim=1), torch.ones(1000))
