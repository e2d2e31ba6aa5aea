"""The recognition matrix as a heat map."""

from __future__ import annotations

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.report.drawing import (
    DPI,
    INK,
    LARGE,
    NORMAL,
    SMALL,
    new_figure,
    plain,
    png,
    share,
    short_names,
    text_width,
)

COLOURS = "cividis"
ANNOTATED_UP_TO = 30  # models; beyond, the numbers would not be readable
CELL_IN = 0.52  # inches
LARGEST_IN = 24.0
SLANT = 40.0  # degrees
NATURAL_ROW, MEANS = "natural stimuli", "mean of others"
LIGHT_TEXT_BELOW = 0.45  # where white is easier to read on the colours than black
GAP = 0.25  # cells between the matrix, the natural row and the column of means


def draw_matrix(means: pd.DataFrame, title: str) -> bytes:
    """Draw proportions recognised, a row a generation model and a column a recognition model.

    Parameters
    ----------
    means
        From `bench.report.recognition.matrix`: the first row is of the natural stimuli, the
        others are in the order of the columns.

    Returns
    -------
    A PNG file. To the right of the matrix stands each row's mean without its own cell.
    """
    models = list(means.columns)
    names = short_names(models)
    n = len(models)
    figure, axes, bar = _frame([*names.values(), NATURAL_ROW, MEANS], n, title)
    _cells(axes, means)
    _others(axes, means)
    axes.set_xlim(-0.5, n + GAP + 0.5)
    axes.set_ylim(n - 0.5, -1.5 - GAP)
    axes.set_xticks([*range(n), n + GAP], [*(plain(names[m]) for m in models), MEANS])
    axes.set_yticks([-1 - GAP, *range(n)], [NATURAL_ROW, *(plain(names[m]) for m in models)])
    axes.tick_params(length=0, labelsize=NORMAL, colors=INK)
    for label in axes.get_xticklabels():
        label.set(rotation=SLANT, ha="right", rotation_mode="anchor")
    axes.spines[:].set_visible(False)
    axes.set_xlabel("recognition model", fontsize=NORMAL, color=INK)
    axes.set_ylabel("metamers made by", fontsize=NORMAL, color=INK)
    scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(0, 1), COLOURS)
    figure.colorbar(scale, cax=bar).set_label("proportion recognised", fontsize=SMALL, color=INK)
    bar.tick_params(labelsize=SMALL)
    return png(figure)


def _frame(names: list[str], n: int, title: str) -> tuple[Figure, Axes, Axes]:
    """Return a figure just large enough for cells and names, with axes for cells and colour bar."""
    side = min(CELL_IN, LARGEST_IN / n) * (n + 1 + GAP)
    written = text_width(names, NORMAL) / DPI
    left, right = written + 0.5, 1.2
    bottom, top = written * np.sin(np.radians(SLANT)) + 0.6, 0.5
    width = max(left + side + right, text_width([title], LARGE) / DPI + 0.2)
    height = bottom + side + top
    figure = new_figure(width, height, layout=None)
    figure.text(0.5, 1 - 0.25 / height, plain(title), ha="center", va="center", fontsize=LARGE,
                color=INK)  # fmt: skip
    cells = (left / width, bottom / height, side / width, side / height)
    bar = (
        (left + side + 0.2) / width,
        (bottom + side / 4) / height,
        0.16 / width,
        side / 2 / height,
    )
    return figure, figure.add_axes(cells), figure.add_axes(bar)


def _cells(axes: Axes, means: pd.DataFrame) -> None:
    values = means.to_numpy(dtype=float)
    for i, row in enumerate(values):
        y = i - 1 if i else -1 - GAP
        for x, value in enumerate(row):
            _cell(axes, x, y, value, len(values) - 1)
    for k in range(len(values) - 1):
        axes.add_patch(
            Rectangle((k - 0.46, k - 0.46), 0.92, 0.92, fill=False, edgecolor=INK, linewidth=2)
        )


def _others(axes: Axes, means: pd.DataFrame) -> None:
    values = means.to_numpy(dtype=float).copy()
    n = values.shape[1]
    values[np.arange(1, n + 1), np.arange(n)] = np.nan
    for i, row in enumerate(values):
        rest = row[~np.isnan(row)]
        y = i - 1 if i else -1 - GAP
        _cell(axes, n + GAP, y, rest.mean() if len(rest) else np.nan, n)


def _cell(axes: Axes, x: float, y: float, value: float, n: int) -> None:
    missing = np.isnan(value)
    colour = "#eeeeee" if missing else matplotlib.colormaps[COLOURS](value)
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
    if n <= ANNOTATED_UP_TO:
        ink = "white" if not missing and value < LIGHT_TEXT_BELOW else "black"
        axes.text(x, y, share(value), ha="center", va="center", fontsize=SMALL, color=ink)
