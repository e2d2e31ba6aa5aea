"""Alignment of runs under several protocols, side by side (as in Nanda et al. 2023, Table 2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.errors import BenchError
from bench.proxies.summary import mean_and_deviation
from bench.store.run_dir import RunDir
from bench.suites.suite import Suite

FORCED_CHOICE = "2afc"
OBSERVERS = ("metric", "seed")


def compare_alignment(roots: Sequence[Path]) -> pd.DataFrame:
    """Return the alignment in several runs, by each run's protocol.

    Parameters
    ----------
    roots
        Run directories: the same stimuli under several protocols, or seeds, or both.

    Returns
    -------
    One row a model, stage, measure (``2afc``, ``clustering-random``, ``clustering-hard``) and
    protocol: ``mean``, ``deviation`` over distances and seeds, ``observers``, ``n``; see
    `bench.proxies.summary.mean_and_deviation`.

    Raises
    ------
    BenchError
        If a run has no alignment, or runs are of different stimuli.
    """
    choices = []
    first: tuple[Path, Suite] | None = None
    for root in roots:
        run_dir = RunDir.existing(root)
        suite = Suite.model_validate((run_dir.read_record() or {})["suite"])
        if first is None:
            first = (root, suite)
        if (suite.stimuli, suite.limit) != (first[1].stimuli, first[1].limit):
            raise BenchError(
                f"runs {first[0]} and {root} are not of the same stimuli",
                why=f"{first[1].limit} of {first[1].stimuli}, {suite.limit} of {suite.stimuli}",
            )
        rows = _choices(run_dir)
        choices.append(rows.assign(protocol=_protocol(suite), seed=suite.seed))
    found = pd.concat(choices, ignore_index=True).drop_duplicates()
    by = ("model", "stage", "measure", "protocol")
    return mean_and_deviation(found, value="aligned", by=by, over=OBSERVERS)


def side_by_side(compared: pd.DataFrame) -> pd.DataFrame:
    """Return what `compare_alignment` gives with a column a protocol, in percent, as text."""
    cells = [
        f"{100 * mean:.1f}" + ("" if pd.isna(spread) else f" ± {100 * spread:.1f}")
        for mean, spread in zip(compared["mean"], compared["deviation"], strict=True)
    ]
    index = ["model", "stage", "measure"]
    wide = compared.assign(cell=cells).pivot_table(
        index=index, columns="protocol", values="cell", aggfunc="first", sort=False
    )
    order = compared["protocol"].drop_duplicates()
    return wide[list(order)].fillna("-").rename_axis(columns=None).reset_index()


def _choices(run_dir: RunDir) -> pd.DataFrame:
    forced, matched = run_dir.table("alignment"), run_dir.table("clustering")
    if forced is None or forced.empty:
        raise BenchError(
            f"run {run_dir.root} has no alignment", fix="give its suite an [alignment] section"
        )
    tables = [forced.assign(measure=FORCED_CHOICE, trial=0)]
    if matched is not None and not matched.empty:
        measure = "clustering-" + matched["triples"].astype(str)
        tables.append(matched.assign(measure=measure, aligned=matched["correct"]))
    columns = ["model", "stage", "measure", "metric", "trial", "id", "aligned"]
    return pd.concat([table[columns] for table in tables], ignore_index=True)


def _protocol(suite: Suite) -> str:

    return suite.protocol.resolved().name
