"""Envelopes of subbands: band-pass filtered, rectified, low-pass filtered and downsampled.

A band's analytic signal occupies few frequencies, so that a short inverse Fourier transform gives
it at a low rate as exactly as a long one at the full rate. Its magnitude is not band-limited: at
a low rate, dips of the envelope alias a little into what the low-pass filter leaves.
`rate_divisor` keeps this error below a bound, band by band.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.function import once_differentiable

# |z|^2 below FLOOR^2 counts as silence: the magnitude is FLOOR there and has no gradient.
FLOOR = 1e-8
# What a chunk of bands may take on a CPU, where small chunks stay in the cache.
CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Bands:
    """Neighbouring bands whose envelopes are computed at one rate.

    Parameters
    ----------
    starts
        First frequency bin of each band.
    responses
        Their filters' responses from there on, float32 ``(bands, widest)``, 0 beyond their ends.
    kernel
        The low-pass filter at this rate, float32 ``(samples a frame, frames that it spans)``.
    length
        Samples of a sound at this rate.
    """

    starts: tuple[int, ...]
    responses: torch.Tensor
    kernel: torch.Tensor
    length: int


def rate_divisor(
    width_hz: float, rate_hz: float, env_rate_hz: float, samples: int, bound: float
) -> int:
    """Return by how much the sampling rate may be divided for a band.

    Parameters
    ----------
    width_hz
        The band's width. Where its envelope touches zero, the kink is at most as steep as
        pi width A, A being the envelope's height.
    bound
        On the error of an envelope's sample relative to A: a kink between two samples at the rate
        r moves the mean over 1 / env_rate by up to pi / 4 width env_rate / r^2. 0: full rate.

    Returns
    -------
    The largest divisor common to ``samples`` and a frame's samples that keeps to the bound, fits
    the band twice, and leaves the low-pass filter four samples a frame; 1 if none does.
    """
    if bound == 0:
        return 1
    kinks = math.sqrt(math.pi / 4 * width_hz * env_rate_hz / bound)
    lowest = max(kinks, 2 * width_hz, 4 * env_rate_hz)
    common = math.gcd(samples, round(rate_hz / env_rate_hz))
    divisors = (d for d in range(1, common + 1) if common % d == 0)
    return max(d for d in divisors if d == 1 or rate_hz / d >= lowest)


def bands_by_rate(
    filters: NDArray[np.float64],
    kernel: NDArray[np.float64],
    rate_hz: float,
    env_rate_hz: float,
    samples: int,
    bound: float,
) -> list[Bands]:
    """Cut filters ``(bands, bins)`` to where they respond, and group them by their rates.

    The bands stay in order, so that none has a higher rate than the next one.
    """
    edges = [_edges(response) for response in filters]
    widths = [(stop - start) * rate_hz / samples for start, stop in edges]
    divisors = [rate_divisor(w, rate_hz, env_rate_hz, samples, bound) for w in widths]
    falling = np.minimum.accumulate(divisors)
    hop = round(rate_hz / env_rate_hz)
    groups = []
    for divisor in np.unique(falling)[::-1].tolist():
        members = np.flatnonzero(falling == divisor)
        starts = tuple(edges[i][0] for i in members)
        widest = max(stop - start for start, stop in (edges[i] for i in members))
        responses = np.zeros((len(members), widest))
        for row, i in zip(responses, members, strict=True):
            start, stop = edges[i]
            row[: stop - start] = filters[i, start:stop]
        groups.append(
            Bands(
                starts,
                torch.from_numpy(responses).float(),
                torch.from_numpy(_decimated(kernel, hop, divisor)).float(),
                samples // divisor,
            )
        )
    return groups


def _edges(response: NDArray[np.float64]) -> tuple[int, int]:
    where = np.flatnonzero(response)
    return (int(where[0]), int(where[-1]) + 1) if len(where) else (0, 1)


def _decimated(kernel: NDArray[np.float64], hop: int, divisor: int) -> NDArray[np.float64]:
    """Return every so many taps ``(hop / divisor, frames)``: a column is what a frame adds."""
    frames = math.ceil(len(kernel) / hop)
    padded = np.pad(kernel, (0, frames * hop - len(kernel)))
    return np.ascontiguousarray(padded[::divisor].reshape(frames, -1).T * divisor)


def envelopes(x: torch.Tensor, groups: Sequence[Bands], frames: int) -> torch.Tensor:
    """Return the low-pass filtered envelopes ``(N, bands, frames)`` of sounds ``(N, samples)``.

    The gradient is written by hand; there is no second derivative.
    """
    result: torch.Tensor = _Envelopes.apply(x, groups, frames)
    return result


class _Envelopes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, groups: Sequence[Bands], frames: int) -> torch.Tensor:
        spectrum = _spectrum(x, max(group.responses.shape[1] for group in groups))
        phases, found = [], []
        for chunk in _chunks(groups, x):
            z = _analytic(spectrum, chunk)
            magnitude = z.abs()
            found.append(_lowpass(magnitude.clamp(min=FLOOR), chunk.kernel, frames))
            if ctx.needs_input_grad[0]:
                inverse = torch.where(magnitude < FLOOR, 0, magnitude.reciprocal())
                torch.view_as_real(z).mul_(inverse[..., None])
                phases.append(z)
        ctx.save_for_backward(x, *phases)
        ctx.groups = groups
        return torch.cat(found, dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, *phases = ctx.saved_tensors
        bins = x.shape[1] // 2 + 1
        widest = max(group.responses.shape[1] for group in ctx.groups)
        total = torch.zeros(len(x), bins + widest, dtype=phases[0].dtype, device=x.device)
        first = 0
        for chunk, phase in zip(_chunks(ctx.groups, x), phases, strict=True):
            wanted = grad_outputs[0][:, first : first + len(chunk.starts)]
            first += len(chunk.starts)
            slope = _lowpass_transposed(wanted, chunk)
            by_sample = torch.view_as_complex(torch.view_as_real(phase) * slope[..., None])
            width = chunk.responses.shape[1]
            by_bin = torch.fft.fft(by_sample)[..., :width] * chunk.responses.to(x.dtype)
            for i, start in enumerate(chunk.starts):  # slices add faster than an index does
                total[:, start : start + width] += by_bin[:, i]
        return _real_part(total[:, :bins], x.shape[1]), None, None


def _chunks(groups: Sequence[Bands], x: torch.Tensor) -> Iterator[Bands]:
    """Cut groups into as many bands as stay in a CPU's cache; a GPU computes a group at once."""
    for group in groups:
        n = len(group.starts)
        if x.device.type == "cpu":
            n = max(1, CHUNK_BYTES // (2 * x.itemsize * len(x) * group.length))
        for first in range(0, len(group.starts), n):
            part = slice(first, first + n)
            yield replace(group, starts=group.starts[part], responses=group.responses[part])


def _spectrum(x: torch.Tensor, padding: int) -> torch.Tensor:
    """Return the positive frequencies ``(N, bins + padding)``, divided by the number of samples.

    In double precision, where the device has it: what single precision's rounding spreads over
    all bands exceeds the envelopes of silent ones.
    """
    precise = x if x.device.type == "mps" else x.double()
    spectrum = torch.fft.rfft(precise, norm="forward")
    return torch.nn.functional.pad(spectrum.to(x.dtype.to_complex()), (0, padding))


def _real_part(by_bin: torch.Tensor, samples: int) -> torch.Tensor:
    """Return the transpose of `_spectrum`: real gradients ``(N, samples)`` of complex ones."""
    halved = by_bin / 2
    halved[:, 0] *= 2  # irfft counts all other bins twice, for the negative frequencies
    if samples % 2 == 0:
        halved[:, -1] *= 2
    x: torch.Tensor = torch.fft.irfft(halved, n=samples)
    return x


def _analytic(spectrum: torch.Tensor, group: Bands) -> torch.Tensor:
    """Return the bands' analytic signals ``(N, bands, length)``, but for their phases' course."""
    width = group.responses.shape[1]
    bins = torch.stack([spectrum[:, start : start + width] for start in group.starts], dim=1)
    bins = torch.view_as_complex(
        torch.view_as_real(bins) * group.responses.to(spectrum.dtype.to_real())[..., None]
    )
    z: torch.Tensor = torch.fft.ifft(bins, n=group.length, norm="forward")
    return z


def _lowpass(magnitude: torch.Tensor, kernel: torch.Tensor, frames: int) -> torch.Tensor:
    """Return ``(N, bands, frames)`` from ``(N, bands, length)``: a valid correlation, by frames."""
    hop, spanned = kernel.shape
    by_frame = magnitude.reshape(*magnitude.shape[:-1], -1, hop)
    products = by_frame @ kernel.to(magnitude.dtype)
    result: torch.Tensor = products[..., :frames, 0].clone()
    for k in range(1, spanned):
        result += products[..., k : k + frames, k]
    return result


def _lowpass_transposed(g: torch.Tensor, group: Bands) -> torch.Tensor:
    hop, spanned = group.kernel.shape
    frames = g.shape[-1]
    products = g.new_zeros(*g.shape[:-1], group.length // hop, spanned)
    for k in range(spanned):
        products[..., k : k + frames, k] = g
    slope: torch.Tensor = products @ group.kernel.T.to(g.dtype)
    return slope.flatten(-2)
