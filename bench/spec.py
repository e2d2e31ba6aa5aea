"""Descriptions of models and of what enters them. Nothing here imports torch."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError

if TYPE_CHECKING:
    import torch

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
# PyTorch's hub puts the first digits of a file's SHA-256 into its name: often all that is known.
SHA256_PATTERN = re.compile(r"[0-9a-f]{8,64}")


def check_id(kind: str, value: str) -> None:
    """Raise a `BenchError` unless ``value`` may name a plugin's entry."""
    if not isinstance(value, str) or not ID_PATTERN.fullmatch(value):
        raise BenchError(
            f"{kind} id {value!r} is not valid",
            fix="letters, digits and . _ : - only, starting with a letter or a digit",
        )


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """How an image enters a model.

    Every model is given float32 images ``(N, C, H, W)`` in [0, 1]. The model's door resizes them
    to ``size_px`` where they differ, turns them grey if ``grey``, multiplies by ``scale``,
    subtracts ``mean`` and divides by ``std`` (per channel, in units after scaling).
    """

    size_px: int
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    grey: bool = False
    scale: float = 1.0
    interpolation: str = "bicubic"

    def __post_init__(self) -> None:
        channels = 1 if self.grey else 3
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) not in (1, channels):
                raise BenchError(f"ImageInput.{name} has {len(values)} values, not {channels}")
        if self.size_px < 1 or min(self.std) <= 0 or self.scale <= 0:
            raise BenchError("ImageInput needs size_px >= 1, std > 0 and scale > 0")


@dataclass(frozen=True, kw_only=True)
class AudioInput:
    """How a sound enters a model: float32 ``(N, samples)`` in [-1, 1] at ``rate_hz``."""

    rate_hz: int
    samples: int


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One set of published weights.

    Parameters
    ----------
    url
        Where to download the file; several mirrors may follow in ``mirrors``.
    file
        A file that the plugin's own distribution ships (instead of ``url``).
    archive, member
        Where there is no address of the file alone: the address of a large archive that a person
        fetches and unpacks, and the file's name in it (instead of ``url``).
    sha256
        Hex digest of the file, or its first digits (at least 8); a file that differs is refused.
    prefix
        Prefixes of parameter names that the publisher used, for example ``("module.model.",)``.
        The one wins (or none at all) without which most names are the network's own, of equals
        the first that occurs: it is dropped, and what does not carry it is left out.
    adapt
        Turns the file's state dict into the module's (renamed or split tensors).
    parts
        Further files whose tensors complete the network (a readout published apart); each is read
        only while parameters are missing, so that a complete checkpoint needs none.
    """

    url: str | None = None
    file: Path | None = None
    sha256: str | None = None
    mirrors: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    archive: str | None = None
    member: str | None = None
    adapt: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    parts: tuple[Weights, ...] = ()

    def __post_init__(self) -> None:
        if [self.url, self.file, self.archive].count(None) != 2:
            raise BenchError("Weights need one of url=, file= and archive=")
        if (self.archive is None) != (self.member is None):
            raise BenchError("Weights need archive= and member= together")
        if self.sha256 is not None and not SHA256_PATTERN.fullmatch(self.sha256):
            raise BenchError(f"Weights.sha256 {self.sha256!r} is not 8 to 64 lower-case hex digits")


@dataclass(frozen=True)
class Stage:
    """A named point of a network's computation.

    Parameters
    ----------
    module
        Path of the module whose output is read, as in ``named_modules()``; ``""`` is the model.
    pick
        Selects a tensor from the module's output: a token, one element of a tuple.
    call
        Which call of the module counts, where one forward pass calls it several times; 0 is first.
    synthesis
        False for a stage that is measured but from which no metamers are made.
    modified_relu
        Whether matching this stage uses the pass-through ReLU gradient. None: yes exactly
        when the stage's output is the output of a ReLU.
    unit_sets
        Groups of units for protocols that match some units at a time: each a slice or a list of
        indices of dimension 1 of the activation (channels, or places of a flattened activation).
    """

    module: str
    pick: Callable[[Any], torch.Tensor] | None = None
    call: int = 0
    synthesis: bool = True
    modified_relu: bool | None = None
    unit_sets: Sequence[slice | list[int]] = ()


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model of a family, as a plugin registers it.

    Parameters
    ----------
    id
        Unique over all plugins, case ignored: ``[A-Za-z0-9][A-Za-z0-9._:-]*``.
    family
        Name of the group that ``--models family:NAME`` selects.
    build
        Called with the name of a set of weights, or with None for an untrained network,
        when the model is needed. Names listed in ``weights`` are loaded by the bench after
        ``build(None)``; other names are the builder's own affair.
    input
        What enters the model.
    labels
        Name of the label space of the model's output.
    stages
        Ordered by depth: stage name to module path (or `Stage`); ``""`` is the model's output.
    weights
        Sets of weights that the bench fetches and checks itself. The one called ``default``
        is used unless another is asked for.
    reference, license
        Shown beside the model's numbers.
    training
        Kind of training as boards show it, for example ``standard`` or ``adversarial L2``.
    accuracy
        Accuracy on natural stimuli that the authors report, 0 to 1, if they do.
    parameters
        How many numbers training may change (buffers do not count), if it is worth telling.
    match_measures
        Measures that must exceed the null distribution for a metamer to count as matched.
    protocols
        Named protocol to the variant of it that the model needs: a suite that asks for the first
        makes this model's metamers by the second (``{"feather2023": "feather2023-hmax"}``).
    requires
        Import name to what ``pip install`` needs for it: ``{"open_clip": "metamer-bench[clip]"}``.
    """

    id: str
    family: str
    build: Callable[[str | None], torch.nn.Module]
    input: ImageInput | AudioInput
    labels: str
    stages: Mapping[str, str | Stage]
    weights: Mapping[str, Weights] = field(default_factory=dict)
    reference: str = ""
    license: str = ""
    training: str = "standard"
    accuracy: float | None = None
    parameters: int | None = None
    match_measures: tuple[str, ...] = ("spearman", "pearson", "snr_db")
    protocols: Mapping[str, str] = field(default_factory=dict)
    requires: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_id("model", self.id)
        if not callable(self.build):
            raise BenchError(f"model {self.id}: build is not callable")
        if not self.stages:
            raise BenchError(f"model {self.id} has no stages")
        stages = {
            name: stage if isinstance(stage, Stage) else Stage(stage)
            for name, stage in self.stages.items()
        }
        for name in stages:
            check_id(f"model {self.id}: stage", name)
        object.__setattr__(self, "stages", MappingProxyType(stages))

    def stage(self, name: str) -> Stage:
        """Return the stage called ``name``; a `BenchError` lists the stages if it is absent."""
        try:
            stage = self.stages[name]
        except KeyError:
            raise BenchError(
                f"model {self.id} has no stage {name!r}", fix=f"stages: {', '.join(self.stages)}"
            ) from None
        assert isinstance(stage, Stage)  # __post_init__ made it so
        return stage

    def missing_packages(self) -> list[str]:
        """Return what ``pip install`` needs before the model can be built; empty if nothing."""
        return [need for module, need in self.requires.items() if not _importable(module)]


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
