"""A metamer is nearer than any null pair and keeps the model's own label."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.synthesis.criterion import HMAX_MEASURES, judge, null_maxima

MAXIMA = {"spearman": 0.5, "pearson": 0.6, "snr_db": 10.0}


def match(*rows: tuple[float, float, float, bool]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["spearman", "pearson", "snr_db", "label_match"])
    return table.assign(
        id=[f"s{i}" for i in range(len(rows))], beyond_null=pd.NA, passed=pd.NA
    ).set_index(pd.Index(range(7, 7 + len(rows))))  # an index of no meaning must not matter


def null(stage: str = "conv1") -> pd.DataFrame:
    values = {
        "spearman": [0.1, 0.5, np.nan],
        "pearson": [0.6, -1.0, np.nan],
        "snr_db": [10.0, 3, 4],
    }
    return pd.concat(
        [pd.DataFrame({"stage": stage, "measure": m, "value": v}) for m, v in values.items()]
    )


CASES = [
    ((0.9, 0.9, 20.0, True), True, True, ""),
    ((0.5, 0.6, 10.0, True), True, True, ""),  # not below the maximum: equal is enough
    ((0.9, 0.9, 20.0, False), True, False, "label"),
    ((0.4, 0.9, 20.0, True), False, False, "spearman"),
    ((0.9, 0.5, 9.0, True), False, False, "pearson,snr_db"),
    ((0.4, 0.5, 9.0, False), False, False, "spearman,pearson,snr_db,label"),
    ((np.nan, 0.9, 20.0, True), False, False, "spearman"),
    ((0.9, 0.9, np.inf, True), True, True, ""),
]


@pytest.mark.parametrize("source", [MAXIMA, null()], ids=["maxima", "table"])
def test_judge_says_what_failed(source: object) -> None:
    judged = judge(match(*(case[0] for case in CASES)), source)
    assert judged["beyond_null"].tolist() == [case[1] for case in CASES]
    assert judged["passed"].tolist() == [case[2] for case in CASES]
    assert judged["failed"].tolist() == [case[3] for case in CASES]
    assert judged["passed"].dtype == judged["beyond_null"].dtype == "boolean"


def test_judge_leaves_its_input_alone() -> None:
    table = match((0.9, 0.9, 20.0, True))
    judge(table, MAXIMA)
    assert table["passed"].isna().all()
    assert "failed" not in table


def test_hmax_is_judged_by_snr_only() -> None:
    judged = judge(match((0.0, 0.0, 20.0, True), (1.0, 1.0, 9.0, True)), MAXIMA, HMAX_MEASURES)
    assert judged["passed"].tolist() == [True, False]
    assert judged["failed"].tolist() == ["", "snr_db"]


def test_rounding_of_a_perfect_rank_correlation_is_not_a_failure() -> None:
    judged = judge(match((np.nextafter(1, 0), 0.9, 20.0, True)), {**MAXIMA, "spearman": 1.0})
    assert judged["passed"].tolist() == [True]


def test_without_null_values_the_verdict_is_missing() -> None:
    judged = judge(
        match((0.9, 0.9, 20.0, True), (0.9, 0.9, 20.0, False), (0.9, 0.1, 20.0, True)),
        {**MAXIMA, "spearman": np.nan},
    )
    assert judged["beyond_null"].isna().tolist() == [True, True, False]
    assert judged["passed"].isna().tolist() == [True, False, False]
    assert judged["passed"].fillna(False).tolist() == [False, False, False]
    assert judged["failed"].tolist() == ["", "label", "pearson"]


def test_maxima_ignore_pairs_without_value() -> None:
    assert null_maxima(null()) == MAXIMA
    summary = pd.DataFrame({"stage": "s", "measure": list(MAXIMA), "max": MAXIMA.values()})
    assert null_maxima(summary) == MAXIMA


def test_mistakes_are_named() -> None:
    table = match((0.9, 0.9, 20.0, True))
    with pytest.raises(BenchError, match="2 stages"):
        judge(table, pd.concat([null("a"), null("b")]))
    with pytest.raises(BenchError, match="match table has no cosine"):
        judge(table, {**MAXIMA, "cosine": 0.0}, ["cosine"])
    with pytest.raises(BenchError, match="null distribution has no pearson"):
        judge(table, {"spearman": 0.0, "snr_db": 0.0})
    with pytest.raises(BenchError, match="no measure"):
        judge(table, MAXIMA, [])


def test_an_empty_table_is_judged() -> None:
    judged = judge(match((0.9, 0.9, 20.0, True)).iloc[:0], MAXIMA)
    assert list(judged["failed"]) == []
    assert judged["passed"].dtype == "boolean"
