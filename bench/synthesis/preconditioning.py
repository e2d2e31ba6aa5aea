"""Gradient steps in the Fourier domain.

Let x = F^-1(s z), F the orthonormal Fourier transform and s real. A gradient step in z moves x by
F^-1(s^2 F(g)), g being the gradient in x: the decorrelating parametrisation of Nanda et al. 2023
(A.4, after Olah et al. 2017) is a filter on the gradient, and stimuli stay what they are.
"""

from __future__ import annotations

from functools import lru_cache

import torch


def precondition(gradient: torch.Tensor, power: float) -> torch.Tensor:
    """Divide the amplitude of each stimulus' gradient at frequency f by f^power.

    Parameters
    ----------
    gradient
        ``(N, C, H, W)``, or ``(N, samples)``.

    Returns
    -------
    The filtered gradient. The lowest frequency counts as 1 / (longest side), and the filter is
    scaled so that white noise keeps its mean squared size.
    """
    axes = tuple(range(2 if gradient.ndim == 4 else 1, gradient.ndim))
    sides = tuple(gradient.shape[axis] for axis in axes)
    weights = _filter(sides, power).to(gradient)
    spectrum = torch.fft.rfftn(gradient, dim=axes) * weights
    filtered: torch.Tensor = torch.fft.irfftn(spectrum, s=sides, dim=axes)
    return filtered


@lru_cache(maxsize=8)
def _filter(sides: tuple[int, ...], power: float) -> torch.Tensor:
    grids = torch.meshgrid(*(torch.fft.fftfreq(n) for n in sides), indexing="ij")
    frequency = torch.stack(grids).square().sum(dim=0).sqrt().clamp(min=1 / max(sides))
    weights = frequency.pow(-power)
    weights = weights / weights.square().mean().sqrt()
    return weights[..., : sides[-1] // 2 + 1]
