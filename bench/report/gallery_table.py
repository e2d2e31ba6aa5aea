"""A model's metamers on the page: a row a stage under the natural stimuli, a click enlarges."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.pages.markup import Markup, element, image, inside
from bench.report.gallery import Part, class_names, others_in_words, read_part
from bench.report.recognition import NATURAL, made_stages
from bench.report.tiles import Pixels, tiles
from bench.store.run_dir import Place, RunDir

MOST_TILES = 2400  # on a page, of all models: about 10 MB of small images
FEWEST, MOST = 8, 40  # stimuli a model
LOSSLESS_UP_TO = 64  # px; larger tiles are JPEG
JPEG_QUALITY = 90

Natural = tuple[list[str], NDArray[np.floating]]


def stimuli_shown(record: Mapping[str, Any], ids: Sequence[str]) -> list[str]:
    """Return the stimuli that every model's table shows: as many as a page bears."""
    rows = sum(1 + len(made_stages(record, model["id"])) for model in record["models"])
    return list(ids)[: min(MOST, max(FEWEST, MOST_TILES // max(rows, 1)))]


def gallery_table(
    run_dir: RunDir,
    record: Mapping[str, Any],
    model: str,
    natural: Natural | None,
    shown: Sequence[str],
    found: pd.DataFrame | None,
) -> Markup:
    """Return the metamers of the stimuli named by ``shown``, each under its natural stimulus.

    Parameters
    ----------
    natural
        Ids and values of natural stimuli; None if they cannot be had.
    found
        From `bench.report.recognition.cells`, for the shares that other models recognise.
    """
    keys = {
        task["stage"]: task["key"]
        for task in record["tasks"]
        if task["kind"] == "synthesis" and task["generator"] == model
    }
    parts = {
        stage: read_part(run_dir, Place("synthesis", keys[stage], model, stage))
        for stage in made_stages(record, model)
    }
    heads = class_names(record, [p[0] for p in parts.values() if not isinstance(p, str)], shown)
    body = [_natural_row(natural, shown, others_in_words(found, model, NATURAL))]
    body += [
        _stage_row(stage, part, shown, others_in_words(found, model, stage))
        for stage, part in parts.items()
    ]
    head = element("tr", element("th", ""), *(element("th", h, scope="col") for h in heads))
    whole = element("table", element("thead", head), element("tbody", *body), class_="tiles")
    return element("div", whole, class_="scroll rows", tabindex="0")


def _natural_row(natural: Natural | None, shown: Sequence[str], others: str) -> Markup:
    place = {name: i for i, name in enumerate(natural[0])} if natural else {}
    if natural is None or not all(name in place for name in shown) or not shown:
        return _row(["natural", others], "the natural stimuli are not at hand", len(shown))
    drawn = tiles(natural[1][[place[name] for name in shown]], enlarge=False)
    cells = [_cell(tile, f"{name}, natural") for name, tile in zip(shown, drawn, strict=True)]
    return _row(["natural", others], cells, len(shown))


def _stage_row(stage: str, part: Part | str, shown: Sequence[str], others: str) -> Markup:
    if isinstance(part, str):
        return _row([stage], part, len(shown))
    table, metamers = part
    match = table["label_match"].to_numpy(dtype=bool)
    place = {name: i for i, name in enumerate(table["id"])}
    cells = []
    for name in shown:
        if name not in place:
            cells.append(element("td", ""))
            continue
        at = place[name]
        label = "" if match[at] else ", another label than the natural stimulus"
        (tile,) = tiles(metamers[[at]], enlarge=False)
        cells.append(_cell(tile, f"{name}, metamer of {stage}{label}", framed=not match[at]))
    own = f"own label {match.sum()}/{len(match)}"
    return _row([stage, others, own], cells, len(shown))


def _row(lines: Sequence[str], content: str | Sequence[Markup], width: int) -> Markup:
    first, *more = [line for line in lines if line]
    head = element("th", first, *(element("small", line) for line in more), scope="row")
    if isinstance(content, str):
        note = element("td", content, class_="alarm", colspan=max(width, 1))
        return element("tr", head, note)
    return element("tr", head, *content)


def _cell(tile: Pixels, alt: str, *, framed: bool = False) -> Markup:
    source = inside(*_encoded(tile))
    return element("td", image(source, alt, class_="zoom framed" if framed else "zoom"))


def _encoded(tile: Pixels) -> tuple[bytes, str]:
    from PIL import Image

    buffer = io.BytesIO()
    drawn = Image.fromarray(tile)
    if max(tile.shape[:2]) <= LOSSLESS_UP_TO:
        drawn.save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), "png"
    drawn.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue(), "jpeg"
