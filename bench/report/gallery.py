"""A model's metamers: the natural stimuli on top, then a row a stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.labels.spaces import space
from bench.report.drawing import (
    DPI,
    INK,
    LARGE,
    NORMAL,
    SMALL,
    WARNING,
    new_figure,
    plain,
    png,
    share,
    text_width,
)
from bench.report.recognition import NATURAL, by_others, made_stages
from bench.report.tiles import WANTED_PX, Pixels, tiles
from bench.store.files import StoreError
from bench.store.run_dir import Place, RunDir

STIMULI = 8
GAP, FRAME, MARGIN, TITLE, HEAD, FOOT = 8, 4, 14, 44, 22, 40  # pixels
LINE = 15  # pixels from one line of text to the next
NARROWEST = 480  # pixels: the foot's line fits
EMPTY_ROW = 56  # height of a row without metamers, in pixels


@dataclass(frozen=True)
class Row:
    """One row of a gallery: a tile a stimulus (None where it lacks one), or a note instead."""

    lines: tuple[str, ...]
    tiles: tuple[Pixels | None, ...] = ()
    framed: tuple[bool, ...] = ()
    note: str = ""

    @property
    def tile_size(self) -> tuple[int, int] | None:
        """Height and width of its tiles, in pixels; None without tiles."""
        sizes = (tile.shape[:2] for tile in self.tiles if tile is not None)
        return next(sizes, None)

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.tile_size[0] if self.tile_size else EMPTY_ROW


def draw_gallery(
    run_dir: RunDir,
    record: Mapping[str, Any],
    model_id: str,
    natural: NDArray[np.floating] | None,
    ids: Sequence[str],
    found: pd.DataFrame | None = None,
) -> bytes:
    """Draw the metamers of the first stimuli, under the stimuli themselves.

    Parameters
    ----------
    natural
        The natural stimuli named by ``ids``: images ``(N, C, H, W)`` in [0, 1] or sounds
        ``(N, samples)``; None if they cannot be had.
    found
        From `bench.report.recognition.cells`, for the shares that other models recognise.

    Returns
    -------
    A PNG file. Pixels of images up to 96 px are repeated, never smoothed.
    """
    shown = list(ids)[:STIMULI]
    tasks = {
        task["stage"]: task["key"]
        for task in record["tasks"]
        if task["kind"] == "synthesis" and task["generator"] == model_id
    }
    parts = {
        stage: read_part(run_dir, Place("synthesis", tasks[stage], model_id, stage))
        for stage in made_stages(record, model_id)
    }
    rows = [_natural_row(natural, len(shown), others_in_words(found, model_id, NATURAL))]
    rows += [
        _stage_row(stage, part, shown, others_in_words(found, model_id, stage))
        for stage, part in parts.items()
    ]
    heads = class_names(record, [p[0] for p in parts.values() if not isinstance(p, str)], shown)
    training = next((m["training"] for m in record["models"] if m["id"] == model_id), "")
    return _compose(f"{model_id}" + (f"  ({training})" if training else ""), rows, heads)


Part = tuple[pd.DataFrame, NDArray[np.floating]]


def read_part(run_dir: RunDir, place: Place) -> Part | str:
    """Return a stage's rows and metamers, or why there are none."""
    reason = run_dir.failure(place.key)
    if reason is not None:
        return f"failed: {reason}"
    if not (run_dir.root / place.marker).exists():
        return "not made yet"
    try:
        return run_dir.rows(place), run_dir.arrays(place)["stimuli"]
    except StoreError as error:
        return f"damaged: {error}"


def others_in_words(found: pd.DataFrame | None, model: str, stage: str) -> str:
    """Return the share that other models recognise; nothing where none was asked."""
    if found is None:
        return ""
    mean, _, n = by_others(found, model, stage)
    return f"others {share(mean)}" if n else ""


def _natural_row(natural: NDArray[np.floating] | None, n: int, others: str) -> Row:
    lines = ("natural", others)
    if natural is None or not n:
        return Row(lines, note="the natural stimuli are not at hand")
    drawn = tuple(tiles(natural[:n]))
    return Row(lines, drawn, (False,) * len(drawn))


def _stage_row(stage: str, part: Part | str, shown: Sequence[str], others: str) -> Row:
    if isinstance(part, str):
        return Row((stage,), note=part)
    table, metamers = part
    match = table["label_match"].to_numpy(dtype=bool)
    position = {name: i for i, name in enumerate(table["id"])}
    at = [position.get(name) for name in shown]
    lines = (stage, others, f"own label {match.sum()}/{len(match)}")
    drawn = iter(tiles(metamers[[i for i in at if i is not None]]))
    in_place = [None if i is None else next(drawn) for i in at]
    return Row(lines, tuple(in_place), tuple(i is not None and not match[i] for i in at))


def class_names(
    record: Mapping[str, Any], tables: Sequence[pd.DataFrame], shown: Sequence[str]
) -> list[str]:
    """Return the true class of each stimulus shown, where a table tells it."""
    if not tables:
        return []
    classes = space(record["suite"]["label_space"]).classes
    labels = dict(zip(tables[0]["id"], tables[0]["label"], strict=True))
    return [classes[labels[name]] if name in labels else "" for name in shown]


# -- putting it on one canvas, pixel by pixel


def _compose(title: str, rows: Sequence[Row], heads: Sequence[str]) -> bytes:
    tile_width = max((row.tile_size[1] for row in rows if row.tile_size), default=WANTED_PX)
    count = max(len(heads), *(len(row.tiles) for row in rows))
    left = MARGIN * 2 + text_width([line for row in rows for line in row.lines], NORMAL)
    width = left + count * (tile_width + GAP) + MARGIN
    width = max(width, text_width([title], LARGE) + 2 * MARGIN, NARROWEST)
    height = TITLE + HEAD + sum(row.height + GAP for row in rows) + FOOT
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    # matplotlib cuts a fraction of a pixel off: one hundredth more keeps the size exact
    figure = new_figure((width + 0.01) / DPI, (height + 0.01) / DPI, layout=None)

    def write(x: float, y: float, text: str, **how: Any) -> None:
        figure.text(x / width, 1 - y / height, plain(text), va="center", **{"color": INK, **how})

    write(MARGIN, TITLE / 2, title, fontsize=LARGE, fontweight="bold")
    for i, head in enumerate(heads):
        x = left + i * (tile_width + GAP) + tile_width / 2
        write(x, TITLE + HEAD / 2, _cut(head, tile_width), ha="center", fontsize=NORMAL)
    top = TITLE + HEAD
    for row in rows:
        _put_tiles(canvas, row, left, top)
        _put_lines(write, row, top)
        if row.note:
            note = _cut(row.note, width - left - MARGIN)
            write(left, top + row.height / 2, note, fontsize=NORMAL, color=WARNING)
        top += row.height + GAP
    if any(any(row.framed) for row in rows):
        write(MARGIN, height - FOOT / 2, "framed: the model gives this metamer another label than "
              "the natural stimulus", fontsize=SMALL, color=WARNING)  # fmt: skip
    figure.figimage(canvas, 0, 0, origin="upper")
    return png(figure)


def _put_tiles(canvas: Pixels, row: Row, left: int, top: int) -> None:
    colour = [int(WARNING[i : i + 2], 16) for i in (1, 3, 5)]
    for i, (tile, framed) in enumerate(zip(row.tiles, row.framed, strict=True)):
        if tile is None:
            continue
        height, width = tile.shape[:2]
        x = left + i * (width + GAP)
        if framed:
            edge = slice(top - FRAME, top + height + FRAME), slice(x - FRAME, x + width + FRAME)
            canvas[edge] = colour
        canvas[top : top + height, x : x + width] = tile


def _put_lines(write: Any, row: Row, top: int) -> None:
    lines = [line for line in row.lines if line]
    first = top + row.height / 2 - LINE * (len(lines) - 1) / 2
    for i, line in enumerate(lines):
        how = {"fontweight": "bold"} if i == 0 else {"color": "#555555"}
        write(MARGIN, first + i * LINE, line, fontsize=NORMAL, **how)


def _cut(text: str, width: int) -> str:
    """Return one line of text, shortened to what a width in pixels holds."""
    line = " ".join(text.split())
    wide = text_width([line], NORMAL)
    return line if wide <= width else line[: max(1, len(line) * width // wide - 1)] + "…"
