"""Boards of human data: ranks, ties, what is missing, attacks, pictures, and that they follow."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image
from scipy.stats import pearsonr, spearmanr

from bench.errors import BenchError
from bench.leaderboard.diff import diff
from bench.leaderboard.human_board import make_human_board, shown_eps
from bench.leaderboard.human_result import HumanResult
from bench.leaderboard.publish import Folders, build, check, read_board, write_results
from bench.leaderboard.render import as_json, markdown, screen
from bench.leaderboard.render import csv as as_csv
from bench.leaderboard.result import read_result, result_schema
from bench.report.human_scatter import draw_human_scatter, draw_outdated


def number(value: float, half: float = 0.05, n: int = 20) -> dict[str, float]:
    return {"value": value, "low": max(0, value - half), "high": min(1, value + half), "n": n}


def attacked(value: float, n: int | None = 1000, **changes: Any) -> dict[str, Any]:
    known = {} if n is None else {"low": max(0, value - 0.01), "high": value + 0.01, "n": n}
    what = {"attack": "pgd", "steps": 64, "norm": "linf", "eps": 4 / 255}
    return {"value": value, **known, **what, "source": "paper", "checkpoint": "same", **changes}


def people(name: str, mean: float, late: float = 0.3, **changes: Any) -> HumanResult:
    fields: dict[str, Any] = {
        "kind": "human",
        "suite": {
            "id": "toy-vision",
            "title": "Toy",
            "modality": "vision",
            "reference": "someone",
            "license": "",
            "chance": 0.0625,
            "resamples": 1000,
            "seed": 0,
            "data_sha256": "0" * 64,
        },
        "model": {"id": name, "architecture": "net", "training": "standard"},
        "experiments": [{"name": "vision-1", "participants": 20}],
        "natural": number(0.9),
        "stages": [{"stage": "conv", "recognition": number(mean), "sem": 0.02}],
        "mean": number(mean),
        "late": number(late),
        "versions": {},
    }
    return HumanResult.model_validate({**fields, **changes})


def test_overlapping_intervals_share_a_rank_in_both_rankings() -> None:
    values = {"low": (0.30, 0.6), "top": (0.90, 0.2), "near": (0.86, 0.6), "bridge": (0.78, 0.4)}
    rows = make_human_board([people(m, *v) for m, v in values.items()]).rows
    # +- 0.05: bridge (to 0.83) touches near (from 0.81), and lies wholly below top (from 0.85)
    assert list(rows["model"]) == ["top", "near", "bridge", "low"]
    assert list(rows["rank"]) == ["1=", "1=", "2", "4"]
    # late: low and near share the top, bridge (to 0.45) is below both, top below all three
    assert list(rows["rank_late"]) == ["4", "1=", "3", "1="]


def test_what_is_missing_is_a_dash_and_never_a_zero() -> None:
    known = people(
        "known",
        0.5,
        mean_others=number(0.4),
        late_others=number(0.2),
        accuracy={"accuracy": number(0.7), "of": "images", "source": "paper"},
        robustness=[attacked(0.2)],
    )
    board = make_human_board([known, people("unknown", 0.2, natural=None)])
    (line,) = (line for line in markdown(board).splitlines() if "| unknown" in line)
    # natural, both of other models, accuracy, under attack
    assert line.count("–") == 5
    assert "0.000" not in line
    rows = list(csv.DictReader(io.StringIO(as_csv(board))))
    for column in ("natural", "others", "late_others", "accuracy", "robust_pgd64_linf_4of255"):
        assert rows[0][column] != ""
        assert rows[1][column] == ""
        assert json.loads(as_json(board))["rows"][1][column] is None


def test_only_figures_of_one_attack_are_correlated() -> None:
    pairs = {"a": (0.2, 0.1), "b": (0.9, 0.5), "c": (0.5, 0.6), "d": (0.7, 0.2)}
    results = [people(m, mean, robustness=[attacked(r)]) for m, (mean, r) in pairs.items()]
    other = attacked(0.9, attack="autoattack", steps=None)
    results += [people(m, 0.1, robustness=[other]) for m in ("e", "f")]
    board = make_human_board(results)
    by_attack = {c.attack.attack: c for c in board.correlations}
    values = np.array(list(pairs.values())).T
    pgd, auto = by_attack["pgd"], by_attack["autoattack"]
    assert pgd.n == 4
    assert pgd.correlation is not None
    assert pgd.correlation.rho == pytest.approx(spearmanr(*values).statistic)
    assert pgd.correlation.r == pytest.approx(pearsonr(*values).statistic)
    assert auto.n == 2
    assert auto.correlation is None
    text = " ".join(screen(board))
    assert "AutoAttack linf 4/255: 2 models have both, no correlation (3 are needed)" in text
    assert f"rho {spearmanr(*values).statistic:.2f}" in text
    assert "n 4 models" in text


def test_a_correlation_without_variance_says_so() -> None:
    board = make_human_board([people(m, 0.5, robustness=[attacked(0.1)]) for m in "abc"])
    assert board.correlations[0].correlation is None
    assert "no correlation of 3 models, one of the two does not vary" in " ".join(screen(board))
    draw_human_scatter(board)


def test_of_several_eps_the_board_shows_where_models_differ_most() -> None:
    results = [
        people(
            "a", 0.5, robustness=[attacked(v, eps=e) for e, v in ((0.1, 0.9), (1, 0.6), (9, 0))]
        ),
        people(
            "b", 0.4, robustness=[attacked(v, eps=e) for e, v in ((0.1, 0.8), (1, 0.1), (9, 0))]
        ),
        # most models win over most difference
        people("c", 0.3, robustness=[attacked(v, eps=e) for e, v in ((0.1, 0.7), (1, 0.5))]),
    ]
    board = make_human_board(results)
    assert [a.title for a in board.attacks] == ["PGD-64 linf 1"]
    assert len(board.figures) == 8  # all of them stay in the second table
    assert markdown(board).count("| PGD-64 linf") == 8


@pytest.mark.parametrize(
    ("eps", "text"),
    [(4 / 255, "4/255"), (10**-2.5, "0.00316"), (10**-0.5, "0.316"), (3.0, "3"), (1000.0, "1000")],
)
def test_eps_as_commonly_written(eps: float, text: str) -> None:
    assert shown_eps(eps) == text


def test_data_of_other_making_are_never_ranked_together(tmp_path: Path, make) -> None:
    one, other = people("a", 0.5), people("b", 0.4)
    changed = other.suite.model_copy(update={"data_sha256": "1" * 64})
    with pytest.raises(BenchError, match="a and b cannot be ranked together"):
        make_human_board([one, other.model_copy(update={"suite": changed})])
    with pytest.raises(BenchError, match="no results to rank"):
        make_human_board([])
    write_results([one], tmp_path)
    (tmp_path / "toy-vision" / "run.json").write_text(make("r", 0.5).model_dump_json())
    with pytest.raises(BenchError, match="results of runs and of people: r is of a run, a of"):
        read_board(tmp_path, "toy-vision")


HOSTILE = "a|b <script>alert(1)</script> ![x](http://e.vil) \\| $\\frac{"


def test_hostile_text_is_shown_literally() -> None:
    result = people(
        "m",
        0.5,
        model={"id": HOSTILE, "architecture": HOSTILE, "training": HOSTILE},
        robustness=[attacked(0.2, source=HOSTILE, checkpoint=HOSTILE)],
    )
    suite = result.suite.model_copy(update={"reference": HOSTILE, "title": HOSTILE})
    names = [HOSTILE + end for end in "123"]
    results = [
        result.model_copy(
            update={"suite": suite, "model": result.model.model_copy(update={"id": name})}
        )
        for name in names
    ]
    board = make_human_board(results)
    text = markdown(board)
    assert "<script>" not in text
    assert "](http" not in text
    bars = [line.replace("\\\\", "").replace("\\|", "") for line in text.splitlines()]
    (columns,) = (line.count("|") for line in bars if line.startswith("| rank "))
    rows = [line for line in bars if line.startswith("| 1=")]
    assert [row.count("|") for row in rows] == [columns] * 3
    # the picture shows names, too
    assert draw_human_scatter(board)[:4] == b"\x89PNG"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    found = Folders(tmp_path / "results", tmp_path / "leaderboards")
    found.leaderboards.mkdir()
    values = {"a": (0.9, 0.5), "b": (0.6, 0.3), "c": (0.3, 0.1)}
    write_results([people(m, v, robustness=[attacked(r)]) for m, (v, r) in values.items()],
                  found.results)  # fmt: skip
    for path, text in build(found).items():
        path.write_text(text)
    draw_outdated(found)
    return found


def test_a_built_board_checks(folders) -> None:
    assert check(folders) == []
    names = sorted(p.name for p in folders.leaderboards.iterdir())
    assert names == [f"toy-vision.{ending}" for ending in ("csv", "html", "json", "md", "png")]
    assert draw_outdated(folders) == []  # what is up to date is left alone


@pytest.mark.parametrize("ending", ["md", "csv", "json", "html"])
def test_an_edited_board_is_found(folders, ending: str) -> None:
    board = folders.leaderboards / f"toy-vision.{ending}"
    board.write_text(board.read_text().replace("0.6", "0.99", 1))
    assert check(folders) == [f"{board} does not follow from {folders.results}"]


def test_a_picture_of_other_numbers_is_found_and_drawn_anew(folders) -> None:
    picture = folders.leaderboards / "toy-vision.png"
    write_results([people("a", 0.8, robustness=[attacked(0.5)])], folders.results)
    for path, text in build(folders).items():
        path.write_text(text)
    assert check(folders) == [f"{picture} shows other numbers than its board"]
    assert draw_outdated(folders) == [picture]
    assert check(folders) == []
    picture.write_bytes(b"no picture")
    assert check(folders) == [f"{picture} is no readable picture"]
    picture.unlink()
    assert check(folders) == [f"{picture} is missing"]


def test_too_few_models_under_attack_give_no_picture(tmp_path: Path) -> None:
    found = Folders(tmp_path / "results", tmp_path / "leaderboards")
    write_results([people("a", 0.5, robustness=[attacked(0.2)]), people("b", 0.4)], found.results)
    assert draw_outdated(found) == []
    board = make_human_board([people("a", 0.5), people("b", 0.4)])
    assert "not public for any of these models" in " ".join(screen(board))


def test_results_fit_their_schema_and_mistakes_are_named(folders) -> None:
    schema = json.loads(result_schema())
    path = folders.results / "toy-vision" / "a.json"
    content = json.loads(path.read_text())
    jsonschema.validate(content, schema)
    for wrong, field in (
        ({**content, "surprise": 1}, "surprise"),
        ({**content, "mean": {**content["mean"], "value": 1.7}}, r"mean\.value"),
        ({**content, "stages": []}, "stages"),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
        path.write_text(json.dumps(wrong))
        with pytest.raises(BenchError, match=rf"a\.json: {field}"):
            read_result(path)
    attacked_without_n = {**content["robustness"][0], "n": None}
    path.write_text(json.dumps({**content, "robustness": [attacked_without_n]}))
    with pytest.raises(BenchError, match="low, high and n are given together"):
        read_result(path)


def test_what_changed_between_boards(folders, tmp_path) -> None:
    before = tmp_path / "before.json"
    after = folders.leaderboards / "toy-vision.json"
    before.write_text(after.read_text())
    write_results([people("c", 0.3, late=0.5, robustness=[attacked(0.1)])], folders.results)
    after.write_text(build(folders)[after])
    changes = {(row["model"], row["what"]): row["after"] for row in diff(before, after)}
    assert changes == {("c", "late"): 0.5}


def test_the_picture_is_small_and_shows_no_interval_where_n_is_unknown(repository: Path) -> None:
    path = repository / "leaderboards" / "feather2023-vision.png"
    assert path.stat().st_size < 200_000
    with Image.open(path) as picture:
        assert picture.format == "PNG"
    unknown = [
        people(m, v, robustness=[attacked(v / 2, n=None)])
        for m, v in zip("abc", (0.2, 0.5, 0.8), strict=True)
    ]
    assert draw_human_scatter(make_human_board(unknown))[:4] == b"\x89PNG"
