"""One recipe for every trained network: AdamW with a one-cycle rate on a stream of scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench_plugins.digits.catalogue import MEAN, STD

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
Report = Callable[[int, int], None]  # steps done, steps in all


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; the rate rises over the first third and falls to nearly 0."""

    peak_rate: float = 4e-3
    weight_decay: float = 1e-4
    batch_size: int = 64
    passes: int = 1
    clip_norm: float = 1.0


@dataclass(frozen=True)
class Scenes:
    """Scenes to train on: 8-bit ``(N, 3, 32, 32)`` and their classes ``(N,)``."""

    values: Tensor
    labels: Tensor

    def first(self, count: int) -> Scenes:
        """Return the first ``count`` scenes."""
        return Scenes(self.values[:count], self.labels[:count])

    def batches(
        self, size: int, passes: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield shuffled batches, images float32 in [0, 1]; what does not fill one is left out."""
        for _ in range(passes):
            order = torch.randperm(len(self.labels), generator=generator)
            for index in order[: len(order) // size * size].split(size):
                yield self.values[index].float() / 255, self.labels[index]


def door(images: Tensor) -> Tensor:
    """Normalise images in [0, 1] as the bench does before it shows them to these networks."""
    return (images - MEAN) / STD


def cross_entropy(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of standard training; ``images`` in [0, 1]."""
    loss: Tensor = F.cross_entropy(network(door(images)), labels)
    return loss


def fit(
    network: nn.Module,
    scenes: Scenes,
    recipe: Recipe,
    generator: torch.Generator,
    loss: Loss = cross_entropy,
    report: Report = lambda done, steps: None,
) -> None:
    """Train ``network`` in place and leave it in evaluation mode."""
    network.to(memory_format=torch.channels_last)  # a third faster on a CPU
    steps = len(scenes.labels) // recipe.batch_size * recipe.passes
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.peak_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.peak_rate, total_steps=steps
    )
    batches = scenes.batches(recipe.batch_size, recipe.passes, generator)
    for step, (images, labels) in enumerate(batches, start=1):
        network.train()
        optimiser.zero_grad()
        loss(network, images, labels).backward()
        nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimiser.step()
        schedule.step()
        report(step, steps)
    network.eval()


@torch.inference_mode()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the share of ``images`` (float32 in [0, 1]) that ``network`` classifies correctly."""
    network.eval()
    right = [
        network(door(x)).argmax(1) == y
        for x, y in zip(images.split(250), labels.split(250), strict=True)
    ]
    return float(torch.cat(right).float().mean())
