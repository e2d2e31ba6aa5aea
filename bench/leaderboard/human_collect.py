"""From human data to one result a model: means over participants, with intervals."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.human.imported import DataSet, HumanData
from bench.human.tidy import NATURAL
from bench.leaderboard.human_facts import Facts
from bench.leaderboard.human_result import (
    LATE_STAGES,
    Experiment,
    HumanModel,
    HumanResult,
    HumanStage,
    HumanSuite,
)
from bench.leaderboard.proportions import (
    BOOTSTRAP_SEED,
    CONFIDENCE,
    DECIMALS,
    RESAMPLES,
    over_stimuli,
)
from bench.leaderboard.result import Proportion
from bench.stats.bootstrap import bootstrap_interval, sem

VALUE = "proportion_correct"
PERSON = ["experiment", "participant"]


def collect_humans(data: HumanData, facts: Facts | None = None) -> list[HumanResult]:
    """Return the result of every model that people were tested with, both modalities' in one list.

    Raises
    ------
    BenchError
        A model without metamer stages, or with fewer than two participants.
    """
    facts = facts or Facts()
    people = data.proportions[data.proportions["observer"] == "human"]
    results = []
    for modality, rows in people.groupby("modality", sort=True):
        suite = _suite(data.record, str(modality), rows)
        recognition = _cells(data.recognition, str(modality))
        results += [
            _result(suite, str(model), own, recognition, facts)
            for model, own in rows.groupby("model", sort=True)
        ]
    return results


def _suite(record: DataSet, modality: str, rows: pd.DataFrame) -> HumanSuite:
    values = rows.to_csv(index=False, lineterminator="\n").encode()
    return HumanSuite.model_validate(
        {
            "id": f"{record.name}-{modality}",
            "title": f"{record.name}, {modality}: metamers recognised by people",
            "modality": modality,
            "reference": record.reference,
            "license": record.license,
            "chance": record.chance.get(modality),
            "late_stages": LATE_STAGES,
            "resamples": RESAMPLES,
            "seed": BOOTSTRAP_SEED,
            "data_sha256": hashlib.sha256(values).hexdigest(),
        }
    )


def _cells(recognition: pd.DataFrame | None, modality: str) -> pd.DataFrame:
    """Return recognition by other models: the generator left out, as are stand-ins for natural."""
    columns = ["generation_model", "stage_index", "recognition_model", "n_stimuli", "n_correct"]
    if recognition is None:
        return pd.DataFrame({name: [] for name in columns})
    rows = recognition[recognition["modality"] == modality]
    rows = rows[rows["generation_model"] != rows["recognition_model"]]
    return rows[rows["stage_index"] != NATURAL]


def _result(
    suite: HumanSuite, model: str, own: pd.DataFrame, recognition: pd.DataFrame, facts: Facts
) -> HumanResult:
    if own.groupby(PERSON).ngroups < 2:
        raise BenchError(f"{suite.id}, model {model}: an interval needs two or more participants")
    metamers = own[own["stage_index"] != NATURAL]
    if metamers.empty:
        raise BenchError(f"{suite.id}, model {model}: natural stimuli only, no metamers")
    order = metamers.drop_duplicates("stage_index").sort_values("stage_index")
    late = list(order["stage_index"].tail(suite.late_stages))
    cells = recognition[recognition["generation_model"] == model]
    shares = {index: _by_recogniser(cells, index) for index in order["stage_index"]}
    shares = {index: share for index, share in shares.items() if len(share)}
    people = own.drop_duplicates(PERSON).groupby("experiment", sort=True).size()
    return HumanResult(
        kind="human",
        suite=suite,
        model=facts.models.get(model, HumanModel(id=model)),
        experiments=tuple(
            Experiment(name=str(name), participants=int(n)) for name, n in people.items()
        ),
        natural=_natural(own),
        stages=tuple(
            _stage(metamers, cells, int(index), str(stage))
            for index, stage in zip(order["stage_index"], order["stage"], strict=True)
        ),
        mean=_over_people(metamers),
        late=_over_people(metamers[metamers["stage_index"].isin(late)]),
        panel=tuple(sorted(set(cells["recognition_model"]))),
        # a mean that lacks a stage would not stand beside people's
        mean_others=over_stimuli(list(shares.values())) if len(shares) == len(order) else None,
        late_others=over_stimuli([shares[i] for i in late]) if set(late) <= set(shares) else None,
        accuracy=facts.accuracy.get(model),
        robustness=facts.robustness.get(model, ()),
        versions={"metamer-bench": version("metamer-bench")},
    )


def _natural(own: pd.DataFrame) -> Proportion | None:
    natural = own[own["stage_index"] == NATURAL]
    return None if natural.empty else _over_people(natural)


def _stage(metamers: pd.DataFrame, cells: pd.DataFrame, index: int, stage: str) -> HumanStage:
    rows = metamers[metamers["stage_index"] == index]
    others = _by_recogniser(cells, index)
    shown = cells.loc[cells["stage_index"] == index, "n_stimuli"]
    return HumanStage(
        stage=stage,
        recognition=_over_people(rows),
        sem=round(sem(rows[VALUE].to_numpy(dtype=np.float64)), DECIMALS),
        others=over_stimuli([others]) if len(others) else None,
        # the paper showed one set of metamers to all; the fewest, should it differ elsewhere
        stimuli=int(shown.min()) if len(shown) else None,
    )


def _by_recogniser(cells: pd.DataFrame, index: int) -> pd.Series[float]:
    """Return, for each recognising model, the share of one stage's metamers that it recognises."""
    rows = cells[cells["stage_index"] == index].set_index("recognition_model")
    return rows["n_correct"].astype(float) / rows["n_stimuli"].astype(float)


def _over_people(rows: pd.DataFrame) -> Proportion:
    """Return the mean over participants, pooled over experiments, of their mean over stages.

    The interval is a percentile bootstrap of participants within experiments.
    """
    means = rows.groupby(PERSON, sort=True)[VALUE].mean()
    values: NDArray[np.float64] = means.to_numpy(dtype=np.float64)
    strata = means.index.get_level_values("experiment").to_numpy()
    found = bootstrap_interval(
        values, n_resamples=RESAMPLES, seed=BOOTSTRAP_SEED, level=CONFIDENCE, strata=strata
    )
    value, low, high = (round(x, DECIMALS) for x in (found.estimate, found.low, found.high))
    return Proportion(value=value, low=min(low, value), high=max(high, value), n=found.n)
