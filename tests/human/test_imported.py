"""Imported data on disk: whole or not at all, and checked when they are read."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import BenchError
from bench.human import imported
from bench.human.imported import DataSet, keep, listing, read
from bench.human.spec import HumanDataSpec
from bench.human.tidy import validate


@pytest.fixture
def table(tidy: pd.DataFrame) -> pd.DataFrame:
    return validate(tidy, "table")


def test_what_is_kept_is_read_again(table: pd.DataFrame, tmp_path: Path) -> None:
    keep(DataSet(name="mine", chance={"vision": 0.5}), {"proportions": table}, tmp_path)
    data = read("mine", tmp_path)
    pd.testing.assert_frame_equal(data.proportions, table, check_dtype=False)
    assert (data.record.models, data.record.participants, data.record.experiments) == (2, 4, 1)
    assert data.record.chance == {"vision": 0.5}
    assert [record.name for record in listing(tmp_path)[0]] == ["mine"]


def test_a_second_import_replaces_the_first(table: pd.DataFrame, tmp_path: Path) -> None:
    keep(DataSet(name="mine"), {"proportions": table}, tmp_path)
    keep(DataSet(name="mine.proportions"), {"proportions": table}, tmp_path)
    fewer = table[table["participant"] < 3].reset_index(drop=True)
    keep(DataSet(name="mine"), {"proportions": fewer}, tmp_path)
    assert len(read("mine", tmp_path).proportions) == len(fewer)
    assert len(read("mine.proportions", tmp_path).proportions) == len(table)
    assert len(list(tmp_path.iterdir())) == 4  # a record and a table each


def test_an_interrupted_import_leaves_the_old_data(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(DataSet(name="mine"), {"proportions": table}, tmp_path)

    def interrupted(path: Path, value: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(imported, "write_json", interrupted)
    fewer = table[table["participant"] < 3].reset_index(drop=True)
    with pytest.raises(KeyboardInterrupt):
        keep(DataSet(name="mine"), {"proportions": fewer}, tmp_path)
    assert len(read("mine", tmp_path).proportions) == len(table)


def test_damage_is_noticed(table: pd.DataFrame, tmp_path: Path) -> None:
    record = keep(DataSet(name="mine"), {"proportions": table}, tmp_path)
    path = tmp_path / record.tables["proportions"].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"is damaged.*bench humans import mine PATH"):
        read("mine", tmp_path)
    path.unlink()
    with pytest.raises(BenchError, match="cannot be read: No such file"):
        read("mine", tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"name": "mine"}'])
def test_a_broken_record_is_named_beside_the_others(
    content: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    keep(DataSet(name="mine"), {"proportions": table}, tmp_path)
    (tmp_path / "broken.json").write_text(content)
    records, problems = listing(tmp_path)
    assert [record.name for record in records] == ["mine"]
    assert len(problems) == 1
    assert "broken.json" in problems[0]


def test_another_format_is_refused(table: pd.DataFrame, tmp_path: Path) -> None:
    keep(DataSet(name="mine"), {"proportions": table}, tmp_path)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(BenchError, match="another version of the bench"):
        read("mine", tmp_path)


def test_an_unknown_name_offers_near_ones(table: pd.DataFrame, tmp_path: Path) -> None:
    keep(DataSet(name="pilot"), {"proportions": table}, tmp_path)
    with pytest.raises(BenchError, match="did you mean pilot"):
        read("pilto", tmp_path)
    with pytest.raises(BenchError, match="bench humans import other PATH"):
        read("other", tmp_path / "nowhere")
    with pytest.raises(BenchError, match="is not valid"):
        keep(DataSet(name="../x"), {"proportions": table}, tmp_path)


def test_an_importer_is_described_soundly() -> None:
    def load(path: Path) -> pd.DataFrame:
        raise AssertionError(path)

    with pytest.raises(BenchError, match="is not valid"):
        HumanDataSpec(id="my data", load=load)
    with pytest.raises(BenchError, match=r"chance 16 \(vision\) is not between"):
        HumanDataSpec(id="mine", load=load, chance={"vision": 16})
