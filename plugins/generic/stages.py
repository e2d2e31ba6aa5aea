"""Finding a network's stages: the ends of its blocks, in the order in which they are reached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import torch
from torch import nn

from bench.spec import Stage

# Sequential modules side by side are blocks themselves where there are more than so many
# (layer1 .. layer4); one or two (features, classifier) only hold the blocks.
HOLDERS = 2
# A module with this share of its parent's parameters holds the blocks too.
MOST = 0.8
POOLS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)


def find_stages(network: nn.Module, size_px: int) -> tuple[dict[str, str | Stage], int]:
    """Run a network once on an empty image.

    Parameters
    ----------
    network
        In eval mode, on any device (on the meta device nothing is computed).

    Returns
    -------
    Stage names to modules, ordered by depth, ``final`` last; and the number of outputs. Where a
    block returns several tensors (of its branches, or tokens and a class token), the first counts
    that has one entry for each image.
    """
    device = next(network.parameters()).device
    outputs, result = _outputs(network, torch.zeros(1, 3, size_px, size_px, device=device))
    blocks = set(_blocks("", network))
    stages: dict[str, str | Stage] = {}
    for path, output in outputs.items():
        place = _place(output, 1)
        # what an output's own module returns again is the output (heads, flattening)
        if path in blocks and place is not None and output is not result:
            whole = isinstance(output, torch.Tensor)
            stages[path.lstrip("_")] = path if whole else Stage(path, pick=itemgetter(place))
    return {**stages, "final": ""}, int(result.shape[-1])


def _outputs(network: nn.Module, x: torch.Tensor) -> tuple[dict[str, Any], torch.Tensor]:
    """Return what modules return, in order, of those that are called once."""
    outputs: dict[str, Any] = {}
    calls: Counter[str] = Counter()

    def watch(path: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            calls[path] += 1
            outputs[path] = output

        return hook

    handles = [m.register_forward_hook(watch(path)) for path, m in network.named_modules() if path]
    trained = [p for p in network.parameters() if p.requires_grad]
    network.requires_grad_(False)  # so that only what depends on the images has a gradient
    try:
        with torch.enable_grad():
            result: torch.Tensor = network(x.requires_grad_() * 1)
    finally:
        for handle in handles:
            handle.remove()
        for parameter in trained:
            parameter.requires_grad_(True)
    return {path: value for path, value in outputs.items() if calls[path] == 1}, result


def _place(output: Any, images: int) -> int | None:
    """Say which of a module's outputs is the first that depends on the images, an entry each."""
    several = output if isinstance(output, tuple | list) else [output]
    for place, value in enumerate(several):
        depends = isinstance(value, torch.Tensor) and value.requires_grad
        if depends and value.ndim and len(value) == images:
            return place
    return None


def _blocks(path: str, module: nn.Module) -> Iterator[str]:
    """Yield the paths of a module's blocks: submodules with parts, and activations between them."""
    children = list(_children(path, module))
    sequences = sum(isinstance(child, nn.Sequential) for _, child in children)
    for name, child in children:
        if not any(True for _ in child.children()):
            if isinstance(child, POOLS) or ".activation" in type(child).__module__:
                yield name
        elif _holds_blocks(child, module, sequences):
            yield from list(_blocks(name, child)) or [name]
        else:
            yield name


def _children(path: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield a module's direct parts with their paths; lists of modules are looked into."""
    for name, child in module.named_children():
        inner = f"{path}.{name}" if path else name
        if isinstance(child, nn.ModuleList):
            yield from _children(inner, child)
        else:
            yield inner, child


def _holds_blocks(child: nn.Module, parent: nn.Module, sequences: int) -> bool:
    if isinstance(child, nn.Sequential):
        return sequences <= HOLDERS
    return _size(child) > MOST * _size(parent)


def _size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
