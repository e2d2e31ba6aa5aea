"""What all pictures of a run share: one look a model, short names, PNG bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

DPI = 110
SMALL, NORMAL, LARGE = 8.0, 9.0, 11.0  # text sizes in points
INK, FAINT = "#222222", "#8a8a8a"
WARNING = "#d55e00"  # Okabe and Ito's vermilion

# Twelve colours with a contrast of 3 or more on the page's white and on its dark paper, there also
# through the filter that page.css lays over plots; apart by 10 units of CIELAB or more for
# trichromats and for the three kinds of dichromats (found by search; tested in test_colours.py).
COLOURS = (
    "#1e873c", "#965aff", "#d2780f", "#5a8796", "#c32d69", "#8787f0",
    "#696900", "#c369c3", "#4ba569", "#782dff", "#879687", "#a53c96",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # 7 and 12 share no factor: 84 distinct pairs


@dataclass(frozen=True)
class Look:
    """How a model is drawn in every picture."""

    colour: str
    marker: str


def looks(models: Sequence[str]) -> dict[str, Look]:
    """Return each model's look; it depends on the models' order only."""
    return {
        model: Look(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)])
        for i, model in enumerate(models)
    }


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Return the models' names without the beginning, up to a hyphen, that all of them share."""
    together = takewhile(lambda letters: len(set(letters)) == 1, zip(*models, strict=False))
    shared = "".join(letters[0] for letters in together) if len(models) > 1 else ""
    cut = shared.rfind("-") + 1
    return {model: model[cut:] or model for model in models}


def plain(text: str) -> str:
    """Return text that matplotlib shows as it is, dollar signs included."""
    return text.replace("$", r"\$")


def share(value: float) -> str:
    """Return a proportion with two decimals, a dash where it is missing."""
    return "–" if math.isnan(value) else f"{value:.2f}"


def bare(axes: Axes) -> None:
    """Take away what carries no number: the frame's upper and right lines."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=SMALL, colors=INK)


def new_figure(
    width_in: float, height_in: float, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Return an empty figure that measures and draws without a display."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)  # the figure keeps it: texts are then measured at once
    return figure


def text_width(lines: Sequence[str], size: float) -> int:
    """Return how many pixels the longest of these lines takes in bold."""
    figure = new_figure(1, 1, layout=None)
    texts = [figure.text(0, 0, plain(line), fontsize=size, fontweight="bold") for line in lines]
    return round(max(text.get_window_extent().width for text in texts))


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, facecolor="white")
    return buffer.getvalue()
