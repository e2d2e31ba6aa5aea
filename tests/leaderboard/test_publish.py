"""Published files: they follow from a run, and boards follow from them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from bench.errors import BenchError
from bench.leaderboard.diff import diff
from bench.leaderboard.publish import Folders, build, check, publish
from bench.leaderboard.result import read_result, result_schema
from bench.store.run_dir import RunDir


@pytest.fixture
def folders(tmp_path: Path, make) -> Folders:
    found = Folders(tmp_path / "results", tmp_path / "leaderboards")
    (found.results / "toy").mkdir(parents=True)
    found.leaderboards.mkdir()
    (found.results / "schema.json").write_text(result_schema())
    for name, value in {"a": 0.9, "b": 0.5}.items():
        path = found.results / "toy" / f"{name}.json"
        path.write_text(make(name, value, value / 2).model_dump_json(indent=1))
    for path, text in build(found).items():
        path.write_text(text)
    return found


def test_a_built_board_checks(folders) -> None:
    assert check(folders) == []
    assert sorted(p.name for p in folders.leaderboards.iterdir()) == [
        "toy.csv",
        "toy.html",
        "toy.json",
        "toy.md",
    ]


def test_an_edited_board_is_found(folders) -> None:
    board = folders.leaderboards / "toy.md"
    board.write_text(board.read_text().replace("0.500", "0.990"))
    assert check(folders) == [f"{board} does not follow from {folders.results}"]
    board.unlink()
    assert check(folders) == [f"{board} is missing"]


def test_a_wrong_result_is_named_with_its_field(folders) -> None:
    path = folders.results / "toy" / "a.json"
    content = json.loads(path.read_text())
    content["accuracy"]["value"] = 1.7
    path.write_text(json.dumps(content))
    with pytest.raises(BenchError, match=r"a\.json: accuracy\.value: .*less than or equal to 1"):
        check(folders)


def test_results_fit_their_schema(folders) -> None:
    schema = json.loads(result_schema())
    content = json.loads((folders.results / "toy" / "a.json").read_text())
    jsonschema.validate(content, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "surprise": 1}, schema)


def test_the_projects_own_boards_follow_from_its_results(repository: Path) -> None:
    folders = Folders(repository / "results", repository / "leaderboards")
    assert check(folders) == []
    schema = json.loads((folders.results / "schema.json").read_text())
    published = list(folders.results.glob("*/*.json"))
    assert published
    for path in published:
        jsonschema.validate(json.loads(path.read_text()), schema)
        assert read_result(path).model.id == path.stem


def test_what_changed_between_boards(folders, make, tmp_path) -> None:
    before = tmp_path / "before.json"
    before.write_text((folders.leaderboards / "toy.json").read_text())
    for name, value in {"b": 0.97, "c": 0.2}.items():
        path = folders.results / "toy" / f"{name}.json"
        path.write_text(make(name, value, 0.25).model_dump_json())
    for path, text in build(folders).items():
        path.write_text(text)
    changes = {
        (row["model"], row["what"]) for row in diff(before, folders.leaderboards / "toy.json")
    }
    assert changes == {("a", "rank"), ("b", "rank"), ("b", "alignment"), ("c", "added")}
    with pytest.raises(BenchError, match="is not a board"):
        diff(before, folders.results / "schema.json")


@pytest.mark.parametrize("status", ["running", "interrupted", "shard finished"])
def test_half_a_run_is_not_published(tmp_path: Path, status: str) -> None:
    run_dir = RunDir(tmp_path / "run")
    run_dir.write_record({"status": status})
    with pytest.raises(BenchError, match=rf"is not finished \({status}\)"):
        publish(run_dir, tmp_path / "results")
    assert not (tmp_path / "results").exists()
