"""The pictures: which are drawn, that they are images, and that galleries show the stimuli."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.report.gallery import FRAME, draw_gallery
from bench.report.pictures import attack_in_words, draw_all
from bench.report.tiles import tiles

FOUR = {
    "recognition-matrix",
    "recognition-matrix-late",
    "recognition-curves",
    "alignment-robustness",
}
VERMILION = (213, 94, 0)


def _pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def _enlarged(image: np.ndarray) -> np.ndarray:
    """An independent enlargement by three, nearest neighbour."""
    eight_bit = np.round(image.transpose(1, 2, 0) * 255).astype(np.uint8)
    return np.kron(eight_bit, np.ones((3, 3, 1), dtype=np.uint8))


def _where(canvas: np.ndarray, tile: np.ndarray) -> list[tuple[int, int]]:
    """Return the upper left corners at which a tile lies on a canvas."""
    height, width = tile.shape[:2]
    corners = np.argwhere((canvas == tile[0, 0]).all(axis=2))
    return [
        (int(y), int(x))
        for y, x in corners
        if np.array_equal(canvas[y : y + height, x : x + width], tile)
    ]


def test_every_picture_is_a_png_in_its_place(build: Any) -> None:
    run = build(["toy-a", "toy-b", "toy-c"])
    paths = draw_all(run.run_dir, run.record, run.board, run.natural)
    assert set(paths) == FOUR | {"gallery-toy-a", "gallery-toy-b", "gallery-toy-c"}
    for name, path in paths.items():
        assert path == run.run_dir.root / "pictures" / f"{name}.png"
        pixels = _pixels(path.read_bytes())
        assert min(pixels.shape[:2]) > 200
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 255).all(), f"{name} is cut off at an edge"
    assert not list((run.run_dir.root / "pictures").glob(".*"))


def test_pictures_of_twelve_models_with_long_names_are_not_cut_off(build: Any) -> None:
    run = build([f"toy-model-{i}-{'long-' * 5}name" for i in range(12)], ["only"])
    paths = draw_all(run.run_dir, run.record, run.board, None)
    for name in FOUR:
        pixels = _pixels(paths[name].read_bytes())
        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert (edge == 255).all(), f"{name} is cut off at an edge"


def test_gallery_shows_the_pixels_of_natural_stimuli_and_metamers(build: Any) -> None:
    run = build(["toy-a"], ["conv1", "logits"])
    ids, natural = run.natural
    canvas = _pixels(draw_gallery(run.run_dir, run.record, "toy-a", natural, ids))
    task = run.record["tasks"][1]
    place = next(p for p in run.places if p.key == task["key"])
    metamers = run.run_dir.arrays(place)["stimuli"]
    for i in (0, 7):
        [(top, left)] = _where(canvas, _enlarged(natural[i]))
        [(lower, below)] = _where(canvas, _enlarged(metamers[i]))
        assert below == left
        assert lower > top
    assert not _where(canvas, _enlarged(natural[8])), "eight stimuli are enough"


def test_gallery_frames_exactly_the_metamers_with_another_label(build: Any) -> None:
    run = build(["toy-a"], ["conv1"])
    ids, natural = run.natural
    canvas = _pixels(draw_gallery(run.run_dir, run.record, "toy-a", natural, ids))
    place = run.places[0]
    metamers = run.run_dir.arrays(place)["stimuli"]
    match = run.run_dir.rows(place)["label_match"].to_numpy()[:8]
    framed = []
    for i in range(8):
        [(top, left)] = _where(canvas, _enlarged(metamers[i]))
        framed.append(tuple(canvas[top - FRAME // 2, left + 48]) == VERMILION)
    assert framed == [not kept for kept in match]
    assert framed == [i == 3 for i in range(8)]  # (3 + 0) % 5 == 3; 8 is not shown


def test_gallery_keeps_a_failed_stage_as_a_row_that_says_so(build: Any) -> None:
    run = build(["toy-a"])
    ids, natural = run.natural
    before = _pixels(draw_gallery(run.run_dir, run.record, "toy-a", natural, ids))
    place = run.places[1]
    lost, kept = (run.run_dir.arrays(p)["stimuli"][0] for p in (place, run.places[2]))
    run.run_dir.withdraw(place)
    run.run_dir.record_failure(place.key, "activations are not finite", "", {})
    after = _pixels(draw_gallery(run.run_dir, run.record, "toy-a", natural, ids))
    assert after.shape[0] == before.shape[0] - 96 + 56
    [(top, _)] = _where(before, _enlarged(lost))
    assert (after[top : top + 56] == VERMILION).all(axis=2).any(), "the reason stands there"
    assert not _where(after, _enlarged(lost))
    assert _where(after, _enlarged(kept))


def test_gallery_of_a_model_whose_every_stage_failed(build: Any) -> None:
    run = build(["toy-a", "toy-b"], ["only"], failing={"toy-a/only": "no such module " * 30})
    ids, natural = run.natural
    canvas = _pixels(draw_gallery(run.run_dir, run.record, "toy-a", natural, ids))
    assert _where(canvas, _enlarged(natural[0]))
    assert (canvas[:, -1] == 255).all()


def test_a_damaged_result_leaves_the_other_rows(build: Any) -> None:
    run = build(["toy-a"], ["conv1", "logits"])
    ids, natural = run.natural
    path = (run.run_dir.root / run.places[1].marker).with_suffix(".safetensors")
    path.write_bytes(path.read_bytes()[:100])
    canvas = _pixels(draw_gallery(run.run_dir, run.record, "toy-a", natural, ids))
    metamers = run.run_dir.arrays(run.places[0])["stimuli"]
    assert _where(canvas, _enlarged(metamers[0]))


def test_galleries_without_natural_stimuli(build: Any) -> None:
    run = build(["toy-a", "toy-b"])
    paths = draw_all(run.run_dir, run.record, run.board, None)
    metamers = run.run_dir.arrays(run.places[2])["stimuli"]
    assert _where(_pixels(paths["gallery-toy-a"].read_bytes()), _enlarged(metamers[0]))


def test_sounds_are_drawn_as_spectrograms(build: Any) -> None:
    run = build(["toy-a"], sounds=True)
    ids, natural = run.natural
    canvas = _pixels(draw_gallery(run.run_dir, run.record, "toy-a", natural, ids))
    assert canvas.shape[1] > 8 * 128


def test_a_tone_is_a_bright_line_at_its_frequency() -> None:
    rate, length = 8000, 8000
    tone = np.sin(2 * np.pi * 1000 * np.arange(length) / rate)[None].astype(np.float32)
    [tile] = tiles(tone)
    brightest = tile.sum(axis=(1, 2)).argmax()
    # 1000 Hz of 4000: a quarter of the way up, of 96 rows whose first is the highest
    assert abs(brightest - 0.75 * 96) <= 1


def test_large_images_are_averaged_and_lost_ones_are_grey() -> None:
    image = np.zeros((2, 1, 224, 224), dtype=np.float32)
    image[0, 0, ::2] = 1.0
    image[1] = np.nan
    striped, lost = tiles(image)
    assert striped.shape == (112, 112, 3)
    assert np.unique(striped).tolist() == [128]
    assert np.unique(lost).tolist() == [128]


def test_one_model_has_no_pictures_of_other_models(build: Any) -> None:
    run = build(["toy-a"])
    assert set(draw_all(run.run_dir, run.record, run.board, run.natural)) == {"gallery-toy-a"}


def test_a_run_without_robustness_has_no_scatter(build: Any) -> None:
    run = build(["toy-a", "toy-b"], robustness=False)
    paths = draw_all(run.run_dir, run.record, run.board, run.natural)
    assert FOUR - set(paths) == {"alignment-robustness"}


def test_a_run_without_recognition_has_galleries(build: Any) -> None:
    run = build(["toy-a", "toy-b"], robustness=False)
    run.run_dir.table_path("recognition").unlink()
    paths = draw_all(run.run_dir, run.record, run.board, run.natural)
    assert set(paths) == {"gallery-toy-a", "gallery-toy-b"}


@pytest.mark.parametrize(
    ("norm", "eps", "words"),
    [("linf", 0.0313725490196, "PGD, Linf 8/255"), ("linf", 0.1, "PGD, Linf 0.1"),
     ("l2", 1.0, "PGD, L2 1")],
)  # fmt: skip
def test_the_attack_in_words(build: Any, norm: str, eps: float, words: str) -> None:
    record = build(["toy-a"]).record
    record["suite"]["board"] |= {"robustness_norm": norm, "robustness_eps": eps}
    assert attack_in_words(record) == words
