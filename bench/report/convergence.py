"""Are the metamers finished? Their losses against the gradients taken, and what more would gain."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from bench.report.drawing import (
    FAINT,
    INK,
    LARGE,
    NORMAL,
    SMALL,
    WARNING,
    bare,
    new_figure,
    plain,
    png,
    short_names,
)
from bench.store.run_dir import Place, RunDir
from bench.synthesis.convergence import GRADIENTS, UNFINISHED

PANEL_IN = (2.9, 2.3)
COLUMNS = 4
TITLE_LETTERS = 32
SMALLEST = 1e-6  # losses below are drawn there: rounding decides them


@dataclass(frozen=True)
class Curve:
    """A stage's losses: median over stimuli ``(T,)`` after ``steps`` gradients ``(T,)``."""

    stage: str
    steps: NDArray[np.floating]
    loss: NDArray[np.floating]
    unfinished: bool


def unfinished(synthesis: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each model and stage: ``headroom`` (median) and whether ``unfinished``.

    Parameters
    ----------
    synthesis
        The table of metamers; without a column ``headroom`` (results of older versions) nothing
        is known, and no row is returned.
    """
    if "headroom" not in synthesis:
        return pd.DataFrame(columns=["model", "stage", "headroom", "unfinished"])
    medians = synthesis.groupby(["model", "stage"], sort=False)["headroom"].median().dropna()
    return medians.reset_index().assign(unfinished=lambda rows: rows["headroom"] > UNFINISHED)


def warning(synthesis: pd.DataFrame) -> str:
    """Return a line about unfinished metamers for the end of a run, empty where there are none."""
    found = unfinished(synthesis)
    late = found[found["unfinished"]]
    if late.empty:
        return ""
    worst = late.iloc[int(late["headroom"].argmax())]
    return (
        f"unfinished metamers at {len(late)} of {len(found)} model stages: {GRADIENTS} more "
        f"gradients lower the loss by more than {UNFINISHED:g} (most at {worst['model']}, "
        f"{worst['stage']}: {worst['headroom']:.2f}), and may change who recognises them; "
        "take more steps, or the protocol fast"
    )


def stalled(synthesis: pd.DataFrame) -> str:
    """Return a line about metamers whose search stalled, empty where none did."""
    if "stalled" not in synthesis:
        return ""
    found = synthesis[synthesis["stalled"] > 0]
    if found.empty:
        return ""
    where = [
        f"{model}, {stage}"
        for model, stage in dict.fromkeys(zip(found["model"], found["stage"], strict=True))
    ]
    named = "; ".join(where[:3]) + (f"; and {len(where) - 3} more" if len(where) > 3 else "")
    return (
        f"the search stalled for {len(found)} of {len(synthesis)} metamers, which went on by the "
        f"rule of Feather et al. 2023 (column stalled of tables/synthesis.parquet): {named}"
    )


def loss_curves(
    run_dir: RunDir, record: Mapping[str, Any], synthesis: pd.DataFrame
) -> dict[str, list[Curve]]:
    """Return each model's curves, from its first stage to its last, as far as they are there."""
    late = unfinished(synthesis).set_index(["model", "stage"])["unfinished"]
    curves: dict[str, list[Curve]] = {}
    for task in record["tasks"]:
        place = Place(task["kind"], task["key"], task["generator"], task["stage"])
        if place.kind != "synthesis" or not (run_dir.root / place.marker).exists():
            continue
        arrays = run_dir.arrays(place)
        if "losses" not in arrays:  # results from elsewhere may lack them
            continue
        losses, steps = arrays["losses"], arrays["steps"]
        with np.errstate(all="ignore"):
            middle = np.nanmedian(losses, axis=0)
        is_late = bool(late.get((task["generator"], task["stage"]), False))
        curve = Curve(task["stage"], steps, middle, is_late)
        curves.setdefault(task["generator"], []).append(curve)
    return curves


def draw_convergence(curves: Mapping[str, Sequence[Curve]], order: Sequence[str]) -> bytes:
    """Draw a panel for each generation model, a line for each stage; return a PNG file."""
    from matplotlib import colormaps

    models = [model for model in order if curves.get(model)]
    columns = min(COLUMNS, len(models))
    rows = -(-len(models) // columns)
    figure = new_figure(max(6.8, PANEL_IN[0] * columns), PANEL_IN[1] * rows + 0.6)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels[len(models) :]:
        panel.set_visible(False)
    names = short_names(models)
    for panel, model in zip(panels, models, strict=False):
        _panel(panel, curves[model], colormaps["viridis"])
        panel.set_title(
            plain(textwrap.fill(names[model], TITLE_LETTERS)), fontsize=NORMAL, color=INK
        )
    figure.supxlabel("gradients taken", fontsize=NORMAL, color=INK)
    figure.supylabel("loss (distance / norm), median", fontsize=NORMAL, color=INK)
    figure.suptitle("Loss of the metamers during synthesis", fontsize=LARGE, color=INK)
    return png(figure)


def _panel(axes: Axes, curves: Sequence[Curve], colours: Colormap) -> None:
    axes.set_xscale("symlog", linthresh=10)
    axes.set_yscale("log")
    for i, curve in enumerate(curves):
        shade = colours(0.85 * i / max(1, len(curves) - 1))
        loss = np.maximum(curve.loss, SMALLEST)
        axes.plot(curve.steps, loss, color=shade, linewidth=1.3, label=plain(curve.stage))
        if curve.unfinished:
            axes.plot(curve.steps[-1], loss[-1], "o", color=WARNING, markersize=5, clip_on=False)
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.5)
    bare(axes)
    axes.legend(fontsize=SMALL - 1.5, frameon=False, loc="lower left", labelspacing=0.15)
