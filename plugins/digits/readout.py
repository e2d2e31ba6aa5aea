"""A linear readout, fitted to frozen features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench_plugins.digits.recipe import Report, Scenes, door


@torch.no_grad()
def fit_readout(
    network: nn.Module,
    data: Scenes,
    penalty: float = 1.0,
    report: Report = lambda done, steps: None,
) -> None:
    """Fit ``network.logits`` to ``network.features`` by multinomial logistic regression.

    The features are standardised for the fit, which is then folded into the linear layer.

    Parameters
    ----------
    penalty
        Weight of the squared L2 norm of the readout (1 / C of scikit-learn).
    """
    from sklearn.linear_model import LogisticRegression

    network.eval()
    parts = []
    chunks = data.values.split(100)
    for done, chunk in enumerate(chunks, start=1):
        parts.append(network.features(door(chunk.float() / 255)))
        report(done, len(chunks))
    features = torch.cat(parts).double()
    mean, deviation = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)
    fit = LogisticRegression(C=1 / penalty, max_iter=2000)
    fit.fit(((features - mean) / deviation).numpy(), data.labels.numpy())
    weight = torch.from_numpy(fit.coef_) / deviation
    bias: Tensor = torch.from_numpy(fit.intercept_) - weight @ mean
    network.logits.weight.copy_(weight)
    network.logits.bias.copy_(bias)
