"""Digits in scenes: what is drawn, and that training and test share nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import sklearn.datasets
from numpy.typing import NDArray

from bench_plugins.digits import scenes

LOADERS = {"train": scenes.load_train, "test": scenes.load_test}


def test_describing_the_family_imports_nothing_heavy() -> None:
    code = (
        "import sys, bench_plugins.digits as d; seen = [];"
        "d.bench_register_models(seen.append); d.bench_register_stimuli(seen.append);"
        "print(len(seen), *{'torch', 'sklearn', 'scipy', 'timm'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["12"]  # 10 networks, 2 sets


@pytest.mark.parametrize(("name", "size"), [("train", 3900), ("test", 500)])
def test_a_set_is_what_it_says(name: str, size: int) -> None:
    stimuli = LOADERS[name](None)
    values = stimuli.values[:]
    assert values.shape == (size, 3, 32, 32)
    assert values.dtype == np.float32
    assert 0 <= values.min() < 0.1 < 0.9 < values.max() <= 1
    assert stimuli.labels.dtype == np.int64
    assert stimuli.label_space == "digits"
    assert stimuli.ids[0] == f"{name}-0001"
    assert stimuli.ids[-1] == f"{name}-{size:04d}"
    levels = values.astype(np.float64) * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)  # survives saving as PNG


@pytest.mark.parametrize("name", LOADERS)
def test_classes_are_balanced_in_every_prefix(name: str) -> None:
    labels = LOADERS[name](500).labels
    counts = np.cumsum(np.eye(10, dtype=int)[labels], axis=0)
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert len({tuple(labels[k : k + 10]) for k in range(0, 500, 10)}) > 40  # in changing order


@pytest.mark.parametrize("name", LOADERS)
def test_a_prefix_does_not_depend_on_the_limit(name: str) -> None:
    short, long = LOADERS[name](7), LOADERS[name](40)
    assert short.ids == long.ids[:7]
    np.testing.assert_array_equal(short.values[:], long.values[:7])
    np.testing.assert_array_equal(short.labels, long.labels[:7])


def test_scenes_are_drawn_alike_again_and_alone() -> None:
    together, _ = scenes.compose("test", range(12))
    scenes.part.cache_clear()
    alone, label = scenes.compose("test", [11])
    np.testing.assert_array_equal(alone[0], together[11])
    assert label.tolist() == [scenes.load_test(12).labels[11]]


@pytest.fixture
def fresh_parts() -> Iterator[None]:
    """Forget the parts before and after a test that changes what they are made of."""
    scenes.part.cache_clear()
    yield
    scenes.part.cache_clear()


def _compose_all() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    scenes.part.cache_clear()
    return scenes.compose("train", range(1340))[0], scenes.compose("test", range(500))[0]


@pytest.mark.usefixtures("fresh_parts")
def test_blanking_the_digits_for_test_changes_every_test_scene_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, test = _compose_all()
    raw = sklearn.datasets.load_digits()
    for label in range(10):
        raw.images[np.flatnonzero(raw.target == label)[-50:]] = 0
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: raw)
    blank_train, blank_test = _compose_all()
    np.testing.assert_array_equal(blank_train, train)
    assert (blank_test != test).any(axis=(1, 2, 3)).all()


@pytest.mark.usefixtures("fresh_parts")
def test_scenes_for_training_show_the_left_of_the_photographs_and_those_for_test_the_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train, test = _compose_all()
    raw = sklearn.datasets.load_sample_images()
    raw.images = [image.copy() for image in raw.images]
    for image in raw.images:
        assert image.shape == (427, 640, 3)
        image[:, 448:] = 255 - image[:, 448:]  # 70 % of 640
    monkeypatch.setattr(sklearn.datasets, "load_sample_images", lambda: raw)
    other_train, other_test = _compose_all()
    np.testing.assert_array_equal(other_train, train)
    assert (other_test != test).any(axis=(1, 2, 3)).all()


def test_no_digit_for_test_looks_exactly_like_one_for_training() -> None:
    raw = sklearn.datasets.load_digits()
    held_out = np.concatenate([np.flatnonzero(raw.target == k)[-50:] for k in range(10)])
    known = {row.tobytes() for row in np.delete(raw.data, held_out, axis=0)}
    assert not any(row.tobytes() in known for row in raw.data[held_out])


def test_every_digit_for_test_appears_once() -> None:
    raw = sklearn.datasets.load_digits()
    source = scenes.part("test")
    shown = [scenes.digit_of(source, position) for position in range(500)]
    held_out = {int(i) for k in range(10) for i in np.flatnonzero(raw.target == k)[-50:]}
    assert {digit for digit, _ in shown} == held_out
    assert all(raw.target[digit] == label for digit, label in shown)


def test_the_digit_stands_out_from_what_is_behind_it() -> None:
    """Where the ink is thickest its colour is far from the mean of the frame's border."""
    values = scenes.load_test(200).values[:].astype(np.float64)
    border = np.concatenate(
        [values[..., 0, :], values[..., -1, :], values[..., :, 0], values[..., :, -1]], axis=-1
    ).mean(axis=-1)
    distance = np.linalg.norm(values - border[:, :, None, None], axis=1)
    thickest = np.sort(distance.reshape(200, -1), axis=1)[:, -40:].mean(axis=1)
    assert np.median(thickest) > 0.5
    assert (thickest > 0.2).all()
