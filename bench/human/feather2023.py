"""Reads the public human data of Feather et al. (2023), as published or as a tidy CSV.

Published form: MATLAB matrices in ``{Vision,Auditory}BehavioralExperiments`` of the repository
jenellefeather/model_metamers_pytorch (MIT licence), participants x stages x (human, network).
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.human.delimited import parse_numbers, read_delimited, shown
from bench.human.feather2023_experiments import EXPERIMENTS, FOLDERS, Experiment
from bench.human.spec import HumanDataSpec
from bench.human.tidy import validate

HUMAN_CSV = "human_recognition.csv"
NETWORK_CSV = "network_recognition.csv"
NETWORK_COLUMNS = [
    "modality",
    "generation_model",
    "stage",
    "stage_index",
    "recognition_model",
    "n_stimuli",
    "n_correct",
]


def load(path: Path) -> pd.DataFrame:
    """Return the tidy table of all public experiments.

    ``path`` is a clone of the authors' repository (or a folder with its two folders of behavioural
    experiments), the tidy CSV, or a folder that holds either. Both routes give the same table.

    Raises
    ------
    BenchError
        Nothing readable is there, a matrix is absent or damaged, or the counts of participants,
        stages and models are not those of the paper.
    """
    folder = _clone(path)
    table = _read_csv(_csv(path, HUMAN_CSV)) if folder is None else _read_clone(folder)
    _check_counts(table, str(path))
    return table


def load_recognition(path: Path) -> pd.DataFrame | None:
    """Return recognition of the metamers by other models, or None where ``path`` lacks the CSV.

    The authors' repository holds these only as Python pickles, which are not read here.
    """
    folder = path.parent if path.is_file() else path
    source = folder / NETWORK_CSV
    return read_recognition(source) if source.is_file() else None


def read_recognition(source: Path) -> pd.DataFrame:
    """Read a CSV of recognition of metamers by models (columns `NETWORK_COLUMNS`)."""
    table = read_delimited(source, NETWORK_COLUMNS)[NETWORK_COLUMNS]
    for name in ("stage_index", "n_stimuli", "n_correct"):
        numbers = parse_numbers(table[name])
        _require(source, table, name, (numbers >= 0) & (numbers % 1 == 0), "a whole number from 0")
        table[name] = numbers.astype("int64")
    _require(source, table, "n_stimuli", table["n_stimuli"] > 0, "1 or more")
    fits = table["n_correct"] <= table["n_stimuli"]
    _require(source, table, "n_correct", fits, "at most the number of stimuli")
    keys = ["modality", "generation_model", "stage_index", "recognition_model"]
    once = ~table.duplicated(keys)
    _require(source, table, "recognition_model", once, "given once for a metamer stage")
    return table.sort_values(keys, kind="stable").reset_index(drop=True)


def _require(
    source: Path, table: pd.DataFrame, name: str, allowed: pd.Series[Any], wanted: str
) -> None:
    if not allowed.all():
        at = int((~allowed).to_numpy(dtype=bool).argmax())
        raise BenchError(
            f"{source}, row {table.index[at]}, column {name!r}: {shown(table[name].iloc[at])} is "
            f"not {wanted}"
        )


def _clone(path: Path) -> Path | None:
    """Return the folder with the authors' two folders, or None where a CSV is to be read."""
    if path.is_file() or (path / HUMAN_CSV).is_file():
        return None
    for folder in (path, path / "mat"):
        if any((folder / name).is_dir() for name in FOLDERS.values()):
            return folder
    return None


def _csv(path: Path, name: str) -> Path:
    file = path / name if path.is_dir() else path
    if not file.is_file():
        raise BenchError(
            f"{path} holds no data of Feather et al. (2023)",
            fix=f"give a clone of model_metamers_pytorch, a folder with {name}, or the CSV itself",
        )
    return file


def _read_csv(path: Path) -> pd.DataFrame:
    columns = ["modality", "paper_experiment", "model", "stage", "stage_index", "observer"]
    raw = read_delimited(path, [*columns, "participant", "proportion_correct"])
    raw["experiment"] = raw["modality"] + "-" + raw["paper_experiment"]
    return validate(raw, str(path))


def _read_clone(folder: Path) -> pd.DataFrame:
    matrices = [(e, model, folder / e.matrix(model)) for e in EXPERIMENTS for model in e.stages]
    missing = [path for _, _, path in matrices if not path.is_file()]
    if missing:
        raise BenchError(
            f"{missing[0]} is missing",
            why=f"{len(missing)} of {len(matrices)} matrices are",
            fix="update the clone (git pull), or check it out whole",
        )
    tables = [_read_matrix(path, e, model) for e, model, path in matrices]
    return validate(pd.concat(tables, ignore_index=True), str(folder))


def _read_matrix(path: Path, experiment: Experiment, model: str) -> pd.DataFrame:
    """Return one MATLAB matrix, participants x stages x observers, as a tidy table."""
    values, participants, raw_stages = _load_mat(path)
    n, k = len(participants), len(raw_stages)
    if values.shape != (n, k, 2):
        raise BenchError(f"{path}: a matrix of shape {values.shape}, not ({n}, {k}, 2)")
    stages = [_stage(name) for name in raw_stages]
    bad = np.argwhere(~((values >= 0) & (values <= 1)))
    if len(bad):
        i, j, o = bad[0]
        raise BenchError(
            f"{path}: participant {participants[i]}, stage {stages[j]}, "
            f"{('human', 'model')[o]}: {values[i, j, o]} is not between 0 and 1"
        )
    return pd.DataFrame(
        {
            "modality": experiment.modality,
            "experiment": experiment.name,
            "model": model,
            "stage": np.tile(np.repeat(stages, 2), n),
            "stage_index": np.tile(np.repeat(np.arange(k), 2), n),
            "observer": np.tile(["human", "model"], n * k),
            "participant": np.repeat(participants, k * 2),
            "proportion_correct": values.ravel(),
        }
    )


def _load_mat(path: Path) -> tuple[NDArray[np.float64], list[str], list[str]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    wanted = ["participant_data_matrix", "participants", "model_layers", "axis_order", "conditions"]
    try:
        content = loadmat(path, variable_names=wanted)
        values = np.asarray(content["participant_data_matrix"], dtype=np.float64)
        labels = [[str(x).strip() for x in np.ravel(content[name])] for name in wanted[1:]]
    # scipy reports a damaged file by whatever its parser stumbles over
    except (
        ArithmeticError, LookupError, MemoryError, NotImplementedError, OSError, TypeError,
        UnicodeError, ValueError, MatReadError, struct.error, zlib.error,
    ) as error:  # fmt: skip
        reason = str(error) or type(error).__name__
        raise BenchError(
            f"{path} is no readable matrix", why=reason, fix="fetch the file again"
        ) from error
    participants, stages, axes, conditions = labels
    if axes != ["participants", "model_layers", "conditions"] or conditions != ["Human", "Network"]:
        raise BenchError(f"{path}: axes {axes} of {conditions} are not the published ones")
    return values, participants, stages


def _stage(raw: str) -> str:
    return "natural" if raw.startswith("natural_") else re.sub(r"_fake_?relu$", "", raw)


def _check_counts(table: pd.DataFrame, source: str) -> None:
    """Compare models, stages and participants with the published experiments."""
    found = {
        (str(experiment), str(model), str(observer)): (
            part["participant"].nunique(),
            part["stage_index"].nunique(),
        )
        for (experiment, model, observer), part in table.groupby(
            ["experiment", "model", "observer"]
        )
    }
    published = {
        (e.name, model, observer): (e.participants, stages)
        for e in EXPERIMENTS
        for model, stages in e.stages.items()
        for observer in ("human", "model")
    }
    for key in sorted({*found, *published}):
        own, wanted = found.get(key, (0, 0)), published.get(key, (0, 0))
        if own != wanted:
            raise BenchError(
                f"{source}: experiment {key[0]}, model {key[1]}, {key[2]} rows: {own[0]} "
                f"participants x {own[1]} stages, where {wanted[0]} x {wanted[1]} were published"
            )


FEATHER2023 = HumanDataSpec(
    id="feather2023",
    load=load,
    recognition=load_recognition,
    description="Recognition of model metamers by people: 30 vision and 18 audio models",
    chance={"vision": 1 / 16, "audio": 1 / 793},
    reference="Feather et al. 2023, doi 10.1038/s41593-023-01442-0",
    license="MIT (Copyright 2022 Jenelle Feather)",
)
