"""What a perceptual distance is, as plugins register it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.spec import check_id

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """A perceptual distance.

    Parameters
    ----------
    build
        ``build(device)`` returns the distance: two tensors ``(N, 3, H, W)`` in [0, 1] in,
        ``(N,)`` out, 0 for equal images, larger for images that look less alike; differentiable,
        where it is to serve as a regulariser.
    misses
        What the distance does not see, for whoever reads its numbers.
    downloads
        What ``build`` fetches when it is first called, for whoever works offline.
    requires
        Import name to what ``pip install`` needs for it.
    """

    id: str
    build: Callable[[torch.device], Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]
    description: str = ""
    misses: str = ""
    reference: str = ""
    downloads: str = ""
    requires: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_id("metric", self.id)
