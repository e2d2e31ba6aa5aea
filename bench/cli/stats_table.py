"""How `bench stats` prints: a table that is never folded, with n, method and seed, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import pandas as pd


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def show_effects(tables: Sequence[pd.DataFrame], as_json: bool) -> None:
    """Print tables of effects, one row an effect."""
    rows = [row for table in tables for row in records(table)]
    if as_json:
        show_statistics(rows, True, ())
        return
    short = [
        {
            "experiment": row["experiment"],
            "models": row["models"],
            "effect": row["effect"],
            "F": f"F({row['df1']},{row['df2']})={row['F']:.2f}",
            "p": _p(row["p"]),
            "partial eta2": f"{row['partial_eta_squared']:.3f}",
            "p permutation": _p_permutation(row),
            "n": row["n"],
            "left out": row["left_out"],
        }
        for row in rows
    ]
    show_statistics(short, False, [rows[0]["method"], _permutations(rows)])


def _p(value: float) -> str:
    return "<0.0001" if value < 1e-4 else f"{value:.4f}"


def _p_permutation(row: Mapping[str, Any]) -> str:
    if not _given(row["p_permutation"]):
        return "-"
    return f"{row['p_permutation']:.4g} ({row['count']} of {row['n_permutations']})"


# What the rules of `bench.stats.permutation` do with a count, in words.
RULES = {
    "phipson2010": "p is (1 + count) / (1 + permutations), or the exact share where all "
    "arrangements are taken",
    "feather2023": "p is count / permutations, never below 1 / permutations",
    "feather2023-supplement": "p is count / permutations, or count / arrangements where these "
    "are fewer and all taken, never below 1 of either",
}


def _permutations(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how the permutation tests of all rows were made."""
    tested = [row for row in rows if _given(row["p_permutation"])]
    rule, counted = tested[0]["rule"], tested[0]["counted"]
    drawn = sorted({int(row["n_permutations"]) for row in tested if not row["exact"]})
    how = f"{drawn[0]}, seed {tested[0]['seed']}" if drawn else "all arrangements"
    return (
        f"permutations: {how}; in parentheses how many had F {counted} the observed one, of how "
        f"many; rule {rule}: {RULES[rule]}"
    )


def _given(value: Any) -> bool:
    import pandas as pd

    return not pd.isna(value)


def show_statistics(
    rows: Sequence[Mapping[str, Any]],
    as_json: bool,
    notes: Iterable[str],
    hide: Sequence[str] = (),
) -> None:
    """Print rows as JSON, or as a table that is never folded, with notes below."""
    if as_json:
        plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False))
        return
    from tabulate import tabulate

    cells = [
        {name: _cell(value) for name, value in row.items() if name not in hide} for row in rows
    ]
    click.echo(tabulate(cells, headers="keys", tablefmt="simple", disable_numparse=True))
    for note in notes:
        click.echo(note)


def _plain(value: Any) -> Any:
    """Return a JSON value: Python's own number, or None for what is missing."""
    if not _given(value):
        return None
    return value.item() if hasattr(value, "item") else value


def _cell(value: Any) -> str:
    if value is None or value == "" or not _given(value):
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
