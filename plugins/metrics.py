"""Perceptual distances that come with the bench."""

from __future__ import annotations

from typing import Any

import bench
from bench.proxies.spec import MetricSpec


def _haarpsi(device: Any) -> Any:
    from bench.proxies.haarpsi import haarpsi

    return haarpsi(device)


@bench.hookimpl
def bench_register_metrics(register: Any) -> None:
    """Register the distances that need no download."""
    register(
        MetricSpec(
            id="haarpsi",
            build=_haarpsi,
            description="1 - HaarPSI (piq): local structure at three Haar wavelet scales",
            misses="shifts of the whole image, colour beyond coarse chroma, and meaning: "
            "it compares edges in place, not what they depict",
            reference="Reisenhofer et al. 2018, Signal Processing: Image Communication 61, 33-43",
        )
    )
