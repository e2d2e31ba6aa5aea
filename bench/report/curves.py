"""Recognition of each model's metamers, stage by stage."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

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
from bench.report.recognition import NATURAL, Stages, by_itself, by_others

WIDTH_IN = 11.0  # of all panels side by side
PANEL_IN = (2.7, 1.8)  # at least; a panel's stages and their names may need more
POINT_IN, LETTER_IN = 0.17, 0.07
UPRIGHT_FROM = 10  # points, from which their names stand upright
LEGEND_IN = 6.8  # how wide the legend is
TITLE_LETTERS = 30


def draw_curves(
    found: pd.DataFrame,
    order: Sequence[str],
    stages: Stages,
    looks: Mapping[str, Look],
    chance: float | None,
) -> bytes:
    """Draw a panel a generation model: natural stimuli, then its stages by depth.

    Parameters
    ----------
    found
        From `bench.report.recognition.cells`.
    chance
        Proportion correct of a guess.

    Returns
    -------
    A PNG file. Thick: mean and standard error over the other models. Thin: the generator itself,
    over all its metamers.
    """
    wide, high = _panel_size(order, stages)
    columns = min(max(1, int(WIDTH_IN / wide)), len(order))
    rows = -(-len(order) // columns)
    figure = new_figure(max(LEGEND_IN, wide * columns), high * rows + 0.7)
    names = short_names(order)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for panel in panels[len(order) :]:
        panel.set_visible(False)
    for i, (panel, model) in enumerate(zip(panels, order, strict=False)):
        _panel(panel, found, model, stages[model], looks[model], chance)
        title = textwrap.fill(names[model], TITLE_LETTERS)
        panel.set_title(plain(title), fontsize=NORMAL, color=INK)
        panel.tick_params(labelleft=i % columns == 0)
    figure.supylabel("proportion recognised", fontsize=NORMAL, color=INK)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=SMALL,
    )
    figure.suptitle("Recognition of metamers by stage", fontsize=LARGE, color=INK)
    return png(figure)


def _panel_size(order: Sequence[str], stages: Stages) -> tuple[float, float]:
    """Return width and height of a panel in inches, so that the stages' names fit."""
    points = 1 + max(len(stages[model]) for model in order)
    letters = max([len(NATURAL), *(len(s) for model in order for s in stages[model])])
    return max(PANEL_IN[0], POINT_IN * points + 0.4), PANEL_IN[1] + LETTER_IN * letters


def _panel(
    axes: Axes,
    found: pd.DataFrame,
    model: str,
    stages: Sequence[str],
    look: Look,
    chance: float | None,
) -> None:
    points = [NATURAL, *stages]
    others = np.array([by_others(found, model, stage)[:2] for stage in points])
    own = [by_itself(found, model, stage) for stage in points]
    x = np.arange(len(points))
    axes.plot(x, own, color=FAINT, linewidth=1, label="the model that made them, all metamers")
    axes.errorbar(
        x,
        others[:, 0],
        yerr=others[:, 1],
        color=look.colour,
        marker=look.marker,
        markersize=4.5,
        linewidth=2,
        capsize=2,
        label="other models, mean ± SEM",
    )
    if chance is not None:
        axes.axhline(chance, color=INK, linewidth=0.8, linestyle=":", label="chance")
    axes.set_ylim(-0.03, 1.05)
    axes.set_xticks(x, [plain(stage) for stage in points])
    bare(axes)
    upright = len(points) >= UPRIGHT_FROM
    for label in axes.get_xticklabels():
        if upright:
            label.set(rotation=90)
        else:
            label.set(rotation=45, ha="right", rotation_mode="anchor")
