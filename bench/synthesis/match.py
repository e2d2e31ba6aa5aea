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
    ``beyond_null`` and ``passed``, missing until null distributions are compared.
    """
    parts = [
        _match_batch(model, natural[i : i + batch_size], metamers[i : i + batch_size], stage)
        for i in range(0, len(natural), batch_size)
    ]
    values = {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}
    space = label_space or model.spec.labels
    labels = [
        decide(values.pop(name), model.spec.labels, space)
        for name in ("logits_natural", "logits_metamer")
    ]
    return pd.DataFrame(
        {
            "id": list(ids),
            "loss": losses.numpy().astype(np.float64),
            **values,
            "label_natural": labels[0],
            "label_metamer": labels[1],
            "label_match": labels[0] == labels[1],
            "beyond_null": pd.array([pd.NA] * len(ids), dtype="boolean"),
            "passed": pd.array([pd.NA] * len(ids), dtype="boolean"),
        }
    )


def _match_batch(
    model: StagedModel, natural: torch.Tensor, metamer: torch.Tensor, stage: str
) -> dict[str, torch.Tensor]:
    a, b = (model.activations(x, [stage])[stage] for x in (natural, metamer))
    logits_a, logits_b = (model.logits(x) for x in (natural, metamer))
    found = {
        "spearman": spearman(a, b),
        "pearson": pearson(a, b),
        "snr_ratio": snr_ratio(a, b),
        "snr_db": snr_db(a, b),
        "logits_spearman": spearman(logits_a, logits_b),
        "logits_natural": logits_a,
        "logits_metamer": logits_b,
    }
    return {name: value.cpu() for name, value in found.items()}
