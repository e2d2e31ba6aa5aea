"""The page of a run: one file, which needs no network."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bench.pages.document import document
from bench.pages.markup import Markup, element, joined, picture
from bench.report import page_text
from bench.report.convergence import stalled, warning
from bench.report.drawing import looks
from bench.report.gallery_table import Natural, gallery_table, stimuli_shown
from bench.report.page_tables import board_table, failure_table, match_table, sources_table
from bench.report.pictures import (
    CONVERGENCE,
    CURVES,
    LATE,
    MATRIX,
    SCATTER,
    attack_in_words,
    board_order,
)
from bench.report.recognition import cells, made_stages
from bench.store.files import write_atomically
from bench.store.run_dir import RunDir

FILE = "report.html"
PNG_UP_TO = 1_000_000  # bytes; larger pictures are embedded as JPEG, the PNG lies beside the page
JPEG_QUALITY = 88
MEASURES = ("alignment", "late", "two_afc", "accuracy", "robust")


def write_page(
    run_dir: RunDir,
    record: Mapping[str, Any],
    board: pd.DataFrame,
    pictures: Mapping[str, Path],
    failures: Sequence[tuple[str, str]],
    natural: Natural | None = None,
) -> Path:
    """Write ``RUN/report.html`` and return its path.

    Parameters
    ----------
    board
        The ranked rows of the leaderboard.
    pictures
        From `bench.report.pictures.draw_all`.
    failures
        What failed, and why.
    natural
        Ids and values of natural stimuli, those of the metamers among them.
    """
    path = run_dir.root / FILE
    write_atomically(path, page(run_dir, record, board, pictures, failures, natural).encode())
    return path


def page(
    run_dir: RunDir,
    record: Mapping[str, Any],
    board: pd.DataFrame,
    pictures: Mapping[str, Path],
    failures: Sequence[tuple[str, str]],
    natural: Natural | None = None,
) -> Markup:
    """Return the page as HTML."""
    suite = record["suite"]
    sections = {
        "Leaderboard": _board(record, board),
        "Pictures": _pictures(pictures, record),
        "Metamers": _galleries(run_dir, record, board, natural),
        "Match": _match(run_dir, record, board, pictures),
        "Failures": _failures(record, failures),
        "How to read it": page_text.how_to_read(suite, attack_in_words(record)),
        "Run": _facts(record),
        "Sources": joined([page_text.sources(), sources_table(record)]),
    }
    names = {title: title.lower().replace(" ", "-") for title in sections}
    links = [element("a", title, href=f"#{name}") for title, name in names.items()]
    body = joined(
        [
            element("header", *_header(record, failures), element("nav", *links)),
            *(
                element("section", element("h2", title), content, id=names[title])
                for title, content in sections.items()
            ),
        ]
    )
    return document(f"{suite['title']}: metamer-bench", body)


def _header(record: Mapping[str, Any], failures: Sequence[tuple[str, str]]) -> list[Markup]:
    suite = record["suite"]
    n = len(record["models"])
    state = str(record["status"]) + (f", {len(failures)} failed" if failures else "")
    return [
        element("h1", suite["title"]),
        element("p", suite["description"].strip(), class_="lead"),
        element(
            "p",
            f"{n} model{'s' if n != 1 else ''}, protocol {page_text.protocol(suite)}, "
            f"{page_text.n_metamers(record)}. Run {record['started'][:10]}: {state}.",
        ),
        element("p", page_text.fidelity_note(suite), class_="note"),
    ]


def _board(record: Mapping[str, Any], board: pd.DataFrame) -> Markup:
    headings = page_text.headings(record["suite"], attack_in_words(record))
    shown = [m for m in MEASURES if m == "alignment" or board[m].notna().any()]
    look = looks([model["id"] for model in record["models"]])
    parts = [board_table(board, {m: headings[m] for m in shown}, look)]
    if len(record["models"]) < 2:
        parts.insert(0, element("p", page_text.ALONE, class_="note"))
    parts.append(element("p", page_text.UNDER_BOARD, class_="note"))
    parts.append(element("p", *page_text.other_files(), class_="note"))
    return joined(parts)


def _pictures(pictures: Mapping[str, Path], record: Mapping[str, Any]) -> Markup:
    texts = page_text.pictures(record)
    shown = [
        _embedded(pictures[name], *texts[name])
        for name in (SCATTER, MATRIX, LATE, CURVES)
        if name in pictures
    ]
    return joined(shown) if shown else element("p", page_text.NO_PICTURES, class_="note")


def _galleries(
    run_dir: RunDir, record: Mapping[str, Any], board: pd.DataFrame, natural: Natural | None
) -> Markup:
    made = run_dir.table("synthesis")
    table = run_dir.table("recognition")
    found = None if table is None else cells(table)
    ids = natural[0] if natural else ([] if made is None else list(dict.fromkeys(made["id"])))
    shown = stimuli_shown(record, ids)
    parts = [element("p", page_text.galleries(len(shown), len(ids)), class_="note")]
    for model in board_order(record, board):
        if made_stages(record, model):
            parts.append(element("h3", model))
            parts.append(gallery_table(run_dir, record, model, natural, shown, found))
    return joined(parts)


def _embedded(path: Path, alt: str, caption: str) -> Markup:
    data, kind = path.read_bytes(), "png"
    if len(data) > PNG_UP_TO:
        data, kind = _jpeg(data), "jpeg"
        caption = f"{caption} Compressed here; pixel by pixel in pictures/{path.name}.".strip()
    return picture(data, kind, alt, caption)


def _jpeg(data: bytes) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _match(
    run_dir: RunDir, record: Mapping[str, Any], board: pd.DataFrame, pictures: Mapping[str, Path]
) -> Markup:
    synthesis = run_dir.table("synthesis")
    if synthesis is None:
        return element("p", "No metamers were made.", class_="note")
    notes = [line for line in (warning(synthesis), stalled(synthesis)) if line]
    parts = [
        element("p", page_text.MATCH, class_="note"),
        *(element("p", f"Caution: {line}.", class_="note") for line in notes),
        match_table(synthesis, record, board_order(record, board), run_dir.table("criterion")),
    ]
    if CONVERGENCE in pictures:
        parts.append(_embedded(pictures[CONVERGENCE], *page_text.CONVERGED))
    return joined(parts)


def _failures(record: Mapping[str, Any], failures: Sequence[tuple[str, str]]) -> Markup:
    left_out = [(f"model {name}: left out", why) for name, why in record["unavailable"].items()]
    everything = [*failures, *left_out]
    if not everything:
        return element("p", "No task failed.")
    return failure_table(everything)


def _facts(record: Mapping[str, Any]) -> Markup:
    facts = page_text.facts(record)
    return element(
        "dl",
        *(joined([element("dt", name), element("dd", value)]) for name, value in facts.items()),
        class_="facts",
    )
