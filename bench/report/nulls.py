"""The picture of null distributions: a histogram a stage and measure, metamers marked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from bench.synthesis.criterion import null_maxima, reaches
from bench.synthesis.pairwise import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES: Final = {"spearman": "Spearman", "pearson": "Pearson", "snr_db": "SNR (dB)"}
BINS = 60
GREY, BEYOND, BELOW = "#9a9a9a", "#1565c0", "#d32f2f"


@dataclass(frozen=True)
class NullPanel:
    """One row of the picture.

    Attributes
    ----------
    null
        The stage's table of `bench.synthesis.nulls.null_distribution`.
    match
        Metamers of the stage (a match table with the three measures), or None.
    """

    stage: str
    null: pd.DataFrame
    match: pd.DataFrame | None = None


def draw_nulls(title: str, panels: Sequence[NullPanel]) -> bytes:
    """Draw null distributions, a row a stage; return a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.9 + 1.5 * len(panels)), dpi=110, layout="constrained")
    axes = figure.subplots(len(panels), len(MEASURES), squeeze=False)
    for row, panel in zip(axes, panels, strict=True):
        maxima = null_maxima(panel.null)
        for axis, measure in zip(row, MEASURES, strict=True):
            part = panel.null[panel.null["measure"] == measure]
            metamers = None if panel.match is None else panel.match[measure].to_numpy(np.float64)
            _draw_one(axis, part, maxima[measure], metamers)
        row[0].set_ylabel(panel.stage)
    for axis, measure in zip(axes[0], MEASURES, strict=True):
        axis.set_title(TITLES[measure], fontsize=10)
    figure.suptitle(f"{title}\n{_legend(panels)}", fontsize=10)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _legend(panels: Sequence[NullPanel]) -> str:
    text = "grey: pairs of different natural stimuli; dashed: their maximum"
    if any(panel.match is not None for panel in panels):
        text += "; marks above: metamers, blue not below it, red below"
    return text


def _draw_one(axis: Axes, null: pd.DataFrame, maximum: float, metamers: np.ndarray | None) -> None:
    values = null["value"].to_numpy(np.float64)
    values = values[np.isfinite(values)]
    axis.set_yticks([])
    axis.tick_params(labelsize=7)
    axis.spines[["left", "right", "top"]].set_visible(False)
    notes = [f"n = {len(values):,}"]
    if len(values):
        counts, edges = np.histogram(values, _edges(values))
        axis.stairs(counts / counts.max(), edges, fill=True, color=GREY)
    axis.set_ylim(0, 1.35)
    if np.isfinite(maximum):
        axis.axvline(maximum, color="black", linestyle="--", linewidth=0.8)
        notes.append(f"max {maximum:.3f}")
    missing = null["left_out"].value_counts()
    notes += [f"{count:,} {why}" for why, count in missing.items() if why and count]
    if metamers is not None and not np.isnan(maximum):
        reached = reaches(metamers, maximum)
        for chosen, colour in ((reached, BEYOND), (~reached, BELOW)):
            shown = metamers[chosen & np.isfinite(metamers)]
            axis.vlines(shown, 1.1, 1.3, color=colour, linewidth=0.7, alpha=0.7)
        notes.append(f"{int(reached.sum())} of {len(metamers)} metamers beyond")
    axis.set_xlabel(", ".join(notes), fontsize=7)


def _edges(values: np.ndarray) -> np.ndarray:
    """Return about `BINS` bins, each with as many of the possible values where those are few.

    Rank correlations of ten units take 166 values: equal bins would show a comb.
    """
    levels = np.unique(values)
    if len(levels) > 4 * BINS or len(levels) < 2:
        return np.histogram_bin_edges(values, BINS)
    first, last = levels[1] - levels[0], levels[-1] - levels[-2]
    between = (levels[1:] + levels[:-1]) / 2
    lower = np.append(levels[0] - first / 2, between)
    return np.append(lower[:: -(-len(levels) // BINS)], levels[-1] + last / 2)
