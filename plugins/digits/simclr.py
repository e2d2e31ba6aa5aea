"""Self-supervised training by contrast of two views (SimCLR, Chen et al. 2020), in miniature."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench_plugins.digits.networks import ConvNet
from bench_plugins.digits.recipe import Loss, door

TEMPERATURE = 0.3
ROTATION_RAD = 0.2
ZOOM = 0.25  # between 1 - 0.25 and 1 + 0.25
SHIFT = 0.2  # of half the frame: 3.2 px
CHANNEL_GAIN = 0.5
BRIGHTNESS = 0.2
INVERTED = 0.5  # share of views in negative: light digits and dark ones are the same digits
NOISE = 0.05


class Projector(nn.Module):
    """A network without its readout, and the projection head that is thrown away afterwards."""

    def __init__(self, network: ConvNet) -> None:
        super().__init__()
        self.network = network
        width = network.logits.in_features
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 64))

    def forward(self, x: Tensor) -> Tensor:
        projected: Tensor = self.head(self.network.features(x))
        return projected


def view(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random view of each image ``(N, 3, H, W)`` in [0, 1]: pose, colour, noise."""
    n = len(images)

    def draw(*shape: int) -> Tensor:
        return 2 * torch.rand((n, *shape), generator=generator) - 1

    angle, zoom = ROTATION_RAD * draw(), 1 + ZOOM * draw()
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    shift = SHIFT * draw(2)
    rows = [torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    posed = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
    mean = posed.mean(dim=(2, 3), keepdim=True)
    gain = 1 + CHANNEL_GAIN * draw(3, 1, 1)
    coloured = mean + gain * (posed - mean) + BRIGHTNESS * draw(3, 1, 1)
    negative = draw(1, 1, 1) < 2 * INVERTED - 1
    coloured = torch.where(negative, 1 - coloured, coloured)
    noise = torch.randn(images.shape, generator=generator)
    return (coloured + NOISE * noise).clamp(0, 1)


def contrast_loss(a: Tensor, b: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Return NT-Xent of two views' projections, each ``(N, D)`` (Chen et al. 2020, eq. 1).

    Row i of ``a`` belongs to row i of ``b``; the other 2 N - 2 rows are its negatives.
    """
    n = len(a)
    z = F.normalize(torch.cat([a, b]), dim=1)
    similar = (z @ z.T / temperature).masked_fill(torch.eye(2 * n, dtype=torch.bool), -math.inf)
    partner = torch.arange(2 * n).roll(n)
    loss: Tensor = F.cross_entropy(similar, partner)
    return loss


def contrastive(generator: torch.Generator) -> Loss:
    """Return the loss of self-supervised training; it looks at no label."""

    def loss(projector: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        both = torch.cat([view(images, generator), view(images, generator)])
        a, b = projector(door(both)).chunk(2)
        return contrast_loss(a, b)

    return loss
