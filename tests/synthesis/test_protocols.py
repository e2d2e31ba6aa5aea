"""The published constants, and how protocols are changed, named, read and refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from bench.errors import BenchError, UnknownName
from bench.spec import AudioInput, ImageInput
from bench.synthesis.named import PROTOCOLS
from bench.synthesis.protocols import Protocol, read_protocol

IMAGES = ImageInput(size_px=8, mean=(0.5,), std=(0.5,))
SOUNDS = AudioInput(rate_hz=20_000, samples=100)


def test_feather2023_is_the_papers() -> None:
    """Methods: 8 x 3,000 steps, step 1 halved each time, noise 0.5 + 0.05 N(0, 1) in [0, 1]."""
    p = Protocol.named("feather2023")
    assert (p.total_steps, p.optimizer, p.keep) == (24_000, "normalized", "last")
    assert p.modified_relu
    assert p.exact
    ends = [p.step_at(3000 * i) for i in range(8)] + [p.step_at(2999), p.step_at(23_999)]
    assert ends == [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1, 1 / 128]
    assert dataclasses.astuple(p.start_for(IMAGES))[:4] == (0.5, 0.05, 0, 1)
    assert dataclasses.astuple(p.start_for(SOUNDS))[:4] == (0, 1e-7, -1, 1)


def test_hand_made_models_start_from_their_own_noise() -> None:
    """Supplement and submit scripts: HMAX 127.5 + 10 N in 0..255, step 255; Spectemp 1e-5 N."""
    hmax, spectemp = (Protocol.named(f"feather2023-{name}") for name in ("hmax", "spectemp"))
    start = hmax.start_for(IMAGES)
    assert 255 * start.mean == pytest.approx(127.5)
    assert 255 * start.std == pytest.approx(10)
    assert (255 * hmax.step_size, 255 * start.high) == (255, 255)
    assert spectemp.start_for(SOUNDS).std == 1e-5


def test_adam_of_the_supplement() -> None:
    """Supplementary Figure 1: 0.001, decaying by 0.95 in 1,000 steps, 15,000 steps."""
    p = Protocol.named("feather2023-adam")
    assert (p.optimizer, p.total_steps) == ("adam", 15_000)
    assert p.step_at(0) == p.step_at(999) == 0.001
    assert p.step_at(14_000) == pytest.approx(0.001 * 0.95**14)


def test_nanda2023_is_gradient_descent_of_rate_a_tenth_from_normal_noise() -> None:
    p = Protocol.named("nanda2023")
    assert (p.optimizer, p.step_size, p.regulariser) == ("sgd", 0.1, None)
    assert dataclasses.astuple(p.image_start)[:2] == (0, 1)
    assert not p.image_start.clipped


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=lambda p: p.name)
def test_a_protocol_goes_into_a_content_key(protocol: Protocol) -> None:
    assert json.loads(json.dumps(dataclasses.asdict(protocol), allow_nan=False))
    assert protocol.source


def test_every_field_that_determines_a_result_is_in_the_key() -> None:
    keys = {json.dumps(dataclasses.asdict(p), sort_keys=True) for p in PROTOCOLS.values()}
    assert len(keys) == len(PROTOCOLS)
    exact = Protocol.named("feather2023")
    assert dataclasses.asdict(exact.replace(exact=False))["exact"] is False


def test_a_changed_protocol_says_so_in_its_name() -> None:
    p = Protocol.named("feather2023")
    assert p.replace(steps=3000) is p
    assert p.replace(steps=100).name == "feather2023+steps=100"
    assert p.replace(steps=50).replace(steps=100) == p.replace(steps=100)
    assert p.replace(steps=100, repetitions=2).name == "feather2023+repetitions=2+steps=100"
    assert p.replace(steps=100).replace(steps=3000) == p
    blurred = p.replace(regulariser={"blur": 0.5})
    assert blurred.regulariser.blur == 0.5
    assert blurred.name != p.replace(regulariser={"blur": 0.6}).name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stepps": 5}, ("stepps", "steps")),
        ({"steps": "many"}, ("steps", "integer")),
        ({"steps": 0}, ("steps",)),
        ({"optimizer": "lion"}, ("optimizer", "adam")),
        ({"regulariser": {"tvv": 1}}, ("tvv",)),
        ({"subsets": {"kind": "random", "every": 5, "until": 5000}}, ("until", "never")),
        ({"subsets": {"kind": "random", "every": 0}}, ("every",)),
        ({"betas": (1.0, 0.9)}, ("betas",)),
        ({"stop": {"spearman": 0.9, "snr_db": 20}, "keep": "best"}, ("stop", "best")),
        ({"transforms": {"scale": 1.5}}, ("factors",)),
        ({"image_start": {"mean": 0, "std": 1, "low": 1, "high": 0}}, ("low",)),
        ({"name": "mine"}, ("name",)),
    ],
)
def test_a_wrong_change_is_one_line(changes: dict[str, object], words: tuple[str, ...]) -> None:
    with pytest.raises(BenchError) as caught:
        Protocol.named("feather2023").replace(**changes)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_unknown_protocol_offers_near_names() -> None:
    with pytest.raises(UnknownName, match="feather2023"):
        Protocol.named("feather2032")


def test_a_protocol_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "nanda2023"\nsteps = 50\n[regulariser]\nblur = 0.25\n[image_start]\n'
        "mean = 0\nstd = 0.01\nlow = 0\nhigh = 1\nclipped = false\n"
    )
    p = Protocol.named(str(path))
    assert (p.name, p.steps, p.optimizer, p.regulariser.blur) == ("mine", 50, "sgd", 0.25)
    assert p == read_protocol(path)
    assert p.replace(steps=60).name == "mine+steps=60"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stepz = 5", ("mine.toml", "stepz", "steps")),
        ("steps = ", ("mine.toml", "TOML")),
        ('base = "feather2024"', ("feather2024", "feather2023")),
        ('steps = 5\nname = "feather2023"', ("mine.toml", "feather2023", "taken")),
        ("[stop]\nspearman = 0.9", ("mine.toml", "snr_db")),
    ],
)
def test_a_wrong_protocol_file_is_one_line(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BenchError) as caught:
        read_protocol(path)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_missing_protocol_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="No such file"):
        Protocol.named(str(tmp_path / "none.toml"))
