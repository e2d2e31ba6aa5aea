"""Models' colours: visible on both papers, apart for every reader, by published formulas."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import bench.pages
from bench.report.drawing import COLOURS, MARKERS, looks
from bench.report.page_tables import SHAPES

Colours = NDArray[np.float64]
CSS = (Path(bench.pages.__path__[0]) / "page.css").read_text("utf-8")
LIGHT, DARK = (re.findall(r"--paper: (#\w{6})", CSS)[i] for i in (0, 1))
LEAST_CONTRAST = 3.0  # WCAG 2.1, 1.4.11, of graphics
LEAST_DISTANCE = 10.0  # CIE 1976; about four just noticeable differences
# Machado, Oliveira and Fernandes 2009, table 1: severity 1, on linear RGB.
VISIONS = {
    "trichromat": np.eye(3),
    "protanope": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip
# IEC 61966-2-1: linear sRGB to XYZ, and its white.
XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # fmt: skip
# Filter Effects Module Level 1: hue-rotate(180deg), on sRGB values.
HUE_ROTATED = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])


def values(names: tuple[str, ...] | list[str]) -> Colours:
    return np.array([[int(n[i : i + 2], 16) / 255 for i in (1, 3, 5)] for n in names])


def filtered(colours: Colours) -> Colours:
    """Return what page.css's filter for the dark makes of sRGB colours."""
    [share] = re.findall(r"filter: invert\((\.\d+)\) hue-rotate\(180deg\)", CSS)
    inverted = colours * (1 - float(share)) + (1 - colours) * float(share)
    return np.clip(inverted @ HUE_ROTATED.T, 0, 1)


def linear(colours: Colours) -> Colours:
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)


def contrasts(colours: Colours, paper: str) -> Colours:
    light, ground = linear(colours) @ XYZ[1], linear(values([paper])) @ XYZ[1]
    return (np.maximum(light, ground) + 0.05) / (np.minimum(light, ground) + 0.05)


def cielab(colours: Colours, vision: str) -> Colours:
    seen = np.clip(linear(colours) @ np.array(VISIONS[vision]).T, 0, 1)
    relative = seen @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def test_contrast_and_cielab_are_computed_as_published() -> None:
    """Black on white has 21; sRGB's red is (53.2, 80.1, 67.2)."""
    assert contrasts(values(["#000000"]), "#ffffff") == pytest.approx(21)
    assert cielab(values(["#ff0000"]), "trichromat")[0] == pytest.approx(
        [53.2, 80.1, 67.2], abs=0.2
    )


def test_every_colour_is_visible_on_both_papers() -> None:
    own = values(COLOURS)
    assert (contrasts(own, LIGHT) >= LEAST_CONTRAST).all()
    assert (contrasts(own, DARK) >= LEAST_CONTRAST).all()
    assert (contrasts(filtered(own), DARK) >= LEAST_CONTRAST).all()


def test_a_plots_paper_becomes_the_pages() -> None:
    assert np.abs(filtered(values(["#ffffff"])) - values([DARK])).max() < 0.02


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_apart_for_every_reader(vision: str, dark: bool) -> None:
    own = filtered(values(COLOURS)) if dark else values(COLOURS)
    seen = cielab(own, vision)
    gaps = [np.linalg.norm(a - b) for a, b in combinations(seen, 2)]
    assert len(COLOURS) >= 10
    assert min(gaps) >= LEAST_DISTANCE


def test_models_have_looks_of_their_own() -> None:
    found = looks([f"m{i}" for i in range(len(COLOURS) * len(MARKERS))])
    assert len(set(found.values())) == 84
    assert set(SHAPES) == set(MARKERS)
