"""Hand-made features in the manner of HMAX: two rounds of template matching and maximum.

After Riesenhuber and Poggio 1999 and Serre et al. 2007, with the Gaussian second stage that
Feather et al. 2023 used. Only the readout is fitted to labels; the templates of the second stage
are cut out of scenes for training.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench_plugins.digits.catalogue import MEAN, STD
from bench_plugins.digits.gabor import gabor_kernel

ORIENTATIONS = 4
SIZES_PX = (5, 7, 9, 11)  # two neighbouring sizes make a band
WAVELENGTH_PER_SIZE = 0.5  # HMAX: 2 / 4 for its smallest filters
BANDS = len(SIZES_PX) // 2
POOL_PX = 5
POOL_STRIDE_PX = 3
TEMPLATE_SIZES = (3, 5)  # in steps of the C1 grid
TEMPLATES_PER_SIZE = 150
SHARPNESS = 2.0
CONTRAST_FLOOR = 0.1
READOUT_PENALTY = 30.0
LUMA = (0.299, 0.587, 0.114)


class S1(nn.Module):
    """Local contrast-normalised Gabor energy: ``(N, 3, 32, 32)`` to ``(N, 16, 32, 32)``.

    Magnitude of even Gabors of 4 sizes and 4 orientations on the grey image, divided by the local
    standard deviation (plus a floor) under the largest filter. Channels: size, then orientation.
    """

    kernels: Tensor
    luma: Tensor

    def __init__(self) -> None:
        super().__init__()
        largest = max(SIZES_PX)
        kernels = [
            F.pad(
                gabor_kernel(size, WAVELENGTH_PER_SIZE * size, math.pi * k / ORIENTATIONS, 0.0),
                [(largest - size) // 2] * 4,
            )
            for size in SIZES_PX
            for k in range(ORIENTATIONS)
        ]
        self.register_buffer("kernels", torch.stack(kernels)[:, None], persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA)[:, None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        grey = (STD * x + MEAN).mul(self.luma).sum(dim=1, keepdim=True)
        half = max(SIZES_PX) // 2
        padded = F.pad(grey, [half] * 4, mode="reflect")
        mean = F.avg_pool2d(padded, 2 * half + 1, stride=1)
        power = F.avg_pool2d(padded.square(), 2 * half + 1, stride=1)
        deviation = torch.sqrt(F.relu(power - mean.square()) + CONTRAST_FLOOR**2)
        return F.conv2d(padded, self.kernels).abs() / deviation


class C1(nn.Module):
    """Maximum over two neighbouring sizes and 5 x 5 px, every 3 px: to ``(N, 8, 11, 11)``.

    Channels: band, then orientation.
    """

    def forward(self, s1: Tensor) -> Tensor:
        n, _, height, width = s1.shape
        pairs = s1.view(n, BANDS, 2, ORIENTATIONS, height, width).amax(dim=2)
        return F.max_pool2d(pairs.flatten(1, 2), POOL_PX, POOL_STRIDE_PX, padding=POOL_PX // 2)


class S2(nn.Module):
    """Gaussian similarity of C1 to every template at every place of every band.

    ``exp(-SHARPNESS * mean squared difference)``, ``(N, 300, 2, 11, 11)``: template, band, place.
    """

    def __init__(self) -> None:
        super().__init__()
        for size in TEMPLATE_SIZES:
            shape = (TEMPLATES_PER_SIZE, ORIENTATIONS, size, size)
            self.register_buffer(f"templates{size}", torch.rand(shape))

    def templates(self, size: int) -> Tensor:
        """Return the templates of one size, ``(150, 4, size, size)``."""
        found: Tensor = self.get_buffer(f"templates{size}")
        return found

    def forward(self, c1: Tensor) -> Tensor:
        n, _, height, width = c1.shape
        bands = c1.reshape(n * BANDS, ORIENTATIONS, height, width)
        similar = [gaussian_similarity(bands, self.templates(size)) for size in TEMPLATE_SIZES]
        return torch.cat(similar, dim=1).view(n, BANDS, -1, height, width).transpose(1, 2)


def gaussian_similarity(x: Tensor, templates: Tensor) -> Tensor:
    """Compare every patch of ``x`` ``(N, C, H, W)`` with templates ``(P, C, S, S)``, S odd.

    Returns
    -------
    Tensor
        ``exp(-SHARPNESS d)`` in (0, 1], ``(N, P, H, W)``, where d is the mean squared difference
        of patch and template; zeros pad the borders.
    """
    half = templates.shape[-1] // 2
    box = torch.ones_like(templates[:1])
    power = F.conv2d(x.square(), box, padding=half)
    product = F.conv2d(x, templates, padding=half)
    own = templates.square().sum(dim=(1, 2, 3))[:, None, None]
    distance = F.relu(power - 2 * product + own) / box.numel()
    return torch.exp(-SHARPNESS * distance)


class Hmax(nn.Module):
    """S1, C1, S2, C2 (maximum over places and bands) and a linear readout of the 300 C2 units.

    What differs from HMAX (Serre et al. 2007): 4 filter sizes in 2 bands instead of 16 in 8, pooled
    on one grid; normalisation by local contrast instead of local energy; templates of 2 sizes
    instead of 4; the squared distance is divided by the number of a template's values, so that
    one sharpness serves both sizes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.s1 = S1()
        self.c1 = C1()
        self.s2 = S2()
        self.c2 = nn.Sequential(nn.Flatten(2), nn.AdaptiveMaxPool1d(1), nn.Flatten())
        self.logits = nn.Linear(len(TEMPLATE_SIZES) * TEMPLATES_PER_SIZE, 10)

    def features(self, x: Tensor) -> Tensor:
        """Return what the readout sees, ``(N, 300)``."""
        c2: Tensor = self.c2(self.s2(self.c1(self.s1(x))))
        return c2

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.logits(self.features(x))
        return logits


@torch.no_grad()
def imprint(network: Hmax, scenes: Tensor, generator: torch.Generator) -> None:
    """Cut the templates of S2 out of C1's responses to ``scenes``, one scene a template.

    Band and place are drawn at random.
    """
    c1 = network.c1(network.s1(scenes))
    n, _, height, width = c1.shape
    bands = c1.view(n, BANDS, ORIENTATIONS, height, width)
    scene = iter(torch.randperm(n, generator=generator).tolist())
    for size in TEMPLATE_SIZES:
        for template in network.s2.templates(size):
            band, row, column = (
                int(torch.randint(high, (1,), generator=generator))
                for high in (BANDS, height - size + 1, width - size + 1)
            )
            patch = bands[next(scene), band, :, row : row + size, column : column + size]
            template.copy_(patch)
