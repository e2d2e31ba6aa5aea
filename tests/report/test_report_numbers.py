"""The numbers behind the pictures, against values worked out by hand."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from bench.report.drawing import looks, short_names
from bench.report.recognition import by_itself, by_others, cells, matrix
from bench.report.scatter import headline


def _rows(recogniser: str, generator: str, stage: str, correct: str, included: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "recognition_model": recogniser,
            "generation_model": generator,
            "stage": stage,
            "correct": [c == "1" for c in correct],
            "included": [c == "1" for c in included],
        }
    )


@pytest.fixture
def recognition() -> pd.DataFrame:
    """Three models; of a's metamers at "late", the fourth fails the class test."""
    parts = [
        *(_rows(model, "natural", "natural", "1111", "1111") for model in "abc"),
        _rows("a", "a", "early", "1111", "1111"),
        _rows("b", "a", "early", "1110", "1111"),
        _rows("c", "a", "early", "1000", "1111"),
        _rows("a", "a", "late", "1110", "1110"),
        _rows("b", "a", "late", "1001", "1110"),
        _rows("c", "a", "late", "0001", "1110"),
        *(_rows(model, "b", "late", "1111", "0000") for model in "abc"),
    ]
    return pd.concat(parts, ignore_index=True)


def test_mean_and_error_over_other_models(recognition: pd.DataFrame) -> None:
    found = cells(recognition)
    # b recognises 3/4 and c 1/4: mean 1/2, deviation 1/4, over sqrt(2)
    assert by_others(found, "a", "early") == pytest.approx((0.5, 0.25 / math.sqrt(2), 2))
    # without the one that fails the class test: b 1/3, c 0
    assert by_others(found, "a", "late") == pytest.approx((1 / 6, (1 / 6) / math.sqrt(2), 2))


def test_no_included_metamer_is_missing_not_zero(recognition: pd.DataFrame) -> None:
    mean, error, n = by_others(cells(recognition), "b", "late")
    assert (math.isnan(mean), math.isnan(error), n) == (True, True, 0)


def test_one_other_model_alone_has_no_error(recognition: pd.DataFrame) -> None:
    pair = recognition[recognition["recognition_model"] != "c"]
    mean, error, n = by_others(cells(pair), "a", "early")
    assert (mean, math.isnan(error), n) == (0.75, True, 1)


def test_the_generator_is_asked_about_all_its_metamers(recognition: pd.DataFrame) -> None:
    assert by_itself(cells(recognition), "a", "late") == 0.75
    assert math.isnan(by_itself(cells(recognition), "c", "late"))


def test_matrix_is_the_mean_over_stages_in_the_order_asked(recognition: pd.DataFrame) -> None:
    stages = {"a": ["early", "late"], "b": ["late"], "c": []}
    found = matrix(cells(recognition), ["c", "a", "b"], stages)
    assert list(found.index) == ["natural", "c", "a", "b"]
    assert list(found.columns) == ["c", "a", "b"]
    assert found.loc["natural"].tolist() == [1, 1, 1]
    # c: (1/4 + 0) / 2; a: (1 + 1) / 2; b: (3/4 + 1/3) / 2
    assert found.loc["a"].tolist() == pytest.approx([1 / 8, 1, 13 / 24])
    assert found.loc[["b", "c"]].isna().all(axis=None)
    late = matrix(cells(recognition), ["c", "a", "b"], {"a": ["late"], "b": ["late"], "c": []})
    assert late.loc["a"].tolist() == pytest.approx([0, 1, 1 / 3])


def test_headline_says_the_correlation_and_how_many_models() -> None:
    points = pd.DataFrame({"robust": [0.1, 0.2, 0.4], "alignment": [0.9, 0.8, 0.6]})
    assert headline(points).endswith("Spearman ρ = -1.00, Pearson r = -1.00, n = 3 models")
    assert "no correlation of n = 2" in headline(points[:2])


def test_many_models_look_different_and_keep_their_look() -> None:
    names = [f"m{i}" for i in range(50)]
    assert len(set(looks(names).values())) == 50
    assert looks(names)["m3"] == looks(names[:4])["m3"]


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["digits-a", "digits-b-c"], ["a", "b-c"]),
        (["digits-a-x", "digits-a-y"], ["x", "y"]),
        (["resnet18", "resnet50"], ["resnet18", "resnet50"]),
        (["digits-a"], ["digits-a"]),
        (["a-", "a-b"], ["a-", "b"]),
    ],
)
def test_short_names_drop_what_all_share(names: list[str], short: list[str]) -> None:
    assert list(short_names(names).values()) == short
