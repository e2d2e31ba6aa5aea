"""How well recognition by people follows recognition by other models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bench.errors import BenchError

DECIMALS = 12  # to which values are told apart when they are ranked


@dataclass(frozen=True)
class Correlation:
    """Pearson r (and its square) and Spearman rho of ``n`` points, with two-sided p values."""

    r: float
    r2: float
    p_r: float
    rho: float
    p_rho: float
    n: int
    method: str = "Pearson r squared; Spearman rho"


def correlate(x: ArrayLike, y: ArrayLike) -> Correlation:
    """Correlate two series of equal length.

    Raises
    ------
    BenchError
        Fewer than three points, unequal lengths, a value that is no finite number, or a series
        that does not vary.
    """
    from scipy import stats

    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise BenchError(f"series of shapes {a.shape} and {b.shape} cannot be correlated")
    if len(a) < 3:
        raise BenchError(f"a correlation needs three or more points, not {len(a)}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise BenchError("a point to correlate is not a finite number")
    for name, series in (("first", a), ("second", b)):
        if np.ptp(series) == 0:
            raise BenchError(
                f"a correlation cannot be computed: the {name} series is {series[0]:g} throughout"
            )
    pearson = stats.pearsonr(a, b)
    # means that are equal but for the order of their sums are ties
    spearman = stats.spearmanr(a.round(DECIMALS), b.round(DECIMALS))
    return Correlation(
        r=float(pearson.statistic),
        r2=float(pearson.statistic) ** 2,
        p_r=float(pearson.pvalue),
        rho=float(spearman.statistic),
        p_rho=float(spearman.pvalue),
        n=len(a),
    )


def human_vs_models(humans: pd.DataFrame, recognition: pd.DataFrame) -> pd.DataFrame:
    """Pair human recognition of metamers with recognition by all other models.

    One point a model and stage, as in Feather et al. 2023: participants are pooled over
    experiments, the generating model itself is left out, and so are natural stimuli and the
    pixel-matched stage that stands in for them (``stage_index`` 0 in both tables).

    Parameters
    ----------
    humans
        Tidy human data (docs/formats.md); only rows whose ``observer`` is ``human`` are used.
    recognition
        Columns modality, generation_model, stage_index, recognition_model, n_correct, n_stimuli.

    Returns
    -------
    DataFrame
        modality, model, stage, stage_index, human (mean proportion), other_models (mean
        proportion), n_participants, n_models; only model stages that both tables hold.
    """
    keys = ["modality", "model", "stage_index"]
    people = humans[(humans["observer"] == "human") & (humans["stage_index"] > 0)]
    by_people = people.groupby(keys, observed=True, sort=True).agg(
        stage=("stage", "first"),
        human=("proportion_correct", "mean"),
        n_participants=("proportion_correct", "size"),
    )
    others = recognition.rename(columns={"generation_model": "model"})
    others = others[(others["model"] != others["recognition_model"]) & (others["stage_index"] > 0)]
    others = others.assign(proportion=others["n_correct"] / others["n_stimuli"])
    by_models = others.groupby(keys, observed=True, sort=True).agg(
        other_models=("proportion", "mean"), n_models=("recognition_model", "nunique")
    )
    points = by_people.join(by_models, how="inner").reset_index()
    if points.empty:
        raise BenchError("no model stage has both human responses and recognition by other models")
    order = ["human", "other_models", "n_participants", "n_models"]
    return points[["modality", "model", "stage", "stage_index", *order]]
