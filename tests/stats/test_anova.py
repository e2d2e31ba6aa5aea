"""Analyses of variance against nested least-squares models, t tests, and their own mistakes."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

import bench.stats
from bench.errors import BenchError
from bench.stats.f_ratios import between_by_within_effect, between_effect, within_effect

pytest.importorskip("pingouin", reason='needs pip install "metamer-bench[stats]"')


def long_table(values: np.ndarray, *names: str) -> pd.DataFrame:
    """Return a long table, one column an axis, of levels such as ``stage2``."""
    rows = []
    for index in np.ndindex(*values.shape):
        levels = {name: f"{name}{i}" for name, i in zip(names, index, strict=True)}
        rows.append(levels | {"score": values[index]})
    return pd.DataFrame(rows).sample(frac=1, random_state=1)  # the order of rows must not matter


def residual_ss(y: np.ndarray, *factors: tuple[np.ndarray, ...]) -> float:
    """Return the residual sum of squares of y on indicator columns of the crossed factors."""
    blocks = [np.ones((len(y), 1))]
    for factor in factors:
        _, cell = np.unique(np.stack(factor), axis=1, return_inverse=True)
        blocks.append(np.eye(cell.max() + 1)[cell.ravel()])
    design = np.hstack(blocks)
    fit = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(((y - fit) ** 2).sum())


def expected_row(ss: float, error: float, df1: int, df2: int) -> dict[str, float]:
    f = (ss / df1) / (error / df2)
    return {
        "df1": df1,
        "df2": df2,
        "F": f,
        "p": scipy_stats.f.sf(f, df1, df2),
        "partial_eta_squared": ss / (ss + error),
    }


def assert_row(table: pd.DataFrame, effect: str, expected: dict[str, float]) -> None:
    row = table.set_index("effect").loc[effect]
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=1e-7), (effect, name)


@pytest.mark.parametrize("sizes", [(5, 5), (4, 7)])
def test_mixed_anova_is_a_comparison_of_nested_models(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    stages, n = 4, sum(sizes)
    group = np.repeat([0, 1], sizes)
    x = rng.normal(size=(n, stages)) + rng.normal(size=(n, 1)) + group[:, None] * 0.4
    x[:, 2] += 0.7 * group
    table = long_table(x, "subject", "stage")
    table["observer"] = table["subject"].map({f"subject{i}": int(g) for i, g in enumerate(group)})
    result = bench.stats.mixed_anova(
        table, dv="score", within="stage", between="observer", subject="subject"
    )
    y, s, t = x.ravel(), np.repeat(np.arange(n), stages), np.tile(np.arange(stages), n)
    g = group[s]
    subjects = residual_ss(y, (g,)) - residual_ss(y, (s,))
    between = residual_ss(y) - residual_ss(y, (g,))
    error = residual_ss(y, (s,), (g, t))
    interaction = residual_ss(y, (s,), (t,)) - error
    within = residual_ss(y, (s,)) - residual_ss(y, (s,), (t,))
    assert list(result["effect"]) == ["observer", "stage", "observer * stage"]
    assert set(result["n"]) == {n}
    assert_row(result, "observer", expected_row(between, subjects, 1, n - 2))
    assert_row(result, "stage", expected_row(within, error, stages - 1, (n - 2) * (stages - 1)))
    assert_row(
        result, "observer * stage", expected_row(interaction, error, 3, (n - 2) * (stages - 1))
    )


def test_two_groups_of_two_stages_are_t_tests() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 2))
    table = long_table(x, "subject", "stage")
    table["group"] = table["subject"].str.removeprefix("subject").astype(int) < 6
    result = bench.stats.mixed_anova(
        table, dv="score", within="stage", between="group", subject="subject"
    )
    means, differences = x.mean(axis=1), x[:, 0] - x[:, 1]
    for effect, series in (("group", means), ("group * stage", differences)):
        t = scipy_stats.ttest_ind(series[:6], series[6:])
        assert_row(result, effect, {"F": t.statistic**2, "p": t.pvalue, "df1": 1, "df2": 10})


def test_equal_names_in_two_groups_are_two_subjects() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2, 6, 3))
    shared = long_table(x, "observer", "subject", "stage")
    apart = shared.assign(subject=shared["observer"] + shared["subject"])
    options = {"dv": "score", "within": "stage", "between": "observer", "subject": "subject"}
    first, second = (bench.stats.mixed_anova(t, **options) for t in (shared, apart))
    assert first["n"].iloc[0] == 12
    pd.testing.assert_frame_equal(first, second)


def test_one_within_factor_of_two_levels_is_a_paired_t_test() -> None:
    x = np.random.default_rng(1).normal(size=(9, 2))
    result = bench.stats.rm_anova(
        long_table(x, "person", "model"), dv="score", within="model", subject="person"
    )
    t = scipy_stats.ttest_rel(x[:, 0], x[:, 1])
    assert_row(result, "model", {"F": t.statistic**2, "p": t.pvalue, "df1": 1, "df2": 8, "n": 9})


@pytest.mark.parametrize("shape", [(7, 4), (6, 3, 4), (5, 2, 3, 3)])
def test_rm_anova_is_a_comparison_of_nested_models(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=shape) + rng.normal(size=(shape[0],) + (1,) * (len(shape) - 1))
    x += np.linspace(0, 1, shape[-1])
    names = ["stage", "model", "size"][: len(shape) - 1]
    result = bench.stats.rm_anova(
        long_table(x, "person", *names), dv="score", within=names, subject="person"
    )
    axes = np.indices(shape).reshape(len(shape), -1)
    y, person = x.ravel(), axes[0]
    effects = [
        chosen
        for size in range(1, len(names) + 1)
        for chosen in itertools.combinations(range(1, len(shape)), size)
    ]
    assert list(result["effect"]) == [" * ".join(names[i - 1] for i in e) for e in effects]
    for effect in effects:
        # lower-order terms of the effect first, then the effect; the same again within persons
        lower = [e for k in range(1, len(effect)) for e in itertools.combinations(effect, k)]
        terms = [tuple(axes[i] for i in e) for e in lower]
        whole = tuple(axes[i] for i in effect)
        ss = residual_ss(y, *terms) - residual_ss(y, *terms, whole)
        by_person = [(person, *term) for term in terms]
        error = residual_ss(y, (person,), *by_person, whole) - residual_ss(y, (person, *whole))
        df1 = int(np.prod([shape[i] - 1 for i in effect]))
        name = " * ".join(names[i - 1] for i in effect)
        assert_row(result, name, expected_row(ss, error, df1, df1 * (shape[0] - 1)))


def test_the_permutation_tests_f_ratios_are_those_of_the_tables() -> None:
    x = np.random.default_rng(2).normal(size=(8, 3, 4))
    rm = bench.stats.rm_anova(
        long_table(x, "p", "a", "b"), dv="score", within=["a", "b"], subject="p"
    )
    mine = [within_effect(x, 2, effect) for effect in ((0,), (1,), (0, 1))]
    np.testing.assert_allclose([float(e.f) for e in mine], rm["F"])
    assert [(e.df1, e.df2) for e in mine] == list(zip(rm["df1"], rm["df2"], strict=True))
    groups = np.repeat([0, 1], [3, 5])
    table = long_table(x[:, 0], "p", "a")
    table["g"] = table["p"].map({f"p{i}": g for i, g in enumerate(groups)})
    mixed = bench.stats.mixed_anova(table, dv="score", within="a", between="g", subject="p")
    mine = [between_effect(x[:, 0], groups), between_by_within_effect(x[:, 0], groups)]
    np.testing.assert_allclose([float(e.f) for e in mine], mixed["F"].iloc[[0, 2]])
    assert [(e.df1, e.df2) for e in mine] == [(1, 6), (3, 18)]


def test_factors_may_have_any_name() -> None:
    x = np.random.default_rng(4).normal(size=(5, 2, 3))
    table = long_table(x, "who is it", "C(a)", "b:c")
    result = bench.stats.rm_anova(table, dv="score", within=["C(a)", "b:c"], subject="who is it")
    assert list(result["effect"]) == ["C(a)", "b:c", "C(a) * b:c"]


def broken(table: pd.DataFrame, how: str) -> pd.DataFrame:
    table = table.reset_index(drop=True)
    here = table.index[(table["person"] == "person2") & (table["stage"] == "stage1")][0]
    if how == "missing":
        return table.drop(index=here)
    if how == "twice":
        return pd.concat([table, table.loc[[here]]])
    if how == "text":
        table["score"] = table["score"].astype(object)
        table.loc[here, "score"] = "n/a"
    if how == "nan":
        table.loc[here, "score"] = np.nan
    if how == "nobody":
        table.loc[here, "person"] = None
    if how == "one person":
        return table[table["person"] == "person2"]
    if how == "one stage":
        return table[table["stage"] == "stage1"]
    if how == "no variance":
        table["score"] = table["stage"].map(len).astype(float)
    if how == "same shift":
        table["score"] = table["stage"].str[-1].astype(float) / 3 + table["person"].str[-1].map(int)
    if how == "empty":
        return table.iloc[:0]
    if how == "no column":
        return table.drop(columns="score")
    return table


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "person person2, stage stage1: no row, where one is needed"),
        ("twice", "person person2, stage stage1: 2 rows, where one is needed"),
        ("text", "column 'score': 'n/a' is not a number"),
        ("nan", "column 'score': nan is not a finite number"),
        ("nobody", "column 'person' is empty"),
        ("one person", "1 person(s) in 1 group(s) leave nothing to estimate an error from"),
        ("one stage", "factor 'stage' has one level, 'stage1'"),
        ("no variance", "F of 'stage' cannot be computed"),
        ("same shift", "F of 'stage' cannot be computed"),
        ("empty", "the table has no rows"),
        ("no column", "the table has no column 'score'"),
    ],
)
def test_a_table_that_cannot_be_analysed_says_why(how: str, said: str) -> None:
    table = long_table(np.random.default_rng(0).normal(size=(4, 3)), "person", "stage")
    with pytest.raises(BenchError) as caught:
        bench.stats.rm_anova(broken(table, how), dv="score", within=["stage"], subject="person")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_participant_in_each_group_says_so() -> None:
    table = long_table(np.random.default_rng(0).normal(size=(2, 3)), "observer", "stage")
    with pytest.raises(BenchError, match=r"2 person\(s\) in 2 group\(s\) leave nothing"):
        bench.stats.mixed_anova(
            table.assign(person=0), dv="score", within="stage", between="observer",
            subject="person",
        )  # fmt: skip


def mixed(table: pd.DataFrame) -> pd.DataFrame:
    return bench.stats.mixed_anova(
        table, dv="score", within="a", between="observer", subject="person"
    )


def repeated(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(person=table["person"] + table["observer"])
    return bench.stats.rm_anova(table, dv="score", within="a", subject="person")


@pytest.mark.parametrize(
    ("module", "analysis"), [("pingouin", mixed), ("statsmodels.stats.anova", repeated)]
)
def test_a_missing_library_is_named_with_its_cure(
    module: str,
    analysis: Callable[[pd.DataFrame], pd.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    table = long_table(np.random.default_rng(0).normal(size=(2, 4, 3)), "observer", "person", "a")
    with pytest.raises(BenchError, match=r'pip install "metamer-bench\[stats\]"') as caught:
        analysis(table)
    assert f"need {module.partition('.')[0]}" in str(caught.value)
