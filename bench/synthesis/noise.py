"""Noise that depends on the seed and the stimulus' id alone, whatever the batch or the device."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from bench.synthesis.parts import NoiseStart


def generator_for(seed: int, stimulus_id: str, purpose: str = "start") -> torch.Generator:
    """Return a CPU generator for one stimulus; different purposes give independent streams."""
    digest = hashlib.sha256(f"{seed}\0{stimulus_id}\0{purpose}".encode()).digest()
    generator = torch.Generator(device="cpu")
    generator.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return generator


def noise_start(
    ids: Sequence[str], shape: tuple[int, ...], start: NoiseStart, seed: int
) -> torch.Tensor:
    """Return the starting points ``(len(ids), *shape)``, float32, on the CPU."""
    uniform = start.distribution == "uniform"
    draw = torch.rand if uniform else torch.randn
    draws = torch.stack([draw(shape, generator=generator_for(seed, name)) for name in ids])
    if uniform:
        return start.low + (start.high - start.low) * draws
    noise = start.mean + start.std * draws
    return noise.clamp(start.low, start.high) if start.clipped else noise


def noise_targets(
    ids: Sequence[str], shape: tuple[int, ...], mean: float, std: float, seed: int = 0
) -> torch.Tensor:
    """Return out-of-distribution targets drawn from N(mean, std), ``(len(ids), *shape)``.

    Not clipped, as in Nanda et al. 2023, section 2.3, who use N(0, 1) and N(0.5, 2).
    """
    draws = [torch.randn(shape, generator=generator_for(seed, name, "target")) for name in ids]
    return mean + std * torch.stack(draws)
