"""What a run's page and last lines say of metamers that are not finished."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
from PIL import Image

from bench.report.convergence import (
    Curve,
    draw_convergence,
    stalled,
    unfinished,
    warning,
)
from bench.report.drawing import WARNING


def synthesis(**headroom: list[float]) -> pd.DataFrame:
    rows = [
        {"model": "a", "stage": stage, "headroom": value, "stalled": 0}
        for stage, values in headroom.items()
        for value in values
    ]
    return pd.DataFrame(rows)


def test_a_stage_is_unfinished_by_its_median() -> None:
    table = synthesis(early=[0.0, 0.5, 0.001], late=[0.02, 0.3, 0.0], none=[np.nan, np.nan])
    found = unfinished(table).set_index("stage")
    assert found["unfinished"].to_dict() == {"early": False, "late": True}
    line = warning(table)
    assert "1 of 2 model stages" in line
    assert "a, late: 0.02" in line
    assert "protocol fast" in line
    assert warning(synthesis(early=[0.001])) == ""


def test_results_of_older_versions_say_nothing() -> None:
    table = synthesis(early=[0.5]).drop(columns=["headroom", "stalled"])
    assert warning(table) == stalled(table) == ""
    assert unfinished(table).empty


def test_searches_that_stalled_are_named() -> None:
    table = synthesis(early=[0.0] * 3, late=[0.0] * 2)
    assert stalled(table) == ""
    table.loc[3:, "stalled"] = 240
    assert "2 of 5 metamers" in stalled(table)
    assert "a, late" in stalled(table)


def test_unfinished_curves_carry_a_mark() -> None:
    def orange(marked: bool) -> int:
        steps = np.array([0, 10, 100])
        curves = {"m$": [Curve("s", steps, np.array([1.0, 0.1, 0.0]), marked)]}
        with Image.open(io.BytesIO(draw_convergence(curves, ["m$", "other"]))) as image:
            pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
        wanted = [int(WARNING[i : i + 2], 16) for i in (1, 3, 5)]
        return int((np.abs(pixels - wanted).sum(axis=1) < 20).sum())

    assert orange(False) == 0
    assert orange(True) > 10
