"""RobustBench's networks for ImageNet and CIFAR-10, through its own package.

Listed from a table of names; the package is imported when a network is built. Most take pixels in
[0, 1] and normalise inside. Only their output is a stage: architectures differ too much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import bench
from bench_plugins.robust.robustbench_names import BOARDS

if TYPE_CHECKING:
    from torch import nn

LABELS = {"imagenet": "imagenet1k", "cifar10": "cifar10"}
CLASSES = {"imagenet": 1000, "cifar10": 10}
SIZE_PX = {"imagenet": 224, "cifar10": 32}
# RobustBench shows this one larger images (preprocessing Crop288).
SIZE_OF_ONE_PX = {("imagenet", "Linf", "Wong2020Fast"): 288}
TRAINING = {"Linf": "adversarial Linf", "L2": "adversarial L2", "corruptions": "corruptions"}
# Older ones unpickle what RobustBench's loader gives them.
FIRST_SAFE_TORCH = (2, 6)


def robustbench_specs() -> Iterator[bench.ModelSpec]:
    """Yield every network of the boards.

    A name that is on one board only is ``robustbench:NAME``, one that is on several is
    ``robustbench:NAME:DATASET-THREAT``, for example ``robustbench:Standard:cifar10-L2``.
    """
    boards_with = Counter(name for names in BOARDS.values() for name in names)
    for (dataset, threat), names in BOARDS.items():
        for name in names:
            board = f":{dataset}-{threat}" if boards_with[name] > 1 else ""
            size_px = SIZE_OF_ONE_PX.get((dataset, threat, name), SIZE_PX[dataset])
            yield bench.ModelSpec(
                id=f"robustbench:{name}{board}",
                family="robustbench",
                build=partial(build, name=name, dataset=dataset, threat=threat),
                input=bench.ImageInput(size_px=size_px),
                labels=LABELS[dataset],
                stages={"final": ""},
                reference=f"Croce et al. 2021; RobustBench {dataset} {threat} {name}",
                license="see https://github.com/RobustBench/robustbench/blob/master/LICENSE",
                training="standard" if name.startswith("Standard") else TRAINING[threat],
                requires={"robustbench": "metamer-bench[robustbench]"},
            )


def build(weights: str | None, *, name: str, dataset: str, threat: str) -> nn.Module:
    """Build a network, with random weights if ``weights`` is None, else with the published ones."""
    from bench.compat.robustbench import import_robustbench

    robustbench = import_robustbench()
    if weights is None:
        return _untrained(name, dataset, threat)
    _refuse_unsafe_torch(name)
    from bench import config

    folder = config.cache_dir() / "robustbench"
    model: nn.Module = robustbench.load_model(
        name, model_dir=folder, dataset=dataset, threat_model=threat
    )
    return model


def _refuse_unsafe_torch(name: str) -> None:
    import torch

    if tuple(map(int, torch.__version__.split(".")[:2])) < FIRST_SAFE_TORCH:
        raise bench.BenchError(
            f"model robustbench:{name} is not loaded",
            why=f"torch {torch.__version__} would run what its checkpoint contains",
            fix="pip install 'torch>=2.6'",
        )


def _untrained(name: str, dataset: str, threat: str) -> nn.Module:
    import timm
    import torchvision
    from robustbench.model_zoo import model_dicts
    from robustbench.model_zoo.architectures.utils_architectures import normalize_model
    from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel

    # The rule by which RobustBench itself finds the networks that it registers with timm.
    timm_name = f"{name.lower().replace('-', '_')}_{dataset}_{threat.lower()}"
    model: Any
    if timm.is_model(timm_name):
        model = timm.create_model(timm_name, pretrained=False, num_classes=CLASSES[dataset])
    elif name == "Standard_R50":  # its constructor would download
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        model = normalize_model(torchvision.models.resnet50(weights=None), mean, std)
    else:
        zoo = model_dicts[BenchmarkDataset(dataset)][ThreatModel(threat)]
        model = zoo[name]["model"]()
    untrained: nn.Module = model
    return untrained
