"""Noise that depends on the seed and the stimulus' id alone, whatever the batch or the device."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from bench.synthesis.protocols import NoiseStart


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
    draws = [torch.randn(shape, generator=generator_for(seed, name)) for name in ids]
    return (start.mean + start.std * torch.stack(draws)).clamp(start.low, start.high)
