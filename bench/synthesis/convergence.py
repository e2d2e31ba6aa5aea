"""Is a metamer finished? How much nearer a few more gradients would bring it, by any protocol."""

from __future__ import annotations

import torch

from bench.models.staged import StagedModel
from bench.synthesis.objectives import relative_distance
from bench.synthesis.polishing import measured
from bench.synthesis.quasi_newton import begin, search

GRADIENTS = 25  # of the probe
UNFINISHED = 0.01  # whoever comes nearer by more than this is not finished
AT_ONCE = 4  # the search keeps 44 tensors of a stimulus' size


def headroom(
    model: StagedModel,
    natural: torch.Tensor,
    metamers: torch.Tensor,
    stage: str,
    *,
    modified_relu: bool = True,
    low: float = 0.0,
    high: float = 1.0,
) -> torch.Tensor:
    """Return how far the loss of each metamer falls within 25 gradients of a search from it.

    A loss curve cannot tell: where steps shrink it flattens, wherever the metamer is. So the
    search of the fast protocols is let loose on a finished metamer. Where it gains more than .01,
    the metamer is unfinished: a longer run would change it, and may change who recognises it. A
    gain of 0 is not proof of a good match, for there are minima that are none; that is what the
    loss is for.

    Parameters
    ----------
    natural, metamers
        Stimuli ``(N, ...)``.
    low, high
        The range in which stimuli are kept.

    Returns
    -------
    Loss before less loss after, ``(N,)``, at least 0, in units of the loss (of the norm of the
    natural activation); NaN where the loss is not finite.
    """
    parts = [
        _gained(model, natural[i : i + AT_ONCE], metamers[i : i + AT_ONCE], stage, modified_relu,
                (low, high))
        for i in range(0, len(natural), AT_ONCE)
    ]  # fmt: skip
    return torch.cat(parts).cpu()


def _gained(
    model: StagedModel,
    natural: torch.Tensor,
    metamers: torch.Tensor,
    stage: str,
    modified_relu: bool,
    box: tuple[float, float],
) -> torch.Tensor:
    target = model.activations(natural, [stage])[stage]
    x = metamers.to(model.device)
    moments = begin(x)
    first = last = torch.zeros(len(x), device=x.device)
    for gradients in range(GRADIENTS + 1):
        activation, value, gradient = measured(model, stage, x, target, modified_relu)
        with torch.no_grad():
            loss = relative_distance(activation, target)
            x, accepted, moments = search(moments, x, value, gradient, *box)
            first = loss if gradients == 0 else first
            last = loss if gradients == 0 else torch.where(accepted, loss, last)
    return first - torch.minimum(first, last)
