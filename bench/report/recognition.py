"""Who recognises whose metamers, as proportions: the numbers behind matrix, curves, galleries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

NATURAL = "natural"  # generation model and stage of the natural stimuli
Stages = Mapping[str, Sequence[str]]  # each model's stages that have metamers, by depth


def made_stages(record: Mapping[str, object], model: str) -> list[str]:
    """Return the stages from which a recorded run makes metamers of a model, by depth.

    They are those of its tasks, whether they succeeded or not.
    """
    tasks = record["tasks"]
    assert isinstance(tasks, list)  # run.json is checked when it is read
    return [t["stage"] for t in tasks if t["kind"] == "synthesis" and t["generator"] == model]


def cells(recognition: pd.DataFrame) -> pd.DataFrame:
    """Return the proportion recognised, a row a generation model, stage and recognition model.

    Parameters
    ----------
    recognition
        The table of that name: a row a recognition model and stimulus.

    Returns
    -------
    ``generation_model``, ``stage``, ``recognition_model``; ``proportion`` over the ``n`` stimuli
    that passed the generator's class test (NaN, 0 where none did); ``own_view``, the same over
    all stimuli.
    """
    keys = ["generation_model", "stage", "recognition_model"]
    correct = recognition["correct"].astype(float)
    included = recognition["included"].astype(bool)
    rows = recognition[keys].assign(
        proportion=correct.where(included), n=included.astype(int), own_view=correct
    )
    return rows.groupby(keys, sort=False, as_index=False).agg(
        proportion=("proportion", "mean"), n=("n", "sum"), own_view=("own_view", "mean")
    )


def by_others(found: pd.DataFrame, generator: str, stage: str) -> tuple[float, float, int]:
    """Return mean, standard error and number of the models other than the generator.

    The error is std (ddof 0) / sqrt(number of other models), as in Feather et al. 2023; for a
    natural stimulus, ``generator`` is whose row it belongs to. NaN, NaN, 0 without other models;
    one alone has no error.
    """
    maker = NATURAL if stage == NATURAL else generator
    rows = found[(found["generation_model"] == maker) & (found["stage"] == stage)]
    values = rows.loc[rows["recognition_model"] != generator, "proportion"].dropna().to_numpy()
    if not len(values):
        return float("nan"), float("nan"), 0
    error = values.std() / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(error), len(values)


def by_itself(found: pd.DataFrame, generator: str, stage: str) -> float:
    """Return the proportion of *all* its metamers that a generator itself recognises.

    Over those that passed its class test the answer would be given beforehand.
    """
    maker = NATURAL if stage == NATURAL else generator
    rows = found[(found["generation_model"] == maker) & (found["stage"] == stage)]
    values = rows.loc[rows["recognition_model"] == generator, "own_view"]
    return float(values.iloc[0]) if len(values) else float("nan")


def matrix(found: pd.DataFrame, order: Sequence[str], stages: Stages) -> pd.DataFrame:
    """Return the mean over stages of the proportions: a row a generator, a column a recogniser.

    The first row, ``natural``, is of the natural stimuli; absent cells are NaN.
    """
    own_stages = [(model, stage) for model in order for stage in stages[model]]
    wanted = pd.MultiIndex.from_tuples([(NATURAL, NATURAL), *own_stages])
    at = pd.MultiIndex.from_frame(found[["generation_model", "stage"]])
    chosen = found[at.isin(wanted)]
    means = chosen.pivot_table(
        index="generation_model", columns="recognition_model", values="proportion", aggfunc="mean"
    )
    return means.reindex(index=[NATURAL, *order], columns=list(order))
