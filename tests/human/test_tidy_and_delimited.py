"""Tables with one mistake each: the message names row and column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import BenchError
from bench.human.delimited import read_delimited
from bench.human.imported import listing
from bench.human.sources import import_table, open_data
from bench.human.tidy import COLUMNS, validate

Change = Callable[[pd.DataFrame], pd.DataFrame]


def put(row: int, column: str, value: str) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row, column] = value
        return table

    return change


def drop(row: int) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        return table.drop(index=row)

    return change


def repeat(row: int) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[99] = table.loc[row]
        return table

    return change


# in the fixture, row 2 is participant 0's natural value as a human, model a
MISTAKES = [
    (put(5, "proportion_correct", "1.01"), "row 5, column 'proportion_correct': 1.01 is not"),
    (put(5, "proportion_correct", "-0.2"), "row 5, column 'proportion_correct': -0.2 is not"),
    (put(6, "proportion_correct", "high"), "row 6, column 'proportion_correct': 'high' is not a"),
    (put(6, "proportion_correct", "nan"), "row 6, column 'proportion_correct': 'nan' is not a"),
    (put(6, "proportion_correct", "1_0"), "row 6, column 'proportion_correct': '1_0' is not a"),
    (put(6, "proportion_correct", ""), "row 6, column 'proportion_correct': nothing is not a"),
    (put(7, "stage_index", "1.5"), "row 7, column 'stage_index': '1.5' is not a whole number"),
    (put(7, "stage_index", "-1"), "row 7, column 'stage_index': '-1' is not a whole number"),
    (put(8, "participant", "Anna"), "row 8, column 'participant': 'Anna' is not a number"),
    (put(8, "participant", "00"), "row 8, column 'participant': '00' is written '0' before"),
    (put(8, "participant", "1e300"), "row 8, column 'participant': '1e300' is not a whole number"),
    (put(8, "observer", "dog"), "row 8, column 'observer': 'dog' is not human or model"),
    (put(9, "modality", "smell"), "row 9, column 'modality': 'smell' is not vision or audio"),
    (put(9, "model", " "), "row 9, column 'model': ' ' is not given"),
    (put(10, "n_trials", "0"), "row 10, column 'n_trials': 0 is not 1 or more"),
    (put(10, "n_trials", "few"), "row 10, column 'n_trials': 'few' is not a number"),
    (put(2, "proportion_correct", "0.5"), "row 8, column 'proportion_correct': participant 0"),
    (repeat(4), "row 99 repeats row 4: participant 0 (human), 1, model a, stage conv"),
    (drop(4), "participant 0 (human) of vision experiment 1 has no row for model a, stage conv"),
    (put(4, "stage_index", "2"), "row 6 repeats row 4"),
    (put(4, "stage", "conv9"), "row 5, column 'stage': stage_index 1 of model a is conv here"),
]


@pytest.mark.parametrize(("change", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_is_named_by_row_and_column(
    change: Change, said: str, tidy: pd.DataFrame, tmp_path: Path
) -> None:
    validate(tidy, "table")  # right as it is
    tidy = change(tidy)
    with pytest.raises(BenchError) as caught:
        validate(tidy, "table")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    # from a file the row is the line, and nothing is kept
    tidy.to_csv(tmp_path / "own.csv", index=False)
    with pytest.raises(BenchError, match=r"own\.csv"):
        import_table(tmp_path / "own.csv", "own", tmp_path / "kept")
    assert listing(tmp_path / "kept") == ([], [])


@pytest.mark.parametrize("column", [c for c in COLUMNS if c != "n_trials"])
def test_an_absent_column_is_named(column: str, tidy: pd.DataFrame) -> None:
    with pytest.raises(BenchError, match=f"table has no column '{column}'"):
        validate(tidy.drop(columns=column), "table")


def test_order_does_not_matter_and_trials_may_be_unknown(tidy: pd.DataFrame) -> None:
    whole = validate(tidy, "table")
    pd.testing.assert_frame_equal(whole, validate(tidy.sample(frac=1, random_state=3), "table"))
    assert whole["n_trials"].tolist() == [20] * len(tidy)
    assert validate(tidy.drop(columns="n_trials"), "table")["n_trials"].isna().all()
    assert list(whole.columns) == COLUMNS


def test_a_table_is_kept_and_found_again(tidy: pd.DataFrame, tmp_path: Path) -> None:
    tidy.to_csv(tmp_path / "own.csv", index=False)
    validate(tidy, "t").to_parquet(tmp_path / "own.parquet", index=False)
    import_table(tmp_path / "own.csv", "from-csv", tmp_path)
    import_table(tmp_path / "own.parquet", "from-parquet", tmp_path)
    tables = [
        open_data(source, tmp_path).proportions
        for source in ("from-csv", "from-parquet", str(tmp_path / "own.csv"))
    ]
    for table in tables[1:]:
        pd.testing.assert_frame_equal(tables[0], table, check_dtype=False)
    (tmp_path / "own.parquet").write_bytes(b"PAR1 not at all")
    with pytest.raises(BenchError, match="no readable parquet table"):
        open_data(str(tmp_path / "own.parquet"), tmp_path)


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b\n", "has a header but no rows"),
        ("a;b\n1;2\n", "row 1: columns are separated by ';', not by ','"),
        ("a\tb\n1\t2\n", "row 1: columns are separated by tabs, not by ','"),
        ("a,c\n1,2\n", "row 1 has no column 'b' (it has: a, c)"),
        ("a,b,a\n1,2,3\n", "row 1: column 'a' occurs twice"),
        ("a,b\n1,2\n3\n", "row 3, column 2: the row has 1 values, the header 2"),
        ("a,b\n1,2\n3,4,5\n", "row 3, column 3: the row has 3 values, the header 2"),
        ('a,b\n1,"2\n', "row 2"),
        ("a,b\n1,\xe9\n".encode("latin-1"), "row 2, character 3: not UTF-8 (byte 0xe9)"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16 text (save the table as UTF-8)"),
        (b"a,b\n1,\x00\n", "row 2"),
    ],
)
def test_a_text_table_is_read_strictly(content: bytes | str, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", content)
    with pytest.raises(BenchError) as caught:
        read_delimited(path, ["a", "b"])
    assert said in str(caught.value)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_text_table_keeps_line_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "\ufeffa,b\r\n1,x\r\n\r\n2,\u00fc\r\n")
    table = read_delimited(path, ["a", "b"])
    assert table.index.tolist() == [2, 4]
    assert table.to_dict("list") == {"a": ["1", "2"], "b": ["x", "\u00fc"]}
    with pytest.raises(BenchError, match="cannot be read: No such file"):
        read_delimited(tmp_path / "none.csv", [])
