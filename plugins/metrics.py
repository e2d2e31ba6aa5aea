"""Perceptual distances that come with the bench."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bench
from bench.proxies.spec import MetricSpec

LPIPS = "Zhang et al. 2018, CVPR"
LPIPS_MISSES = "whatever ImageNet does not teach; fitted to small distortions of 64 px patches"
FITTED, PLAIN = "channels weighted by human judgements", "all channels alike"
ALEXNET, VGG, SQUEEZENET = "AlexNet (233 MB)", "VGG-16 (528 MB)", "SqueezeNet 1.1 (5 MB)"
# id: (backbone, whether its channels are weighted, what is downloaded)
LPIPS_KINDS = {
    "lpips-alex": ("alex", True, ALEXNET),
    "lpips-vgg": ("vgg", True, VGG),
    "lpips-squeeze": ("squeeze", True, SQUEEZENET),
    "lpips-alex-imagenet": ("alex", False, ALEXNET),
    "lpips-vgg-imagenet": ("vgg", False, VGG),
}
# Nanda et al. 2023, A.2: AlexNet and VGG-16 of ImageNet, and both as LPIPS' authors fitted them.
NANDA_BACKBONES = ("lpips-alex", "lpips-vgg", "lpips-alex-imagenet", "lpips-vgg-imagenet")


def _haarpsi(device: Any) -> Any:
    from bench.proxies.haarpsi import haarpsi

    return haarpsi(device)


def _ms_ssim(device: Any) -> Any:
    from bench.proxies.ms_ssim import ms_ssim

    return ms_ssim(device)


def _nlpd(device: Any) -> Any:
    from bench.proxies.nlpd import nlpd

    return nlpd(device)


def _cielab(device: Any) -> Any:
    from bench.proxies.cielab import cielab

    return cielab(device)


def _dists(device: Any) -> Any:
    from bench.proxies.learned import dists

    return dists("dists", device)


def _lpips(name: str) -> Callable[[Any], Any]:
    def build(device: Any) -> Any:
        from bench.proxies.learned import lpips_distance

        backbone, heads, _ = LPIPS_KINDS[name]
        return lpips_distance(name, backbone, heads, device)

    return build


def _lpips_mean(device: Any) -> Any:
    from bench.proxies.learned import mean_distance

    return mean_distance([_lpips(name)(device) for name in NANDA_BACKBONES])


def _without_download() -> list[MetricSpec]:
    return [
        MetricSpec(
            id="haarpsi",
            build=_haarpsi,
            description="1 - HaarPSI (piq): local structure at three Haar wavelet scales",
            misses="shifts of the whole image, colour beyond coarse chroma, and meaning: "
            "it compares edges in place, not what they depict",
            reference="Reisenhofer et al. 2018, Signal Processing: Image Communication 61, 33-43",
        ),
        MetricSpec(
            id="ms-ssim",
            build=_ms_ssim,
            description="1 - MS-SSIM: luminance, contrast and structure at up to five scales",
            misses="shifts and other texture of the same kind, and meaning; colours are compared "
            "as three grey images",
            reference="Wang et al. 2003, Asilomar",
        ),
        MetricSpec(
            id="nlpd",
            build=_nlpd,
            description="normalised Laplacian pyramid: bands over their local amplitude, as in "
            "the early visual system",
            misses="colour, shifts, and meaning",
            reference="Laparra et al. 2016, Human Vision and Electronic Imaging",
        ),
        MetricSpec(
            id="cielab",
            build=_cielab,
            description="mean Delta E*ab of the pixels: colour and lightness",
            misses="all structure: it compares pixel by pixel",
            reference="CIE 15, CIE 1976 L*a*b*",
        ),
    ]


def _with_download() -> list[MetricSpec]:
    requires = {"lpips": "metamer-bench[lpips]"}
    single = [
        MetricSpec(
            id=name,
            build=_lpips(name),
            description=f"LPIPS on {downloads.split(' (')[0]}, {FITTED if heads else PLAIN}",
            misses=LPIPS_MISSES,
            reference=LPIPS,
            downloads=f"torchvision's {downloads}",
            requires=requires,
        )
        for name, (_, heads, downloads) in LPIPS_KINDS.items()
    ]
    mean = MetricSpec(
        id="lpips-mean",
        build=_lpips_mean,
        description=f"mean of {', '.join(NANDA_BACKBONES)}",
        misses=LPIPS_MISSES,
        reference="Nanda et al. 2023, A.2, who average the choices, not the distances",
        downloads=f"torchvision's {ALEXNET} and {VGG}",
        requires=requires,
    )
    texture = MetricSpec(
        id="dists",
        build=_dists,
        description="DISTS (piq): structure and texture in VGG-16",
        misses="another sample of the same texture, on purpose",
        reference="Ding et al. 2020, IEEE PAMI 44, 2567-2581",
        downloads=f"torchvision's {VGG} and piq's dists_weights.pt",
    )
    return [*single, mean, texture]


@bench.hookimpl
def bench_register_metrics(register: Any) -> None:
    """Register the distances: first those that need no download."""
    for metric in [*_without_download(), *_with_download()]:
        register(metric)
