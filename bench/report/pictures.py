"""Draws every picture of a run that its results allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import UnknownName
from bench.labels.spaces import space
from bench.report.convergence import draw_convergence, loss_curves
from bench.report.curves import draw_curves
from bench.report.drawing import looks
from bench.report.gallery import draw_gallery
from bench.report.matrix import draw_matrix
from bench.report.recognition import cells, made_stages, matrix
from bench.report.scatter import draw_scatter
from bench.store.files import write_atomically
from bench.store.keys import as_folder
from bench.store.run_dir import RunDir

FOLDER = "pictures"
MATRIX, LATE, CURVES, SCATTER, CONVERGENCE = (
    "recognition-matrix",
    "recognition-matrix-late",
    "recognition-curves",
    "alignment-robustness",
    "convergence",
)

Natural = tuple[list[str], NDArray[np.floating]]


def gallery_name(model_id: str) -> str:
    """Return the name of a model's gallery among the pictures."""
    return f"gallery-{model_id}"


def draw_all(
    run_dir: RunDir, record: Mapping[str, Any], board: pd.DataFrame, natural: Natural | None
) -> dict[str, Path]:
    """Draw and write what there are results for.

    Parameters
    ----------
    board
        The ranked rows of the leaderboard.
    natural
        Ids and values of natural stimuli, those of the metamers among them.

    Returns
    -------
    Name of each picture to its file, ``RUN/pictures/<name>.png``. Recognition by other models
    needs two models; the scatter needs robust accuracies.
    """
    paths = {}
    for name, data in _drawn(run_dir, record, board, natural):
        paths[name] = run_dir.root / FOLDER / f"{as_folder(name)}.png"
        write_atomically(paths[name], data)
    return paths


def board_order(record: Mapping[str, Any], board: pd.DataFrame) -> list[str]:
    """Return the run's models, those on the board first and in its order."""
    models = [model["id"] for model in record["models"]]
    ranked = [model for model in board["model"] if model in models]
    return [*ranked, *(model for model in models if model not in ranked)]


def _drawn(
    run_dir: RunDir, record: Mapping[str, Any], board: pd.DataFrame, natural: Natural | None
) -> Iterator[tuple[str, bytes]]:
    order = board_order(record, board)
    look = looks([model["id"] for model in record["models"]])
    stages = {model: made_stages(record, model) for model in order}
    table = run_dir.table("recognition")
    found = None if table is None else cells(table)
    chance = _chance(record)
    if found is not None and len(order) > 1:
        yield MATRIX, draw_matrix(matrix(found, order, stages), "Who recognises whose metamers")
        late = int(record["suite"]["board"]["late_stages"])
        last = {model: names[-late:] for model, names in stages.items()}
        title = f"Who recognises whose metamers: the last {late} stages"
        yield LATE, draw_matrix(matrix(found, order, last), title)
        yield CURVES, draw_curves(found, order, stages, look, chance)
    scatter = draw_scatter(board, look, attack_in_words(record), chance)
    if scatter is not None:
        yield SCATTER, scatter
    made = run_dir.table("synthesis")
    if made is not None and (losses := loss_curves(run_dir, record, made)):
        yield CONVERGENCE, draw_convergence(losses, order)
    ids, values = natural if natural is not None else (_ids(run_dir), None)
    for model in order:
        if stages[model]:
            yield gallery_name(model), draw_gallery(run_dir, record, model, values, ids, found)


def attack_in_words(record: Mapping[str, Any]) -> str:
    """Return the attack that the board ranks by: name, norm and eps."""
    suite = record["suite"]
    rule, measure = suite["board"], suite.get("robustness") or {}
    eps, norm = float(rule["robustness_eps"]), str(rule["robustness_norm"])
    size = f"{eps * 255:g}/255" if norm == "linf" and _is_whole(eps * 255) else f"{eps:g}"
    name = str(measure.get("attack", "attack")).upper()
    return f"{name}, {norm.capitalize()} {size}"


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-3


def _chance(record: Mapping[str, Any]) -> float | None:
    try:
        return space(record["suite"]["label_space"]).chance
    except UnknownName:
        return None


def _ids(run_dir: RunDir) -> list[str]:
    made = run_dir.table("synthesis")
    return [] if made is None else list(dict.fromkeys(made["id"]))
