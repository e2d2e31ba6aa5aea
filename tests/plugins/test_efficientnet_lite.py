"""EfficientNet-Lite: the packages' real weights in timm's network."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import BenchError
from bench.labels.spaces import MAPS, decide
from bench.models.load import load_spec
from bench.models.reading import read_state
from bench.stimuli.images import ImageFiles, Preparation, inspect
from bench.testing import check_model

# Tan & Le 2019, table 1, without the scaling of stem and head that the Lite variants leave out:
# channels of the stem, the seven blocks and the head, and by how much each shrinks the image.
CHANNELS = (32, 16, 24, 40, 80, 112, 192, 320, 1280)
STRIDES = (2, 2, 4, 8, 16, 16, 32, 32, 32)
NAMES = ("stem", *(f"block_{k}" for k in range(7)), "head")
SIZES = {0: 224, 1: 240, 2: 260}
# Lite 2 alone is wider: a factor of 1.1, rounded to multiples of 8.
WIDER = (32, 16, 24, 48, 88, 120, 208, 352, 1280)


def expected_table(number):
    channels = WIDER if number == 2 else CHANNELS
    rows = []
    for name, width, stride in zip(NAMES, channels, STRIDES, strict=True):
        side = -(-SIZES[number] // stride)  # TensorFlow's "same" padding rounds up
        rows.append((name, (width, side, side), width * side * side))
    return [*rows, ("avgpool", (1280, 1, 1), 1280), ("final", (1000,), 1000)]


@pytest.fixture(scope="module")
def models(family):
    return family("efficientnet_lite").models


def spec_of(models, number):
    spec = models.get(f"efficientnet_lite{number}")
    if missing := spec.missing_packages():
        pytest.skip(f"needs pip install {' '.join(missing)}")
    return spec


@pytest.mark.parametrize("number", SIZES)
def test_stages(models, table, modified_relus, number):
    spec = spec_of(models, number)
    assert spec.input.size_px == SIZES[number]
    assert table(spec) == expected_table(number)
    assert modified_relus(spec) == []  # activations are ReLU6


@pytest.mark.parametrize("number", SIZES)
def test_outputs_are_those_of_the_packages_own_network(models, number):
    spec = spec_of(models, number)
    reason = "needs pip install efficientnet-lite-pytorch"
    theirs = pytest.importorskip("efficientnet_lite_pytorch", reason=reason)
    network = theirs.EfficientNet.from_name(f"efficientnet-lite{number}")
    network.load_state_dict(read_state(spec.weights["default"].file))
    model = load_spec(spec, "default", "cpu")
    x = torch.rand(2, 3, SIZES[number], SIZES[number], generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = network.eval()((x * 255 - 127) / 128)
    torch.testing.assert_close(model.logits(x), expected, atol=1e-4, rtol=1e-4)


def test_lite0_passes_every_check(models):
    assert check_model(spec_of(models, 0), "default").problems == []


def test_timms_own_checkpoint_loads_by_name(models, tmp_path):
    spec = spec_of(models, 0)
    state = load_spec(spec, "default", "cpu").module.state_dict()
    path = tmp_path / "timm.pth"
    torch.save(dict(reversed(state.items())), path)  # by name, whatever the order
    loaded = load_spec(spec, path, "cpu").module.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    torch.save(dict(list(state.items())[:-1]), path)
    with pytest.raises(BenchError, match="efficientnet_lite0: the weights do not fit"):
        load_spec(spec, path, "cpu")


def test_lite0_knows_real_photographs(models, shared):
    spec, sample = spec_of(models, 0), shared / "data/imagenet-sample"
    with (sample / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    files = [inspect(sample / row["file"], row["file"]) for row in rows]
    own = Preparation(224, 224 + 32, Image.Resampling.BICUBIC)
    images = torch.as_tensor(ImageFiles(files, own)[:])
    model = load_spec(spec, "default", "cpu")
    logits = torch.cat([model.logits(part) for part in images.split(32)]).numpy()
    truth = np.array([int(row["class_index"]) for row in rows])
    assert (logits.argmax(axis=1) == truth).mean() == pytest.approx(0.91, abs=0.01)
    by_category = decide(logits, "imagenet1k", "imagenet16")
    right = by_category == MAPS["imagenet1k", "imagenet16"][truth]
    assert right.mean() == pytest.approx(0.995, abs=0.005)
