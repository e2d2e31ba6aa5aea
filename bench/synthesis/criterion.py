"""When a stimulus counts as a metamer: nearer than any null pair, and of the same label.

Source: Feather et al. 2023, Methods and supplement: for each measure, a metamer's value is not
below the maximum of the null distribution, and the model gives the metamer the label that it
gives the natural stimulus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.synthesis.pairwise import MEASURES

# Feather et al. 2023, supplement: the match of HMAX is judged by the SNR only.
HMAX_MEASURES: Final = ("snr_db",)


def judge(
    match: pd.DataFrame,
    null: pd.DataFrame | Mapping[str, float],
    measures: Sequence[str] = MEASURES,
) -> pd.DataFrame:
    """Decide which stimuli are metamers.

    Parameters
    ----------
    match
        A row a stimulus, with the ``measures`` and ``label_match``.
    null
        The null distribution of the same model and stage: a table of
        `bench.synthesis.nulls.null_distribution`, its summary, or the maximum of each measure.
    measures
        Those that must reach the null maximum; `HMAX_MEASURES` for HMAX.

    Returns
    -------
    A copy of ``match`` with ``beyond_null`` and ``passed`` (boolean; missing where the null has
    no value to compare with) and ``failed``: what a stimulus failed on, separated by commas
    (names of measures, ``label``), empty where it passed. A value that is NaN is below any null.

    Raises
    ------
    BenchError
        If ``null`` is of several stages, or lacks a measure, or ``match`` does.
    """
    maxima = null_maxima(null) if isinstance(null, pd.DataFrame) else null
    for name, columns in (("null distribution", maxima), ("match table", match)):
        if absent := [measure for measure in measures if measure not in columns]:
            raise BenchError(f"the {name} has no {', '.join(absent)}")
    if not measures:
        raise BenchError("no measure is named", fix=f"some of {', '.join(MEASURES)}")
    reached = {}
    for measure in measures:
        verdict = reaches(match[measure].to_numpy(np.float64), maxima[measure])
        known = pd.Series(verdict, match.index, dtype="boolean")
        reached[measure] = known.mask(np.full(len(known), np.isnan(maxima[measure])))
    beyond = reduce(and_, reached.values())  # missing and False is False
    label = match["label_match"].astype("boolean")
    failed = pd.DataFrame({**reached, "label": label}) == False  # noqa: E712  missing is no failure
    names = [",".join(failed.columns[row]) for row in failed.fillna(False).to_numpy(dtype=bool)]
    return match.assign(
        beyond_null=beyond, passed=beyond & label, failed=pd.Series(names, match.index, dtype=str)
    )


def null_maxima(null: pd.DataFrame) -> dict[str, float]:
    """Return the maximum of each measure; NaN where no pair has a value.

    Parameters
    ----------
    null
        A null distribution of one stage, or its summary.

    Raises
    ------
    BenchError
        If it is of several stages.
    """
    stages = list(null["stage"].unique())
    if len(stages) != 1:
        raise BenchError(
            f"a null distribution of {len(stages)} stages ({', '.join(map(str, stages))})",
            fix='select one: null[null["stage"] == stage]',
        )
    column = "max" if "max" in null else "value"
    found = null.groupby("measure", observed=True)[column].max()
    return {str(measure): float(value) for measure, value in found.items()}


def reaches(values: NDArray[np.floating], maximum: float) -> NDArray[np.bool_]:
    """Return which values are not below the maximum of a null distribution.

    Compared in float32, in which null distributions are kept: the rank correlation of ten logits
    is often exactly 1 for some null pair, and 1 - 1e-16 for a metamer that is ranked like its
    natural stimulus.
    """
    return values.astype(np.float32) >= np.float32(maximum)
