"""Fixed Gabor filters, and the front end made of them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ORIENTATIONS = 8
WAVELENGTHS_PX = (4.0, 6.0, 9.0)
KERNEL_PX = 11
STRIDE = 2
SIGMA_PER_WAVELENGTH = 0.4  # about 1.4 octaves, the median bandwidth in V1
ASPECT = 0.7  # envelope narrower along the wave than along the stripes
EXCITATION = 5.0  # brings the responses near 1; VOneNet scales its own by 25


def gabor_kernel(size_px: int, wavelength_px: float, angle: float, phase: float) -> Tensor:
    """Return a Gabor kernel ``(size_px, size_px)`` with mean 0 and unit L2 norm.

    Parameters
    ----------
    angle
        Direction in which the wave runs, in radians; 0 is along the columns (vertical stripes).
    phase
        Phase of the wave at the centre, in radians; 0 is even, pi / 2 is odd.
    """
    half = (size_px - 1) / 2
    axis = torch.arange(size_px, dtype=torch.float64) - half
    row, column = torch.meshgrid(axis, axis, indexing="ij")
    along = column * math.cos(angle) + row * math.sin(angle)
    across = row * math.cos(angle) - column * math.sin(angle)
    sigma = SIGMA_PER_WAVELENGTH * wavelength_px
    envelope = torch.exp(-(along**2 + (ASPECT * across) ** 2) / (2 * sigma**2))
    kernel = envelope * torch.cos(2 * math.pi * along / wavelength_px + phase)
    # The mean is removed under the envelope, so that the kernel stays small at its border.
    kernel = kernel - envelope * (kernel.sum() / envelope.sum())
    return (kernel / kernel.norm()).float()


class GaborFrontEnd(nn.Module):
    """A fixed first stage of simple and complex cells, in the manner of VOneNet.

    24 Gabors, 3 wavelengths x 8 orientations, see one opponent channel of the image each: half of
    them luminance, a quarter red-green, a quarter blue-yellow. Simple cells rectify the even
    response, complex cells take the energy of the even and odd pair. Nothing here is learnt.

    What differs from VOneNet (Dapello et al. 2020): a regular bank instead of one drawn from
    recorded distributions; opponent channels instead of one random colour channel a filter; 48
    channels at half resolution; no noise, neither in training nor in test; no bottleneck after it.
    """

    channels = 2 * ORIENTATIONS * len(WAVELENGTHS_PX)
    even: Tensor
    odd: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Rows sum to 1, 0 and 0 over red, green and blue, up to scale.
        colours = F.normalize(torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]]), dim=1)
        banks: list[list[Tensor]] = [[], []]
        for scale, wavelength in enumerate(WAVELENGTHS_PX):
            for turn in range(ORIENTATIONS):
                angle = math.pi * turn / ORIENTATIONS
                colour = colours[(0, 1, 0, 2)[(turn + scale) % 4]]
                for bank, phase in zip(banks, (0.0, math.pi / 2), strict=True):
                    kernel = gabor_kernel(KERNEL_PX, wavelength, angle, phase)
                    bank.append(colour[:, None, None] * kernel)
        self.register_buffer("even", torch.stack(banks[0]), persistent=False)
        self.register_buffer("odd", torch.stack(banks[1]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        even = F.conv2d(x, self.even, stride=STRIDE, padding=KERNEL_PX // 2)
        odd = F.conv2d(x, self.odd, stride=STRIDE, padding=KERNEL_PX // 2)
        simple = F.relu(even)
        # The small constant keeps the gradient finite where both responses are 0, as in VOneNet.
        energy = torch.sqrt(1e-5 + even.square() + odd.square()) / math.sqrt(2)
        return EXCITATION * torch.cat([simple, energy], dim=1)
