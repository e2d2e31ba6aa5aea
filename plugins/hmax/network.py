"""HMAX as Feather et al. 2023 ran it, with memory kept low where S2 itself is not asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, pad

CLASSES = 1000
# S1: filter sizes in pixels and how many wavelengths fit into twice the size.
S1_SIZES_PX = tuple(range(7, 38, 2))
S1_WAVELENGTHS = tuple(4 - 0.05 * i for i in range(16))
S1_ORIENTATIONS_DEG = (90, -45, 0, 45)
ASPECT_RATIO = 0.3
# C1: a band pools two neighbouring sizes of S1 over windows of so many pixels.
C1_WINDOWS_PX = tuple(range(8, 23, 2))
S2_SIZES = tuple(range(2, 17, 2))
S2_PATCHES = 400
STABILITY_OFFSET = 1e-10
RANDOM_PATCH_SCALE = 0.2
# From a bank of filters (F, s, s) to an image's responses (N, F, H - s + 1, W - s + 1).
Filtered = Callable[[torch.Tensor], torch.Tensor]


def gabor(size_px: int, wavelength: float, orientation_deg: float) -> np.ndarray:
    """Return an S1 filter: round, without mean, of unit norm; its first axis is x."""
    period = 2 * size_px / wavelength
    sigma = 0.8 * period
    theta = np.deg2rad(orientation_deg + 90)
    x, y = np.mgrid[:size_px, :size_px] - size_px // 2
    across = x * np.cos(theta) + y * np.sin(theta)
    along = y * np.cos(theta) - x * np.sin(theta)
    image = np.exp(-(across**2 + (ASPECT_RATIO * along) ** 2) / (2 * sigma**2))
    image *= np.cos(2 * np.pi * across / period)
    image[np.hypot(x, y) > size_px / 2] = 0
    image -= image.mean()
    return image / np.linalg.norm(image)


class S1(nn.Module):
    """Gabor energy at 16 sizes and 4 orientations: ``(N, 1, H, W)`` to ``(N, 64, H, W)``.

    Divided by the norm of the pixels under the filter; zero where a filter would leave the image
    or sees nothing but black.
    """

    def __init__(self) -> None:
        super().__init__()
        for size, wavelength in zip(S1_SIZES_PX, S1_WAVELENGTHS, strict=True):
            bank = np.stack([gabor(size, wavelength, deg) for deg in S1_ORIENTATIONS_DEG])
            self.register_buffer(f"gabors_{size}", torch.from_numpy(bank).float(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Single precision's error of a transform, divided by the norm of an all but black window,
        # would exceed every true response. Apple's GPUs have no double precision.
        filtered = directly(x) if x.device.type == "mps" else by_spectrum(x)
        return torch.cat([self._responses(x, filtered, size) for size in S1_SIZES_PX], dim=1)

    def _responses(self, x: torch.Tensor, filtered: Filtered, size: int) -> torch.Tensor:
        rows = avg_pool2d(x**2, (size, 1), stride=1)
        energy = avg_pool2d(rows, (1, size), stride=1) * size**2
        inside = filtered(self.get_buffer(f"gabors_{size}")).abs()
        responses = inside / torch.sqrt(energy + STABILITY_OFFSET)
        return pad(torch.where(energy > 0, responses, 0), [size // 2] * 4)


def directly(x: torch.Tensor) -> Filtered:
    """Return what correlates images ``(N, 1, H, W)`` with a bank ``(F, s, s)``, where it fits."""
    return lambda bank: conv2d(x, bank[:, None])


def by_spectrum(x: torch.Tensor) -> Filtered:
    """Return the same in the frequency domain, whose gradient takes a fraction of the time."""
    shape = x.shape[-2:]
    spectrum = torch.fft.rfft2(x.double())

    def filtered(bank: torch.Tensor) -> torch.Tensor:
        products = spectrum * torch.fft.rfft2(bank.double(), s=shape).conj()
        size = bank.shape[-1]
        fitting = torch.fft.irfft2(products, s=shape)[
            ..., : shape[0] - size + 1, : shape[1] - size + 1
        ]
        return fitting.to(x.dtype)

    return filtered


class C1(nn.Module):
    """Maxima over two neighbouring sizes and over space: 8 maps ``(N, 4, side, side)``."""

    def forward(self, s1: torch.Tensor) -> tuple[torch.Tensor, ...]:
        bands = s1.chunk(len(C1_WINDOWS_PX), dim=1)
        return tuple(
            max_pool2d(torch.maximum(*band.chunk(2, dim=1)), k, stride=k // 2, padding=k // 2)
            for band, k in zip(bands, C1_WINDOWS_PX, strict=True)
        )


@dataclass(frozen=True)
class PatchDistances:
    """Squared distances of patches from C1, computed when they are read.

    Of all of them together only S2 has need; C2 keeps the smallest of each map and lets it go.
    """

    c1: tuple[torch.Tensor, ...]
    patches: Sequence[torch.Tensor]

    def of_size(self, index: int) -> Iterator[torch.Tensor]:
        """Yield the squared distances ``(N, 400, side, side)`` of a patch size, band by band."""
        patches = self.patches[index]
        size = patches.shape[-1]
        box = patches.new_ones(1, 1, size, size)
        constant = patches.square().sum(dim=(1, 2, 3))[:, None, None]
        for band in self.c1:
            energy = conv2d(band.square().sum(dim=1, keepdim=True), box, padding=size // 2)
            yield energy - 2 * conv2d(band, patches, padding=size // 2) + constant

    def responses(self) -> torch.Tensor:
        """Return all responses exp(-distance / 2) ``(N, units)``: patch sizes, bands, patches."""
        sizes = range(len(self.patches))
        flat = [torch.exp(-d / 2).flatten(1) for i in sizes for d in self.of_size(i)]
        return torch.cat(flat, dim=1)

    def nearest(self) -> torch.Tensor:
        """Return the smallest squared distance of each patch ``(N, sizes, 400)``."""
        smallest = []
        for i in range(len(self.patches)):
            by_band = [d.flatten(2).min(dim=2).values for d in self.of_size(i)]
            smallest.append(torch.stack(by_band).min(dim=0).values)
        return torch.stack(smallest, dim=1)


class S2(nn.Module):
    """Patches ``(400, 4, s, s)`` of eight sizes, compared with C1 at every position and band."""

    def __init__(self) -> None:
        super().__init__()
        shapes = [(S2_PATCHES, len(S1_ORIENTATIONS_DEG), s, s) for s in S2_SIZES]
        random = [RANDOM_PATCH_SCALE * torch.rand(shape) for shape in shapes]
        self.patches = nn.ParameterList(nn.Parameter(p, requires_grad=False) for p in random)

    def forward(self, c1: tuple[torch.Tensor, ...]) -> PatchDistances:
        return PatchDistances(c1, list(self.patches))


class C2(nn.Module):
    """The strongest response of each patch anywhere: ``(N, 8, 400)``.

    exp is monotonic, so that the nearest patch is found before it: equal values, and no map is
    kept for the gradient.
    """

    def forward(self, distances: PatchDistances) -> torch.Tensor:
        return torch.exp(-distances.nearest() / 2)


class HMAX(nn.Module):
    """Grey images ``(N, 1, 250, 250)`` in 0-255 to logits ``(N, 1000)``."""

    def __init__(self) -> None:
        super().__init__()
        self.s1, self.c1, self.s2, self.c2 = S1(), C1(), S2(), C2()
        self.fc = nn.Linear(len(S2_SIZES) * S2_PATCHES, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(self.c2(self.s2(self.c1(self.s1(x)))).flatten(1))
        return logits


def from_patch_set(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the parameters that a published patch set gives, with a readout that says nothing.

    In the file, cell ``i`` of ``patches`` holds the patches of column ``i`` of ``patchSizes``,
    which reads [rows, columns, orientations, patches]. The readout's weights are zeros: it
    recognises nothing until a trained one is loaded.
    """
    own = {}
    for i, (rows, columns, orientations, n) in enumerate(state["patchSizes"].long().T.tolist()):
        patches = state[f"patches.{i}"].reshape(orientations, columns, rows, n)
        own[f"s2.patches.{i}"] = patches.permute(3, 0, 2, 1).float()
    own["fc.weight"] = torch.zeros(CLASSES, len(S2_SIZES) * S2_PATCHES)
    own["fc.bias"] = torch.zeros(CLASSES)
    return own


def from_checkpoint(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the parameters in the paper's checkpoint, where each orientation is filtered apart."""
    own = {name: state[name] for name in ("fc.weight", "fc.bias")}
    for i in range(len(S2_SIZES)):
        weight = state[f"s2_units.{i}.conv.weight"]
        by_orientation = weight.unflatten(0, (len(S1_ORIENTATIONS_DEG), -1))[:, :, 0]
        own[f"s2.patches.{i}"] = by_orientation.transpose(0, 1).contiguous()
    return own
