"""Digits in scenes: handwritten digits, in random pose and colour, over crops of two photographs.

Everything comes from the wheel of scikit-learn: its 1,797 digits and its two sample photographs.
Scenes for training and for test share neither a digit nor a pixel of the photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import bench

SIZE_PX = 32
CLASSES = 10
SEED = 20  # of the scenes; changing it makes other stimuli and asks for new weights
TEST_DIGITS_PER_CLASS = 50
TEST_SIZE = CLASSES * TEST_DIGITS_PER_CLASS
TRAIN_SIZE = 3_900  # each of the 1,297 digits for training about three times
TRAIN_COLUMNS = 0.7  # left part of each photograph; the rest is for test

_DIGIT_PX = 8
_MARGIN_PX = 2
_FRAME_FRACTION = (0.62, 0.85)
_ROTATION_RAD = 0.25
_BACKGROUND_CONTRAST = 0.7
_INK_RANGE = 0.4  # light ink: every channel above 1 - 0.4; dark ink: every channel below 0.4
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Part:
    """What scenes of one part, training or test, are made of.

    Parameters
    ----------
    number
        Enters every random draw, so that the parts draw apart.
    digits
        For each class, positions in `sklearn.datasets.load_digits` that the part may use.
    masks
        Spline coefficients of all 1,797 digits, ``(1797, 12, 12)``, ink 1.
    photographs
        The part's columns of the photographs, ``(rows, columns, 3)`` in [0, 1], at half size.
    """

    number: int
    digits: tuple[NDArray[np.int64], ...]
    masks: NDArray[np.float64]
    photographs: tuple[NDArray[np.float64], ...]


@cache
def part(name: str) -> Part:
    """Return the part called ``"train"`` or ``"test"``.

    The last 50 digits of each class are for test. The file seems to be ordered by writer, so that
    these are mostly of other hands than those for training.
    """
    from scipy.ndimage import spline_filter
    from sklearn.datasets import load_digits, load_sample_images

    raw = load_digits()
    padded = np.pad(raw.images / 16, ((0, 0), (_MARGIN_PX, _MARGIN_PX), (_MARGIN_PX, _MARGIN_PX)))
    masks = np.stack([spline_filter(image, order=3) for image in padded])
    test = name == "test"
    keep = slice(-TEST_DIGITS_PER_CLASS, None) if test else slice(None, -TEST_DIGITS_PER_CLASS)
    digits = tuple(np.flatnonzero(raw.target == label)[keep] for label in range(CLASSES))
    photographs = []
    for photograph in load_sample_images().images:
        half = _half_size(photograph / 255)
        border = round(TRAIN_COLUMNS * half.shape[1])
        photographs.append(half[:, border:] if test else half[:, :border])
    return Part(int(test), digits, masks, tuple(photographs))


def _half_size(image: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    blocks = image[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3)
    return blocks.mean(axis=(1, 3))


def digit_of(source: Part, position: int) -> tuple[int, int]:
    """Return which digit is in scene ``position``, and its class.

    Scenes come in rounds of ten, one of each class in an order of the round's own, so that
    classes are balanced in every prefix; a class goes through its digits again and again.
    """
    turn, place = divmod(position, CLASSES)
    order = np.random.default_rng((SEED, source.number, 0, turn)).random(CLASSES).argsort()
    label = int(order[place])
    digits = source.digits[label]
    return int(digits[turn % len(digits)]), label


def draw(source: Part, position: int) -> tuple[NDArray[np.uint8], int]:
    """Draw scene ``position`` of a part: 8-bit ``(3, 32, 32)``, and its class.

    It depends on the part and on ``position`` alone.
    """
    digit, label = digit_of(source, position)
    u = np.random.default_rng((SEED, source.number, 1, position)).random(10)
    background = _crop(source.photographs[int(2 * u[0])], u[1], u[2])
    ink = _INK_RANGE * u[3:6]
    if np.tensordot(_LUMA, background.mean(axis=(1, 2)), 1) < 0.5:
        ink = 1 - ink
    mask = _pose(source.masks[digit], *u[6:10])
    scene = background + mask * (ink[:, None, None] - background)
    return np.rint(255 * scene).astype(np.uint8), label


def _crop(photograph: NDArray[np.float64], down: float, right: float) -> NDArray[np.float64]:
    """Cut a square out, as ``(3, 32, 32)``, its contrast reduced about its mean."""
    row = int(down * (photograph.shape[0] - SIZE_PX + 1))
    column = int(right * (photograph.shape[1] - SIZE_PX + 1))
    crop = photograph[row : row + SIZE_PX, column : column + SIZE_PX].transpose(2, 0, 1)
    mean = crop.mean(axis=(1, 2), keepdims=True)
    return mean + _BACKGROUND_CONTRAST * (crop - mean)


def _pose(
    coefficients: NDArray[np.float64], size: float, turn: float, down: float, right: float
) -> NDArray[np.float64]:
    """Return the digit's mask ``(32, 32)`` in [0, 1], posed by four numbers in [0, 1)."""
    from scipy.ndimage import affine_transform

    smallest, largest = _FRAME_FRACTION
    size_px = SIZE_PX * (smallest + (largest - smallest) * size)
    angle = _ROTATION_RAD * (2 * turn - 1)
    slack_px = SIZE_PX - size_px
    centre = (SIZE_PX - 1) / 2 + slack_px * (np.array([down, right]) - 0.5)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation * (_DIGIT_PX / size_px)
    middle = (_DIGIT_PX + 2 * _MARGIN_PX - 1) / 2
    mask = affine_transform(
        coefficients,
        matrix,
        offset=middle - matrix @ centre,
        output_shape=(SIZE_PX, SIZE_PX),
        order=3,
        prefilter=False,
    )
    return mask.clip(0, 1)


def compose(name: str, positions: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return scenes of the part ``name``, 8-bit ``(N, 3, 32, 32)``, and their classes ``(N,)``.

    Positions know no end: training draws scenes that no set lists.
    """
    source = part(name)
    scenes = np.empty((len(positions), 3, SIZE_PX, SIZE_PX), dtype=np.uint8)
    labels = np.empty(len(positions), dtype=np.int64)
    for k, position in enumerate(positions):
        scenes[k], labels[k] = draw(source, position)
    return scenes, labels


def unit_range(scenes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn 8-bit values into float32 in [0, 1]."""
    return scenes.astype(np.float32) / np.float32(255)


def _load(name: str, size: int, limit: int | None) -> bench.Stimuli:
    count = size if limit is None else min(limit, size)
    scenes, labels = compose(name, range(count))
    ids = tuple(f"{name}-{k + 1:04d}" for k in range(count))
    return bench.Stimuli(ids, unit_range(scenes), labels, "digits")


def load_train(limit: int | None, data: Path | None = None) -> bench.Stimuli:
    """Return the first ``limit`` of 3,900 scenes for training; ``data`` is not used."""
    return _load("train", TRAIN_SIZE, limit)


def load_test(limit: int | None, data: Path | None = None) -> bench.Stimuli:
    """Return the first ``limit`` of 500 scenes for test, each of another digit."""
    return _load("test", TEST_SIZE, limit)
