"""Time the cochleagram against the plain formula by autograd, and measure the errors of its modes.

    python benchmarks/cochleagram.py [--batch 1] [--device cpu]

Forward and backward of the published front end: 211 bands and 390 frames of 2 s at 20 kHz. Rounds
of the three take turns in one process, one thread on a CPU; the ratio of their medians hangs less
on the machine than the seconds do. Errors are the largest ones beside the formula in double
precision, and relative in the L2 norm, for sounds that ask for different things.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn.functional import conv1d, pad

from bench.hearing import Cochleagram
from bench.hearing.cochleagram import BOUNDS
from bench.hearing.filters import erb_filters, lowpass_kernel

RATE_HZ, SAMPLES, HOP, TAPS = 20_000, 40_000, 100, 1001


class Plain:
    """The published formula, an operation a step, at the full rate."""

    def __init__(self, dtype: torch.dtype, device: str) -> None:
        filters = erb_filters(np.fft.rfftfreq(SAMPLES, 1 / RATE_HZ), 50, 50.0, 10_000.0, 4)
        kernel = lowpass_kernel(HOP, TAPS)
        self.filters = torch.from_numpy(filters).float().to(device, dtype)
        self.kernel = torch.from_numpy(kernel).float().to(device, dtype)[None, None]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(N, 211, 390)``."""
        bins = torch.fft.rfft(x)[:, None] * self.filters
        z = torch.fft.ifft(pad(bins, (0, SAMPLES - bins.shape[-1])))
        magnitude = (z.real.square() + z.imag.square()).clamp(min=1e-16).sqrt()
        smooth = conv1d(magnitude.flatten(0, 1)[:, None], self.kernel, stride=HOP)
        return (smooth.relu() + 1e-8).pow(0.3).unflatten(0, bins.shape[:2])[:, :, 0]


def sounds() -> dict[str, torch.Tensor]:
    """Return a batch of one for each kind of sound, float32."""
    draw = np.random.default_rng(0)
    t = np.arange(SAMPLES) / RATE_HZ
    harmonics = sum(np.sin(2 * np.pi * f * t) for f in range(110, 9000, 110))
    click = np.eye(1, SAMPLES, SAMPLES // 2)[0]
    made = {
        "white noise": draw.normal(size=SAMPLES),
        "tone, 1 kHz": np.sin(2 * np.pi * 1000 * t),
        "harmonics of 110 Hz": harmonics,
        "the same, gated, in noise": harmonics * np.clip(np.sin(6 * np.pi * t), 0, 1) ** 2
        + 0.01 * draw.normal(size=SAMPLES),
        "click": click,
    }
    scaled = {name: 0.1 * x / x.std() for name, x in made.items()} | {"click": 0.9 * click}
    scaled["noise start"] = 1e-7 * draw.normal(size=SAMPLES)
    return {name: torch.from_numpy(x)[None].float() for name, x in scaled.items()}


def both_ways(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> float:
    """Return the seconds of a forward and a backward pass."""
    x = x.clone().requires_grad_(True)
    start = time.perf_counter()
    function(x).square().sum().backward()
    if x.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    """Print the times, then the errors."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    modules = {mode: Cochleagram(mode=mode).to(options.device) for mode in BOUNDS}
    contestants = {"plain": Plain(torch.float32, options.device), **modules}
    x = sounds()["the same, gated, in noise"].expand(options.batch, -1).to(options.device)
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(options.rounds + 1):
        for name, contestant in contestants.items():
            taken = both_ways(contestant, x)
            if round_:  # the first warms up
                seconds[name].append(taken)
    plain_s = statistics.median(seconds["plain"])
    print(f"{'front end':<28}{'ms':>8}{'ratio':>8}")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:<28}{1000 * median:>8.1f}{median / plain_s:>8.3f}")
    print(f"\n{'largest error (relative L2)':<28}" + "".join(f"{mode:>22}" for mode in modules))
    precise = Plain(torch.float64, options.device)
    for name, sound in sounds().items():
        on_device = sound.to(options.device)
        with torch.no_grad():
            true = precise(on_device.double())
            gaps = [module(on_device)[:, 0].double() - true for module in modules.values()]
        shown = (f"{gap.abs().max():.1e} ({gap.norm() / true.norm():.1e})" for gap in gaps)
        print(f"{name:<28}" + "".join(f"{text:>22}" for text in shown))


if __name__ == "__main__":
    main()
