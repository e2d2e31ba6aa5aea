"""PNG files of metamers hold what the paper saved: x * 255, cut off."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.store.keys import as_folder
from bench.store.pictures import are_images, from_png, to_png, truncated
from bench.store.run_dir import DamagedResult, Place, RunDir

PLACE = Place("synthesis", "k" * 24, "timm:resnet50", "layer1")
ROWS = pd.DataFrame({"id": ["a/1", "b"]})


def images(channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((2, channels, 5, 4), dtype=np.float32)


def test_truncation_by_hand() -> None:
    """0.5 is 127.5 levels: rounding would give 128; beyond the range it is clipped."""
    values = np.array([0, 0.9 / 255, 1.1 / 255, 0.5, 254.9 / 255, 1, 1.2, -0.1], dtype=np.float32)
    assert truncated(values).tolist() == [0, 0, 1, 127, 254, 255, 255, 0]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_png_is_what_any_program_reads(channels, mode) -> None:
    image = images(channels)[0]
    data = to_png(image)
    with Image.open(io.BytesIO(data)) as opened:
        assert (opened.format, opened.mode, opened.size) == ("PNG", mode, (4, 5))
        seen = np.asarray(opened).reshape(5, 4, channels)
    expected = np.floor(image.astype(np.float64) * 255)
    np.testing.assert_array_equal(seen, expected.transpose(1, 2, 0))
    np.testing.assert_allclose(from_png(data), expected / 255, rtol=1e-6)


def test_sounds_are_no_images() -> None:
    assert are_images(np.zeros((2, 3, 4, 4)))
    assert not are_images(np.zeros((2, 40000)))


def test_a_run_directory_keeps_and_checks_them(tmp_path) -> None:
    run_dir = RunDir(tmp_path / "run", png=True)
    run_dir.commit(PLACE, ROWS, {"stimuli": images()})
    folder = tmp_path / "run" / "metamers" / "timm%3Aresnet50" / "layer1" / PLACE.key
    assert sorted(path.name for path in folder.iterdir()) == ["a%2F1.png", "b.png"]
    names = [record["name"] for record in run_dir.facts(PLACE)["files"]]
    assert f"{PLACE.key}/a%2F1.png" in names
    found = run_dir.pictures(PLACE)
    assert found is not None
    np.testing.assert_allclose(found, np.floor(images() * 255) / 255, rtol=1e-6)
    other = RunDir(tmp_path / "other")
    other.adopt(PLACE, run_dir)
    np.testing.assert_array_equal(other.pictures(PLACE), found)
    assert other.finished(PLACE)
    (folder / "b.png").write_bytes(to_png(images()[0]))
    assert run_dir.damaged_files(PLACE) == [folder / "b.png"]
    with pytest.raises(DamagedResult, match=r"b\.png was changed"):
        run_dir.pictures(PLACE)


def test_without_the_wish_there_are_none(tmp_path) -> None:
    run_dir = RunDir(tmp_path / "run")
    run_dir.commit(PLACE, ROWS, {"stimuli": images()})
    assert run_dir.pictures(PLACE) is None
    assert list((tmp_path / "run").rglob("*.png")) == []


def test_sounds_are_saved_without_pictures(tmp_path) -> None:
    run_dir = RunDir(tmp_path / "run", png=True)
    run_dir.commit(PLACE, ROWS, {"stimuli": np.zeros((2, 100), dtype=np.float32)})
    assert run_dir.pictures(PLACE) is None


LONG = ["\u732b" * 60 + f"/{k}.jpg" for k in (1, 2)] + ["x" * 300, "..", ".", "a+b"]


def test_names_of_any_length_and_script_are_kept_apart(tmp_path) -> None:
    """Each of these is a legal path of a stimulus, and too long as one quoted name."""
    names = {name: as_folder(name) for name in LONG}
    assert len(set(names.values())) == len(LONG)
    assert all(len(f".{name}.png.1234567.part") < 143 for name in names.values())
    assert all(name.isascii() and "/" not in name for name in names.values())
    assert not {".", ".."} & set(names.values())
    assert as_folder("a/1") == "a%2F1"  # short ones stay what they were
    rows = pd.DataFrame({"id": LONG[:2]})
    run_dir = RunDir(tmp_path / "run", png=True)
    run_dir.commit(PLACE, rows, {"stimuli": images()})
    np.testing.assert_allclose(run_dir.pictures(PLACE), np.floor(images() * 255) / 255, rtol=1e-6)
