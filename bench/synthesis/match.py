"""The evidence that a metamer is one: how well each stimulus is matched, and its labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from bench.labels.spaces import decide
from bench.models.staged import StagedModel
from bench.synthesis.similarity import pearson, snr_db, snr_ratio, spearman


def match_table(
    model: StagedModel,
    natural: torch.Tensor,
    metamers: torch.Tensor,
    stage: str,
    ids: Sequence[str],
    losses: torch.Tensor,
    batch_size: int,
    label_space: str | None = None,
) -> pd.DataFrame:
    """Compare metamers with their natural stimuli under the model that made them.

    Returns
    -------
    One row a stimulus: ``id``, ``loss``; at the matched stage ``spearman`` (ties averaged),
    ``pearson``, ``snr_ratio`` (||a|| / ||a - b||) and ``snr_db`` (20 log10 of it);
    ``logits_spearman``; ``label_natural``, ``label_metamer``, ``label_match`` under the model;
    A stimulus whose logits are not finite has no label, and does not match;
    ``beyond_null`` and ``passed``, missing until null distributions are compared.
    """
    parts = [
        _match_batch(model, natural[i : i + batch_size], metamers[i : i + batch_size], stage)
        for i in range(0, len(natural), batch_size)
    ]
    values = {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}
    space = label_space or model.spec.labels
    labels = [
        _labels(values.pop(name), model.spec.labels, space)
        for name in ("logits_natural", "logits_metamer")
    ]
    return pd.DataFrame(
        {
            "id": list(ids),
            "loss": losses.numpy().astype(np.float64),
            **values,
            "label_natural": labels[0],
            "label_metamer": labels[1],
            "label_match": (labels[0] == labels[1]).fillna(False).astype(bool),
            "beyond_null": pd.array([pd.NA] * len(ids), dtype="boolean"),
            "passed": pd.array([pd.NA] * len(ids), dtype="boolean"),
        }
    )


def _labels(logits: np.ndarray, own: str, asked: str) -> pd.Series:
    finite = np.isfinite(logits).all(axis=1)
    if finite.all():
        return pd.Series(decide(logits, own, asked))
    labels = pd.Series(pd.NA, index=range(len(logits)), dtype="Int64")
    if finite.any():
        labels[finite] = decide(logits[finite], own, asked)
    return labels


def _match_batch(
    model: StagedModel, natural: torch.Tensor, metamer: torch.Tensor, stage: str
) -> dict[str, torch.Tensor]:
    a, b = (model.activations(x, [stage])[stage] for x in (natural, metamer))
    logits_a, logits_b = (model.logits(x) for x in (natural, metamer))
    found = {
        **_alike(a, b),
        "logits_spearman": spearman(logits_a, logits_b),
        "logits_natural": logits_a,
        "logits_metamer": logits_b,
    }
    return {name: value.cpu() for name, value in found.items()}


def stage_table(
    model: StagedModel,
    natural: torch.Tensor,
    metamers: torch.Tensor,
    ids: Sequence[str] | None = None,
    stages: Sequence[str] | None = None,
    batch_size: int = 16,
) -> pd.DataFrame:
    """Compare metamers with their natural stimuli at every stage: what does a metamer preserve?

    Parameters
    ----------
    stages
        Which stages; all of the model's if None. All are taken from one forward pass.

    Returns
    -------
    One row a stimulus and stage: ``id``, ``stage``, ``distance`` (||a - a0|| / ||a0||),
    ``spearman``, ``pearson``, ``snr_ratio``, ``snr_db``; NaN where a measure is undefined.
    """
    names = [str(i) for i in range(len(natural))] if ids is None else list(ids)
    wanted = model.stages if stages is None else list(stages)
    rows = []
    for i in range(0, len(natural), batch_size):
        part = slice(i, i + batch_size)
        a, b = (model.activations(x[part], wanted) for x in (natural, metamers))
        for stage in wanted:
            measures = {"distance": 1 / snr_ratio(a[stage], b[stage]), **_alike(a[stage], b[stage])}
            columns = {name: value.cpu().numpy() for name, value in measures.items()}
            rows.append(pd.DataFrame({"id": names[part], "stage": stage, **columns}))
    return pd.concat(rows, ignore_index=True)


def _alike(a: torch.Tensor, b: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        "spearman": spearman(a, b),
        "pearson": pearson(a, b),
        "snr_ratio": snr_ratio(a, b),
        "snr_db": snr_db(a, b),
    }
