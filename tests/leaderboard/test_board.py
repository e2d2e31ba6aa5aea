"""Ranks, ties, what is missing, and what is never ranked together."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from bench.errors import BenchError
from bench.leaderboard.board import make_board
from bench.leaderboard.render import as_json, markdown, screen
from bench.leaderboard.render import csv as as_csv


def ranks(board) -> list[tuple[str, str]]:
    return list(zip(board.rows["model"], board.rows["rank"], strict=True))


def test_overlapping_intervals_share_a_rank(make) -> None:
    values = {"low": 0.30, "top": 0.90, "near": 0.86, "middle": 0.60, "bridge": 0.78}
    board = make_board([make(name, value) for name, value in values.items()])
    # Intervals are +- 0.05: near and top overlap; bridge (to 0.83) touches near (from 0.81) but
    # lies wholly below top (from 0.85).
    assert ranks(board) == [
        ("top", "1="),
        ("near", "1="),
        ("bridge", "2"),
        ("middle", "4"),
        ("low", "5"),
    ]


def test_what_is_missing_is_a_dash_and_never_a_zero(make) -> None:
    board = make_board([make("measured", 0.5, 0.2), make("unmeasured", None)])
    assert ranks(board) == [("measured", "1"), ("unmeasured", "-")]
    (line,) = (line for line in markdown(board).splitlines() if "unmeasured" in line)
    assert line.count("–") == 2
    assert "0.000" not in line
    rows = list(csv.DictReader(io.StringIO(as_csv(board))))
    assert rows[1]["alignment"] == ""
    assert json.loads(as_json(board))["rows"][1]["alignment"] is None


def test_the_correlation_is_scipys(make) -> None:
    pairs = {"a": (0.2, 0.1), "b": (0.9, 0.5), "c": (0.5, 0.6), "d": (0.7, 0.2)}
    board = make_board([make(name, *pair) for name, pair in pairs.items()])
    expected = spearmanr(*np.array(list(pairs.values())).T)
    assert board.correlation is not None
    assert board.correlation.rho == pytest.approx(expected.statistic, abs=1e-4)
    assert board.correlation.n == 4
    assert make_board([make("a", 0.2, 0.1), make("b", 0.3, 0.1)]).correlation is None


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"epochs": {"synthesis": 2}}, "epochs"),
        ({"panel": ("a", "c")}, "panel"),
        ({"stimuli": {}}, "stimuli"),
    ],
)
def test_numbers_of_other_makings_are_never_ranked_together(make, changes, what) -> None:
    with pytest.raises(BenchError, match=f"of x and y cannot be ranked together: .*{what}"):
        make_board([make("x", 0.5), make("y", 0.4, **changes)])


def test_text_from_plugins_is_escaped(make) -> None:
    result = make("m", 0.5)
    hostile = result.model_copy(
        update={"model": result.model.model_copy(update={"training": "a|b <script>"})}
    )
    text = markdown(make_board([hostile]))
    assert r"a\|b &lt;script&gt;" in text
    assert "<script>" not in text


def test_the_screen_tells_n(make) -> None:
    text = "\n".join(screen(make_board([make("m", 0.5, 0.25)])))
    assert "0.500 [0.45, 0.55]" in text
    assert "recognised by others 100" in text
