"""From a run's tables to one result a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.leaderboard.proportions import DECIMALS, over_stimuli, sem, wilson
from bench.leaderboard.result import (
    ModelFacts,
    ModelResult,
    Proportion,
    RobustResult,
    StageResult,
)
from bench.store.run_dir import RunDir
from bench.suites.suite import Suite

NATURAL = "natural"
KINDS = ("synthesis", "criterion", "recognition", "accuracy", "robustness", "alignment")


@dataclass(frozen=True)
class Tables:
    """A run's tables; an absent one is empty."""

    synthesis: pd.DataFrame
    criterion: pd.DataFrame
    recognition: pd.DataFrame
    accuracy: pd.DataFrame
    robustness: pd.DataFrame
    alignment: pd.DataFrame

    @classmethod
    def of(cls, run_dir: RunDir) -> Tables:
        """Read the tables of a run."""
        found = {kind: run_dir.table(kind) for kind in KINDS}
        return cls(**{k: pd.DataFrame() if t is None else t for k, t in found.items()})


def collect(record: Mapping[str, Any], tables: Tables) -> list[ModelResult]:
    """Return every model's result, in the order of the run."""
    suite = Suite.model_validate(record["suite"])
    return [_collect_model(record, suite, tables, model) for model in record["models"]]


def seen_by_others(recognition: pd.DataFrame, generator: str, stage: str) -> pd.Series:
    """Return, for each included metamer, the share of other models that recognise it.

    ``recognition`` is the table of that name. The result is indexed by stimulus id.
    """
    rows = cell_rows(recognition, generator, stage)
    rows = rows[rows["recognition_model"] != generator]
    return rows.groupby("id")["correct"].mean()


def cell_rows(recognition: pd.DataFrame, generator: str, stage: str) -> pd.DataFrame:
    """Return the rows of one generator's and stage's metamers that passed the class test."""
    if recognition.empty:
        return pd.DataFrame({"recognition_model": [], "id": [], "correct": []})
    return recognition[
        (recognition["generation_model"] == generator)
        & (recognition["stage"] == stage)
        & recognition["included"]
    ]


def _collect_model(
    record: Mapping[str, Any], suite: Suite, tables: Tables, model: Mapping[str, Any]
) -> ModelResult:
    name = model["id"]
    made = _of(tables.synthesis, model=name)
    order = [s for s in model["stages"] if not made.empty and (made["stage"] == s).any()]
    stages = tuple(_collect_stage(suite, tables, name, stage) for stage in order)
    shares = [seen_by_others(tables.recognition, name, stage) for stage in order]
    natural = cell_rows(tables.recognition, NATURAL, NATURAL)
    natural = natural[natural["recognition_model"] != name]
    metrics = suite.alignment.metrics if suite.alignment else ()
    panel = set() if tables.recognition.empty else set(tables.recognition["recognition_model"])
    return ModelResult(
        suite=suite,
        model=ModelFacts(**{key: str(model[key]) for key in ModelFacts.model_fields}),
        panel=tuple(sorted(panel)),
        accuracy=_binomial(_of(tables.accuracy, model=name)),
        natural_others=over_stimuli([natural.groupby("id")["correct"].mean()]),
        stages=stages,
        mean_others=over_stimuli(shares) if shares else None,
        late_others=over_stimuli(shares[-suite.board.late_stages :]) if shares else None,
        mean_two_afc=_present(
            {
                metric: over_stimuli(
                    [_choices(tables.alignment, name, stage, metric) for stage in order]
                )
                for metric in metrics
                if order
            }
        ),
        robustness=tuple(_robustness(_of(tables.robustness, model=name))),
        epochs=record["epochs"],
        stimuli=record["stimuli"],
        versions=record["versions"],
        device=record["device"],
        command=record["command"],
        date=record["started"],
    )


def _collect_stage(suite: Suite, tables: Tables, name: str, stage: str) -> StageResult:
    made = _of(tables.synthesis, model=name, stage=stage)
    judged = _of(tables.criterion, model=name, stage=stage)
    cell = cell_rows(tables.recognition, name, stage)
    by_model = cell.groupby("recognition_model")["correct"].mean()
    others = by_model.drop(name, errors="ignore")
    metrics = suite.alignment.metrics if suite.alignment else ()
    return StageResult(
        stage=stage,
        made=len(made),
        label_match=round(float(made["label_match"].mean()), DECIMALS),
        passed=None
        if judged.empty
        else round(float(judged["passed"].fillna(False).mean()), DECIMALS),
        spearman=_median(made["spearman"]),
        pearson=_median(made["pearson"]),
        snr_db=_median(made["snr_db"]),
        others=over_stimuli([seen_by_others(tables.recognition, name, stage)]),
        sem=sem(list(others)),
        own=round(float(by_model[name]), DECIMALS) if name in by_model else None,
        n_models=len(others),
        two_afc=_present(
            {m: _binomial_choices(_choices(tables.alignment, name, stage, m)) for m in metrics}
        ),
    )


def _of(table: pd.DataFrame, **values: Any) -> pd.DataFrame:
    if table.empty:
        return table
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def _binomial(rows: pd.DataFrame) -> Proportion | None:
    return None if rows.empty else wilson(int(rows["correct"].sum()), len(rows))


def _choices(alignment: pd.DataFrame, name: str, stage: str, metric: str) -> pd.Series:
    rows = _of(alignment, model=name, stage=stage, metric=metric)
    if rows.empty:
        return pd.Series(dtype=float)
    return rows.set_index("id")["aligned"].astype(float)


def _binomial_choices(choices: pd.Series) -> Proportion | None:
    return wilson(int(choices.sum()), len(choices))


def _robustness(rows: pd.DataFrame) -> list[RobustResult]:
    if rows.empty:
        return []
    results = []
    for (attack, steps, norm, eps), cell in rows.groupby(["attack", "steps", "norm", "eps"]):
        accuracy = _binomial(cell)
        assert accuracy is not None  # a group has rows
        subsets = cell.groupby("subset")["correct"].mean()
        results.append(
            RobustResult(
                attack=str(attack),
                steps=int(str(steps)),
                norm=str(norm),
                eps=float(str(eps)),
                accuracy=accuracy,
                subsets=len(subsets),
                sem=sem(list(subsets)),
            )
        )
    return results


def _median(values: pd.Series) -> float | None:
    median = values.median()
    return None if pd.isna(median) else round(float(median), 4)


def _present(found: Mapping[str, Proportion | None]) -> dict[str, Proportion]:
    return {name: value for name, value in found.items() if value is not None}
