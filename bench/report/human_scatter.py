"""People's recognition of metamers against robust accuracy: a panel an attack."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bench.leaderboard.human_board import LEAST_MODELS, AttackCorrelation, HumanBoard
from bench.leaderboard.human_picture import STAMP, picture_problem
from bench.leaderboard.publish import Folders, read_board, suites_in
from bench.report.drawing import INK, NORMAL, SMALL, Look, bare, looks, new_figure, plain, png
from bench.store.files import write_atomically

PANEL_IN = (4.3, 4.2)


def draw_outdated(folders: Folders, suites: Sequence[str] | None = None) -> list[Path]:
    """Draw the scatters of boards of human data that are missing or show other numbers."""
    drawn = []
    for suite in suites_in(folders.results) if suites is None else suites:
        board = read_board(folders.results, suite)
        if isinstance(board, HumanBoard) and picture_problem(board, folders.leaderboards):
            path = folders.leaderboards / str(board.picture)
            write_atomically(path, draw_human_scatter(board))
            drawn.append(path)
    return drawn


def draw_human_scatter(board: HumanBoard) -> bytes:
    """Return a PNG file: one panel an attack that was made on enough models, one point a model.

    Lines through a point are 95 % intervals, where they are known. The file's text holds the hash
    of the numbers shown.
    """
    panels = [c for c in board.correlations if c.n >= LEAST_MODELS]
    figure = new_figure(PANEL_IN[0] * len(panels), PANEL_IN[1])
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    shown = board.rows[board.rows[[c.attack.column for c in panels]].notna().any(axis=1)]
    look = looks(list(shown["model"]))
    for axis, panel in zip(axes, panels, strict=True):
        _draw(axis, shown, panel, look)
        if board.suite.chance is not None:
            axis.axhline(board.suite.chance, color=INK, linewidth=0.8, linestyle=":")
    axes[0].set_ylabel("metamers recognised by people", fontsize=NORMAL, color=INK)
    axes[0].set_ylim(0, 1)
    return _stamped(png(figure), board.stamp())


def _draw(axes: Axes, rows: pd.DataFrame, panel: AttackCorrelation, look: dict[str, Look]) -> None:
    column = panel.attack.column
    points = rows.dropna(subset=[column])
    for _, row in points.iterrows():
        model = str(row["model"])
        axes.errorbar(
            row[column],
            row["alignment"],
            xerr=_reach(row, column),
            yerr=_reach(row, "alignment"),
            color=look[model].colour,
            marker=look[model].marker,
            markersize=5,
            markeredgecolor="white",
            elinewidth=1,
            capsize=2,
            linestyle="none",
            label=plain(model),
        )
    axes.margins(x=0.15)
    n = points[f"{column}_n"].dropna()
    known = f"n = {n.min():.0f} stimuli" if len(n) else "n not published: no interval"
    label = f"accuracy under {panel.attack.title}\n({known})"
    axes.set_xlabel(plain(label), fontsize=NORMAL, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_title(plain(_headline(panel)), fontsize=NORMAL, color=INK)
    axes.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.19))
    bare(axes)


def _reach(row: pd.Series[float], name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return an interval as distances from its value; none where it is not known."""
    low, value, high = (float(row[name + end]) for end in ("_low", "", "_high"))
    return np.nan_to_num(np.maximum([[value - low], [high - value]], 0.0))


def _headline(panel: AttackCorrelation) -> str:
    if panel.correlation is None:
        return f"no correlation of n = {panel.n} models"
    found = panel.correlation
    return f"Spearman ρ = {found.rho:.2f}, Pearson r = {found.r:.2f}, n = {panel.n} models"


def _stamped(picture: bytes, stamp: str) -> bytes:
    text = PngInfo()
    text.add_text(STAMP, stamp)
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as image:
        image.convert("P", palette=Image.Palette.ADAPTIVE).save(
            buffer, format="PNG", pnginfo=text, optimize=True
        )
    return buffer.getvalue()
