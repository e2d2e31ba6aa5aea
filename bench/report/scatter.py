"""Recognition of metamers by other models against adversarial robustness."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.report.drawing import (
    FAINT,
    INK,
    LARGE,
    NORMAL,
    SMALL,
    Look,
    bare,
    new_figure,
    plain,
    png,
    short_names,
)
from bench.stats import correlate

SIZE_IN = (7.4, 6.0)
ROOM_FOR = 12  # models; more of them get a larger picture, up to twice as wide
RINGS_PX = (10, 22, 38, 58, 82)  # where a label may stand, from its point
DIRECTIONS = 12


def draw_scatter(
    board: pd.DataFrame, looks: Mapping[str, Look], attack: str, chance: float | None
) -> bytes | None:
    """Draw one point a model, with intervals on both axes.

    Parameters
    ----------
    board
        ``model``, and ``alignment`` and ``robust`` with their ``_low`` and ``_high``.
    attack
        The attack that the robust accuracy is of, in words.

    Returns
    -------
    A PNG file; None if no model has both numbers.
    """
    points = board.dropna(subset=["alignment", "robust"])
    if points.empty:
        return None
    larger = min(2.0, max(1.0, np.sqrt(len(points) / ROOM_FOR)))
    figure = new_figure(SIZE_IN[0] * larger, SIZE_IN[1] * larger)
    axes = figure.add_subplot()
    x, y = _ends(points, "robust"), _ends(points, "alignment")
    for model, across, up in zip(points["model"], x, y, strict=True):
        look = looks[model]
        axes.errorbar(
            across[1],
            up[1],
            xerr=_reach(across),
            yerr=_reach(up),
            color=look.colour,
            marker=look.marker,
            markersize=8,
            markeredgecolor="white",
            elinewidth=1,
            capsize=2,
        )
    axes.margins(0.15)
    if chance is not None and axes.get_ylim()[0] < chance:
        axes.axhline(chance, color=INK, linewidth=0.8, linestyle=":")
    axes.set_xlabel(plain(f"accuracy under attack ({attack})"), fontsize=NORMAL, color=INK)
    axes.set_ylabel("metamers recognised by other models", fontsize=NORMAL, color=INK)
    axes.set_title(plain(headline(points)), fontsize=LARGE, color=INK)
    bare(axes)
    names = short_names(list(board["model"]))
    _label(figure, axes, points, [names[model] for model in points["model"]])
    return png(figure)


def _ends(points: pd.DataFrame, measure: str) -> NDArray[np.float64]:
    """Return ``(n, 3)``: low end, value, high end; the value itself where there is no interval."""
    columns = [f"{measure}_low", measure, f"{measure}_high"]
    ends = points[columns].to_numpy(dtype=np.float64)
    return np.where(np.isnan(ends), ends[:, 1:2], ends)


def _reach(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an interval as distances from its value, which rounding may put just outside."""
    low, value, high = ends
    return np.maximum([[value - low], [high - value]], 0.0)


def headline(points: pd.DataFrame) -> str:
    """Say how robust accuracy and alignment correlate over models, and over how many."""
    n = len(points)
    try:
        found = correlate(points["robust"], points["alignment"])
    except BenchError:
        return f"Alignment against robustness: no correlation of n = {n} model(s)"
    return (
        f"Alignment against robustness: Spearman ρ = {found.rho:.2f}, "
        f"Pearson r = {found.r:.2f}, n = {n} models"
    )


def _label(figure: Figure, axes: Axes, points: pd.DataFrame, names: list[str]) -> None:
    """Write each name where it covers least: near its point first, then farther with a line."""
    figure.draw_without_rendering()  # settles the layout, so that pixels are final
    frame = axes.get_window_extent()
    at = axes.transData.transform(points[["robust", "alignment"]].to_numpy(dtype=float))
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in at]
    taken.extend(_bars(axes, points))
    for (x, y), name in zip(at, names, strict=True):
        text = axes.annotate(plain(name), (x, y), xycoords="figure pixels", fontsize=SMALL)
        size = text.get_window_extent()
        places = [
            _place(x, y, ring, turn, size.width, size.height)
            for ring, turn in itertools.product(RINGS_PX, range(DIRECTIONS))
        ]
        text.remove()
        # min() keeps the first of equals, so the nearest of the free places wins
        best = min(places, key=lambda box: _covered(box, taken) + 5 * _outside(box, frame))
        taken.append(best)
        distant = np.hypot(best.x0 + best.width / 2 - x, best.y0 + best.height / 2 - y)
        arrow = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4}
        axes.annotate(
            plain(name),
            xy=(x, y),
            xycoords="figure pixels",
            xytext=(best.x0 + best.width / 2, best.y0 + best.height / 2),
            textcoords="figure pixels",
            ha="center",
            va="center",
            fontsize=SMALL,
            color=INK,
            arrowprops=arrow if distant > best.width / 2 + RINGS_PX[1] else None,
            annotation_clip=False,
        )


def _bars(axes: Axes, points: pd.DataFrame) -> list[Bbox]:
    """Return the boxes that the intervals' lines fill."""
    ends = np.stack([_ends(points, "robust"), _ends(points, "alignment")], axis=2)
    boxes = []
    for low, (x, y), high in axes.transData.transform(ends.reshape(-1, 2)).reshape(ends.shape):
        boxes.append(Bbox([[low[0], y - 1], [high[0], y + 1]]))
        boxes.append(Bbox([[x - 1, low[1]], [x + 1, high[1]]]))
    return boxes


def _place(x: float, y: float, ring: float, turn: int, width: float, height: float) -> Bbox:
    angle = 2 * np.pi * turn / DIRECTIONS
    dx, dy = np.cos(angle), np.sin(angle)
    centre_x = x + dx * (ring + width / 2)
    centre_y = y + dy * (ring + height / 2)
    return Bbox.from_bounds(centre_x - width / 2, centre_y - height / 2, width, height)


def _covered(box: Bbox, others: list[Bbox]) -> float:
    overlaps = (Bbox.intersection(box, other) for other in others)
    return sum(o.width * o.height for o in overlaps if o is not None)


def _outside(box: Bbox, frame: Bbox) -> float:
    inside = Bbox.intersection(box, frame)
    return box.width * box.height - (0 if inside is None else inside.width * inside.height)
