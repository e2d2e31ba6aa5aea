"""The human analyses of Feather et al. (2023), on any table of human data.

Each returns a table with one row an effect: F, degrees of freedom, p, partial eta squared, n, and
the permutation test with its count and seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.human.tidy import NATURAL
from bench.registry import near_names
from bench.stats.anova import mixed_anova, rm_anova
from bench.stats.bootstrap import Interval, bootstrap_interval
from bench.stats.correlation import Correlation, correlate, human_vs_models
from bench.stats.permutation import (
    DEFAULT_RULE,
    PERMUTATIONS,
    Rule,
    permute_mixed,
    permute_within,
)
from bench.stats.reliability import Reliability, split_half

DV = "proportion_correct"
SUBJECT = "participant"


OBSERVER_METHOD = (
    "mixed ANOVA (pingouin), observer between, stage within; permutations of observer labels, "
    "for the interaction also of each row's stages"
)
MODEL_METHOD = (
    "repeated-measures ANOVA (statsmodels), stage x model; permutations in each participant of "
    "models (or stages), for the interaction of all cells"
)
STAGE_METHOD = (
    "repeated-measures ANOVA (statsmodels), stage; permutations of stages in each participant"
)
CORRELATION_METHOD = (
    "Pearson r squared and Spearman rho over model stages, natural and the generating model left "
    "out; percentile bootstrap of participants within experiments"
)
CURVE_METHOD = "mean over participants, SEM with ddof 0, percentile bootstrap of participants"


@dataclass(frozen=True)
class Draws:
    """How many permutations (or resamples, or splits), and the seed they follow from.

    ``rule`` is of permutation tests: how p follows from the count (`bench.stats.permutation`).
    """

    n: int = PERMUTATIONS
    seed: int = 0
    rule: Rule = DEFAULT_RULE


def observer_effect(
    table: pd.DataFrame,
    model: str,
    experiment: str,
    *,
    leave_out: Sequence[str] = (),
    draws: Draws | None = None,
) -> pd.DataFrame:
    """Compare people with the model that generated the metamers (Supplementary Table 1).

    Mixed ANOVA, observer between, stage within, natural included. A participant and the model
    shown the same stimuli are two independent rows.
    """
    draws = draws or Draws()
    rows = _select(table, [model], experiment, leave_out)
    observers = set(rows["observer"])
    if observers != {"human", "model"}:
        raise BenchError(
            f"{experiment}, model {model}: rows of {' and '.join(sorted(observers))} only",
            fix="the comparison needs rows of observer human and of observer model",
        )
    anova = mixed_anova(rows, dv=DV, within="stage", between="observer", subject=SUBJECT)
    test = permute_mixed(
        rows,
        dv=DV,
        within="stage",
        between="observer",
        subject=SUBJECT,
        n_permutations=draws.n,
        seed=draws.seed,
        rule=draws.rule,
    )
    return _joined(anova, test, experiment, [model], OBSERVER_METHOD)


def model_effect(
    table: pd.DataFrame,
    models: Sequence[str],
    experiment: str,
    *,
    leave_out: Sequence[str] = (),
    draws: Draws | None = None,
) -> pd.DataFrame:
    """Compare people's recognition of the metamers of several models (Supplementary Table 2).

    Two-way repeated measures, stage x model, natural included; all models need the same stages.
    """
    draws = draws or Draws()
    if len(set(models)) < 2:
        raise BenchError("a comparison needs two or more different models")
    rows = _select(table, models, experiment, leave_out)
    rows = rows[rows["observer"] == "human"]
    if len({frozenset(own["stage"]) for _, own in rows.groupby("model")}) > 1:
        raise BenchError(
            f"{experiment}: {' and '.join(models)} have different stages and cannot be compared",
            fix="compare models of one architecture, or leave stages out with --leave-out",
        )
    return _within(rows, ["stage", "model"], experiment, models, draws)


def stage_effect(
    table: pd.DataFrame,
    model: str,
    experiment: str,
    *,
    leave_out: Sequence[str] = (),
    draws: Draws | None = None,
) -> pd.DataFrame:
    """Ask whether people's recognition differs between stages (HMAX, Spectemp: without final)."""
    draws = draws or Draws()
    rows = _select(table, [model], experiment, leave_out)
    rows = rows[rows["observer"] == "human"]
    return _within(rows, ["stage"], experiment, [model], draws)


@dataclass(frozen=True)
class HumanModelCorrelation:
    """Human recognition against recognition by other models, in one modality.

    ``interval`` is the bootstrap interval of R2 when participants are resampled within
    experiments; ``models_without`` have human data but no recognition by other models.
    """

    modality: str
    correlation: Correlation
    interval: Interval
    models: tuple[str, ...]
    models_without: tuple[str, ...]
    points: pd.DataFrame


def correlation(
    table: pd.DataFrame, recognition: pd.DataFrame, modality: str, draws: Draws | None = None
) -> HumanModelCorrelation:
    """Correlate over model stages; ``draws`` are of the bootstrap (1,000 unless given)."""
    draws = draws or Draws(1_000)
    people = table[(table["modality"] == modality) & (table["observer"] == "human")]
    points = human_vs_models(people, recognition[recognition["modality"] == modality])
    matrix, _, strata = participants_by_conditions(people)
    order = list(zip(points["model"], points["stage"], strict=True))
    columns = matrix[order].to_numpy(dtype=np.float64)
    kept = np.isfinite(columns).any(axis=1)
    others = points["other_models"].to_numpy(dtype=np.float64)

    def r2(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return correlate(np.nanmean(rows, axis=0), others).r2

    interval = bootstrap_interval(
        columns[kept], r2, n_resamples=draws.n, seed=draws.seed, strata=strata[kept]
    )
    models = tuple(sorted(set(points["model"])))
    return HumanModelCorrelation(
        modality=modality,
        correlation=correlate(points["human"], others),
        interval=interval,
        models=models,
        models_without=tuple(sorted(set(people["model"]) - set(models))),
        points=points,
    )


def reliability(table: pd.DataFrame, modality: str, draws: Draws | None = None) -> Reliability:
    """Return split-half reliability and noise ceiling of human recognition over model stages.

    Participants are halved within experiments; natural stimuli, which all models of an experiment
    share, are left out. A stage shown in several experiments is one condition.
    """
    draws = draws or Draws(1_000)
    people = table[(table["modality"] == modality) & (table["observer"] == "human")]
    matrix, _, strata = participants_by_conditions(people)
    return split_half(
        matrix.to_numpy(dtype=np.float64), strata=strata, n_splits=draws.n, seed=draws.seed
    )


def recognition_curve(
    table: pd.DataFrame, model: str, experiment: str, draws: Draws | None = None
) -> pd.DataFrame:
    """Return people's mean recognition of each stage: SEM of the paper, bootstrap interval, n."""
    draws = draws or Draws(1_000)
    rows = _select(table, [model], experiment, ())
    rows = rows[rows["observer"] == "human"]
    curve = []
    for (index, stage), cell in rows.groupby(["stage_index", "stage"], sort=True):
        values = cell[DV].to_numpy(dtype=np.float64)
        interval = bootstrap_interval(values, n_resamples=draws.n, seed=draws.seed)
        curve.append(
            {
                "experiment": experiment,
                "model": model,
                "stage": stage,
                "stage_index": index,
                "mean": interval.estimate,
                "sem": float(values.std() / np.sqrt(len(values))),
                "low": interval.low,
                "high": interval.high,
                "n": interval.n,
            }
        )
    return pd.DataFrame(curve)


def participants_by_conditions(
    people: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.MultiIndex, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Return proportions, one row a participant and one column a (model, stage); NaN: not seen.

    Natural stimuli are left out. Also returned: the rows' (experiment, participant), and the
    number of each row's experiment.
    """
    rows = people[people["stage_index"] != NATURAL]
    matrix = rows.pivot(index=["experiment", SUBJECT], columns=["model", "stage"], values=DV)
    index = pd.MultiIndex.from_tuples(list(matrix.index), names=["experiment", SUBJECT])
    strata, _ = pd.factorize(index.get_level_values("experiment"))
    return matrix, index, strata.astype(np.int64)


def experiments_with(table: pd.DataFrame, models: Sequence[str]) -> list[str]:
    """Return the experiments in which all of ``models`` were shown.

    Raises
    ------
    BenchError
        An unknown model (near names are offered), or models never shown to the same people.
    """
    known = set(table["model"])
    for model in models:
        if model not in known:
            near = near_names(model, sorted(known))
            raise BenchError(
                f"no human data of model {model!r}",
                fix=f"did you mean {', '.join(near)}?" if near else "`bench humans show` lists all",
            )
    shown = table.groupby("experiment", sort=False)["model"].agg(set)
    found = [str(name) for name, own in shown.items() if set(models) <= own]
    if not found:
        raise BenchError(f"no experiment showed {' and '.join(models)} to the same people")
    return found


def _select(
    table: pd.DataFrame, models: Sequence[str], experiment: str, leave_out: Sequence[str]
) -> pd.DataFrame:
    found = experiments_with(table, models)
    if experiment not in found:
        raise BenchError(
            f"experiment {experiment!r} has no data of {' and '.join(models)}",
            fix=f"experiments that do: {', '.join(found)}",
        )
    rows = table[(table["experiment"] == experiment) & table["model"].isin(list(models))]
    for stage in leave_out:
        if stage not in set(rows["stage"]):
            raise BenchError(
                f"{' and '.join(models)}: no stage {stage!r} to leave out",
                fix=f"stages: {', '.join(rows['stage'].unique())}",
            )
    return rows[~rows["stage"].isin(list(leave_out))]


def _within(
    rows: pd.DataFrame, factors: list[str], experiment: str, models: Sequence[str], draws: Draws
) -> pd.DataFrame:
    anova = rm_anova(rows, dv=DV, within=factors, subject=SUBJECT)
    test = permute_within(
        rows,
        dv=DV,
        within=factors,
        subject=SUBJECT,
        n_permutations=draws.n,
        seed=draws.seed,
        rule=draws.rule,
    )
    method = MODEL_METHOD if len(factors) == 2 else STAGE_METHOD
    return _joined(anova, test, experiment, models, method)


def _joined(
    anova: pd.DataFrame, test: pd.DataFrame, experiment: str, models: Sequence[str], method: str
) -> pd.DataFrame:
    columns = ["p_permutation", "count", "n_permutations", "rule", "counted", "exact", "seed"]
    table = anova.merge(test[["effect", *columns]], on="effect", how="left")
    whole = ["count", "n_permutations", "seed"]  # empty for the stage effect of a mixed design
    table[whole] = table[whole].astype("Int64")
    table["exact"] = table["exact"].astype("boolean")
    table.insert(0, "models", " : ".join(models))
    table.insert(0, "experiment", experiment)
    return table.assign(method=method)
