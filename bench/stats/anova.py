"""Analyses of variance as Feather et al. (2023) used them, computed by pingouin and statsmodels."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.stats.design import Design, complete_design
from bench.stats.f_ratios import require_mixed_variance, require_within_variance

COLUMNS = ["effect", "df1", "df2", "F", "p", "partial_eta_squared", "n"]


def mixed_anova(
    df: pd.DataFrame, *, dv: str, within: str, between: str, subject: str
) -> pd.DataFrame:
    """Analyse one between and one within factor (Supplementary Table 1 of Feather et al. 2023).

    Parameters
    ----------
    df
        A row a subject and level of ``within``; every subject has every level once.
    dv, within, between, subject
        Names of columns. Equal subjects in different groups count as different subjects.

    Returns
    -------
    DataFrame
        One row an effect (``between``, ``within``, ``"between * within"`` by their own names)
        with df1, df2, F, p (sphericity assumed, as in the paper), partial_eta_squared and n, the
        number of independent subjects. Where groups are unequal, the within effect is tested with
        means weighted by group size (type I).

    Raises
    ------
    BenchError
        As `bench.stats.design.complete_design`; subjects that do not vary; pingouin is missing.
    """
    design = complete_design(df, dv=dv, within=[within], between=between, subject=subject)
    names = [between, within, f"{between} * {within}"]
    require_mixed_variance(design.values, design.groups, names)
    pingouin = _optional("pingouin")
    with warnings.catch_warnings():
        # about its own calls of pandas, and about sphericity, which few subjects leave undefined
        # and which is not used here
        warnings.simplefilter("ignore")
        table = pingouin.mixed_anova(
            data=_long(design), dv="dv", within="w0", between="group", subject="subject"
        ).set_index("Source")
    table = table.loc[["group", "w0", "Interaction"]]
    p = table["p_unc" if "p_unc" in table else "p-unc"]  # renamed in pingouin 0.6
    return pd.DataFrame(
        {
            "effect": names,
            "df1": table["DF1"].to_numpy(dtype=np.int64),
            "df2": table["DF2"].to_numpy(dtype=np.int64),
            "F": table["F"].to_numpy(dtype=np.float64),
            "p": p.to_numpy(dtype=np.float64),
            "partial_eta_squared": table["np2"].to_numpy(dtype=np.float64),
            "n": design.n,
        },
        columns=COLUMNS,
    )


def rm_anova(
    df: pd.DataFrame, *, dv: str, within: str | Sequence[str], subject: str
) -> pd.DataFrame:
    """Analyse one or more within factors (Supplementary Table 2 of Feather et al. 2023).

    Parameters
    ----------
    df
        A row a subject and combination of levels; every subject has every combination once.
    dv, within, subject
        Names of columns; ``within`` may be one name or a list.

    Returns
    -------
    DataFrame
        One row an effect, main effects first, interactions as ``"a * b"``; columns as in
        `mixed_anova`. Partial eta squared is ``F df1 / (F df1 + df2)``, which equals
        SS effect / (SS effect + SS of its error).

    Raises
    ------
    BenchError
        As `mixed_anova`, for statsmodels.
    """
    factors = [within] if isinstance(within, str) else list(within)
    if not factors:
        raise BenchError("rm_anova was given no within factor", fix='within=["stage"], say')
    design = complete_design(df, dv=dv, within=factors, subject=subject)
    require_within_variance(design.values, factors)
    statsmodels_anova = _optional("statsmodels.stats.anova")
    columns = [f"w{i}" for i in range(len(factors))]
    table = statsmodels_anova.AnovaRM(_long(design), "dv", "subject", within=columns).fit()
    table = table.anova_table
    f = table["F Value"].to_numpy(dtype=np.float64)
    df1 = np.rint(table["Num DF"].to_numpy(dtype=np.float64))
    df2 = np.rint(table["Den DF"].to_numpy(dtype=np.float64))
    named = dict(zip(columns, factors, strict=True))
    return pd.DataFrame(
        {
            "effect": [" * ".join(named[part] for part in name.split(":")) for name in table.index],
            "df1": df1.astype(np.int64),
            "df2": df2.astype(np.int64),
            "F": f,
            "p": table["Pr > F"].to_numpy(dtype=np.float64),
            "partial_eta_squared": f * df1 / (f * df1 + df2),
            "n": design.n,
        },
        columns=COLUMNS,
    )


def _long(design: Design) -> pd.DataFrame:
    """Return the design as a long table with names that need no quoting in a formula."""
    grid = np.indices(design.values.shape).reshape(design.values.ndim, -1)
    table = {"dv": design.values.ravel(), "subject": grid[0], "group": design.groups[grid[0]]}
    table |= {f"w{i}": codes for i, codes in enumerate(grid[1:])}
    return pd.DataFrame(table)


def _optional(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BenchError(
            f"analyses of variance need {module.partition('.')[0]}",
            why=str(error),
            fix='pip install "metamer-bench[stats]"',
        ) from error
