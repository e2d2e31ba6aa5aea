"""Perceptual distances whose weights are downloaded: LPIPS (Zhang et al. 2018) and DISTS."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench import config
from bench.errors import BenchError
from bench.models.download import download
from bench.models.reading import read_state
from bench.proxies.comparing import Distance

# LPIPS' name of each backbone, and torchvision's.
BACKBONES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
DISTS_WEIGHTS = (
    "https://github.com/photosynthesis-team/piq/releases/download/v0.4.1/dists_weights.pt"
)
# Ding et al. 2020, section 3.1: the image itself and these layers of VGG-16, with their channels.
DISTS_LAYERS = ("3", "8", "15", "22", "29")
DISTS_CHANNELS = (3, 64, 128, 256, 512, 512)


def lpips_distance(metric: str, backbone: str, heads: bool, device: torch.device) -> Distance:
    """Return LPIPS (Zhang et al. 2018, eq. 1), version 0.1.

    Parameters
    ----------
    metric
        The distance's id, for messages.
    backbone
        ``alex``, ``vgg`` or ``squeeze``, trained on ImageNet.
    heads
        Whether channels have the weights that were fitted to human judgements, which the package
        ``lpips`` ships; otherwise each channel counts alike.

    Raises
    ------
    BenchError
        If the package is missing or the backbone's weights cannot be had.
    """
    try:
        import lpips
    except ModuleNotFoundError as error:
        raise BenchError(
            f"metric {metric} needs the package {error.name}",
            fix="pip install 'metamer-bench[lpips]'",
        ) from None
    trained = backbone_state(metric, BACKBONES[backbone])
    # Described on no device first: no weights are drawn, and no random state is touched.
    with torch.device("meta"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision")
        network = lpips.LPIPS(
            net=backbone, lpips=heads, pretrained=False, pnet_rand=True, verbose=False
        )
    state = {
        f"net.{name}": trained[f"features.{name.split('.', 1)[1]}"]
        for name in network.net.state_dict()
    }
    if heads:
        folder = Path(lpips.__file__).parent / "weights" / "v0.1"
        state |= read_state(folder / f"{backbone}.pth")
    _fill(metric, network, state)
    network.eval().requires_grad_(False).to(device)

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = network(a.to(device), b.to(device), normalize=True)
        return found.flatten()

    return distance


def mean_distance(parts: Sequence[Distance]) -> Distance:
    """Return the mean of several distances, each as it is."""

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.stack([part(a, b) for part in parts]).mean(dim=0)

    return distance


def dists(metric: str, device: torch.device) -> Distance:
    """Return DISTS (Ding et al. 2020) as in piq, 0 to 1; images over 256 px are reduced to that.

    Raises
    ------
    BenchError
        If VGG-16's weights, or those of its channels, cannot be had.
    """
    import piq
    from piq.perceptual import ContentLoss
    from torchvision.models import vgg16

    trained = backbone_state(metric, "vgg16")
    channels = read_state(_fetched(metric, DISTS_WEIGHTS))
    with torch.device("meta"):
        features = vgg16(weights=None).features
    _fill(metric, features, {name: trained[f"features.{name}"] for name in features.state_dict()})

    class Dists(piq.DISTS):  # type: ignore[misc]
        """piq's, with weights that were read without unpickling instead of its own download."""

        def __init__(self) -> None:
            ContentLoss.__init__(
                self, features, layers=DISTS_LAYERS, weights=_dists_weights(metric, channels),
                replace_pooling=True, reduction="none", allow_layers_weights_mismatch=True,
            )  # fmt: skip

    network: Any = Dists().eval().requires_grad_(False).to(device)

    def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = network(a.to(device), b.to(device))
        return found

    return distance


def backbone_state(metric: str, network: str) -> dict[str, torch.Tensor]:
    """Return the weights of torchvision's ``network`` trained on ImageNet, downloaded if needed.

    Raises
    ------
    BenchError
        Naming the metric, the file to download and where to put it.
    """
    from torchvision.models import get_model_weights

    published: Any = get_model_weights(network)
    return read_state(_fetched(metric, published.IMAGENET1K_V1.url))


def _fetched(metric: str, url: str) -> Path:
    name = url.rsplit("/", 1)[-1]
    _, dash, digits = name.removesuffix(".pth").rpartition("-")  # PyTorch: name-sha256.pth
    folder = config.cache_dir() / "weights"
    return download([url], folder, f"metric {metric}, {name}", digits if dash else None)


def _dists_weights(metric: str, state: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    expected = (1, sum(DISTS_CHANNELS), 1, 1)
    if shapes.get("alpha") != expected or shapes.get("beta") != expected:
        raise BenchError(
            f"metric {metric}: its weights file has {shapes}",
            fix=f"want alpha and beta of shape {expected}: delete it and run again",
        )
    total = state["alpha"].sum() + state["beta"].sum()  # the paper's: all weights sum to 1
    return [
        part
        for name in ("alpha", "beta")
        for part in torch.split(state[name] / total, list(DISTS_CHANNELS), dim=1)
    ]


def _fill(metric: str, network: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Put weights into a network that was described without any."""
    try:
        network.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        raise BenchError(f"metric {metric}: its weights do not fit", why=str(error)) from None
    empty = [name for name, value in network.named_parameters() if value.is_meta]
    if empty:
        raise BenchError(f"metric {metric}: its weights lack {', '.join(empty[:3])}")
