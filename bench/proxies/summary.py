"""Mean and deviation of choices over distances and seeds, as Nanda et al. 2023 report them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.errors import BenchError


def mean_and_deviation(
    rows: pd.DataFrame,
    value: str = "aligned",
    by: Sequence[str] = ("model", "stage"),
    over: Sequence[str] = ("metric",),
) -> pd.DataFrame:
    """Return the mean of choices, and its deviation over the distances (and seeds) that made them.

    Parameters
    ----------
    rows
        One row a choice: ``value``, false or true, the columns of ``by`` and ``over``, and ``id``.
    over
        What the deviation is over: ``("metric",)`` or ``("metric", "seed")``.

    Returns
    -------
    One row a group of ``by``: ``mean`` (of the observers' shares), ``deviation`` (standard
    deviation over them, ddof 0, as the authors'; missing for a single one), ``observers`` (how
    many distances and seeds there are) and ``n`` (how many stimuli).

    Raises
    ------
    BenchError
        If there are no rows or a column is missing.
    """
    absent = [name for name in (value, "id", *by, *over) if name not in rows]
    if absent or rows.empty:
        raise BenchError(f"no choices with columns {', '.join([value, 'id', *by, *over])}")
    choices = rows.assign(**{value: rows[value].astype(float)})
    shares = choices.groupby([*by, *over], sort=False)[value].mean().reset_index()
    groups = shares.groupby(list(by), sort=False)[value]
    found = pd.DataFrame(
        {
            "mean": groups.mean(),
            "deviation": groups.std(ddof=0).where(groups.size() > 1),
            "observers": groups.size(),
            "n": choices.groupby(list(by), sort=False)["id"].nunique(),
        }
    )
    return found.reset_index()
