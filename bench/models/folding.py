"""A copy of a network that runs faster: batch norms folded into convolutions, channels last.

Folding is exact in real arithmetic. In floating point it differs by rounding, so only protocols
that say ``exact=False`` use it, and matches are always measured on the network itself.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bench.models.door import stimulus_shape
from bench.models.staged import StagedModel

PROBE_SEED = 0
SAME_WITHIN = 1e-4  # relative distance of each stage from the unfolded network's

_copies: WeakKeyDictionary[StagedModel, StagedModel] = WeakKeyDictionary()


def folded(model: StagedModel) -> StagedModel:
    """Return a folded copy of ``model``, or ``model`` itself where there is nothing to fold.

    A batch norm is folded where its input is a convolution's output, each is called once, and the
    convolution is no stage. The copy is compared with the model at every stage on noise; where it
    differs (a network may use a convolution's output twice), the model itself is returned.
    """
    if model not in _copies:
        _copies[model] = _fold(model)
    return _copies[model]


def _fold(model: StagedModel) -> StagedModel:
    probe = _probe(model)
    pairs = _pairs(model, probe)
    if not pairs:
        return model
    module = copy.deepcopy(model.module)
    for name in model.in_place:
        module.get_submodule(name).inplace = True  # type: ignore[assignment]
    for convolution, norm in pairs:
        conv, bn = module.get_submodule(convolution), module.get_submodule(norm)
        assert isinstance(bn, nn.BatchNorm2d)  # `_pairs` looked for these
        assert isinstance(conv, nn.Conv2d)
        _put(module, convolution, fuse_conv_bn_eval(conv, bn))
        _put(module, norm, _what_follows(bn))
    module.to(memory_format=torch.channels_last)
    fast = StagedModel(model.spec, module, model.device, model.weights_id)
    fast.door = nn.Sequential(fast.door, _ChannelsLast())
    return fast if _same(model, fast, probe) else model


class _ChannelsLast(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def _put(module: nn.Module, path: str, part: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(module.get_submodule(parent), name, part)


def _what_follows(norm: nn.Module) -> nn.Module:
    """Return what a batch norm module does after normalising: timm's end with an activation."""
    act = getattr(norm, "act", None)
    return nn.Identity() if act is None else act


def _pairs(model: StagedModel, probe: torch.Tensor) -> list[tuple[str, str]]:
    """Return the names of convolutions and the batch norms that follow them."""
    names = {module: name for name, module in model.module.named_modules()}
    calls: Counter[nn.Module] = Counter()
    outputs: list[tuple[torch.Tensor, nn.Module]] = []
    found: list[tuple[nn.Module, nn.Module]] = []

    def after_convolution(module: nn.Module, args: Any, output: torch.Tensor) -> None:
        calls[module] += 1
        outputs.append((output, module))

    def before_norm(module: nn.Module, args: Any) -> None:
        calls[module] += 1
        found.extend((conv, module) for output, conv in outputs if output is args[0])

    handles = []
    for module in names:
        if isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(after_convolution))
        elif isinstance(module, nn.BatchNorm2d) and module.track_running_stats:
            handles.append(module.register_forward_pre_hook(before_norm))
    try:
        model.logits(probe)
    finally:
        for handle in handles:
            handle.remove()
    stages = {model.spec.stage(name).module for name in model.stages}
    return [
        (names[conv], names[norm])
        for conv, norm in found
        if calls[conv] == calls[norm] == 1 and names[conv] not in stages
    ]


def _probe(model: StagedModel) -> torch.Tensor:
    generator = torch.Generator().manual_seed(PROBE_SEED)
    shape = stimulus_shape(model.spec.input)
    return torch.rand((1, *shape), generator=generator).to(model.device)


def _same(model: StagedModel, fast: StagedModel, probe: torch.Tensor) -> bool:
    plain, folded = model.activations(probe), fast.activations(probe)
    return all(
        bool((plain[name] - folded[name]).norm() <= SAME_WITHIN * plain[name].norm())
        for name in plain
    )
