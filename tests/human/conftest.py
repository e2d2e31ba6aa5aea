"""A clone of the authors' repository in miniature: their layout and format, invented values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from bench.human.feather2023_experiments import EXPERIMENTS, Experiment
from bench.human.tidy import COLUMNS


def matrix(
    experiment: Experiment, stages: int, natural: np.ndarray, seed: int
) -> dict[str, object]:
    """Return the content of one published file; ``natural`` is (participants,)."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 20, size=(experiment.participants, stages, 2)) / 20
    values[:, 0, 0] = natural
    names = [f"natural_{'image' if experiment.modality == 'vision' else 'audio'}"]
    names += [f"conv{i}_fake_relu" for i in range(1, stages - 1)] + ["final"]
    return {
        "participant_data_matrix": values,
        "participants": [f"{i}" for i in range(experiment.participants)],
        "model_layers": names,
        "conditions": ["Human", "Network"],
        "axis_order": ["participants", "model_layers", "conditions"],
    }


@pytest.fixture(scope="session")
def pristine_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole clone; not to be changed."""
    folder = tmp_path_factory.mktemp("clone")
    for number, experiment in enumerate(EXPERIMENTS):
        natural = np.random.default_rng(number).integers(10, 20, experiment.participants) / 20
        for i, (model, stages) in enumerate(experiment.stages.items()):
            path = folder / experiment.matrix(model)
            path.parent.mkdir(parents=True, exist_ok=True)
            savemat(
                path, matrix(experiment, stages, natural, 100 * number + i), do_compression=True
            )
    return folder


@pytest.fixture
def tidy() -> pd.DataFrame:
    """A table of 4 people and two models that share natural stimuli, all values as text."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(4):
        natural = round(rng.uniform(0.8, 1), 3)
        for model in ("a", "b"):
            for index, stage in enumerate(("natural", "conv", "final")):
                for observer in ("human", "model"):
                    value = natural if (index, observer) == (0, "human") else rng.uniform(0, 1)
                    row = ("vision", "1", model, stage, index, observer, person, 20, value)
                    rows.append(tuple(map(str, row)))
    return pd.DataFrame(rows, columns=COLUMNS, index=range(2, 2 + len(rows)), dtype=object)
