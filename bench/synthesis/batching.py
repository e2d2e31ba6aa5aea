"""How many stimuli go through a network at once: as many as memory holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch

from bench.errors import BenchError
from bench.models.staged import StagedModel

LARGEST_BATCH = {"cpu": 32, "cuda": 256}  # beyond these a larger batch is not faster
SHARE_OF_FREE_MEMORY = 0.5
GRADIENT_FACTOR = 2  # what backward needs beside what forward saved
FALLBACK_BYTES = 4 * 2**30

T = TypeVar("T")


def batch_size_for(
    asked: int | str, model: StagedModel, x: torch.Tensor, stage: str, moments: int
) -> int:
    """Return the number of stimuli a batch.

    Parameters
    ----------
    asked
        A number, or ``auto``: what fits into half of the free memory, as told by what one
        stimulus' forward pass saves for its gradient.
    moments
        How many tensors of the stimulus' size the optimiser keeps.
    """
    if asked != "auto":
        size = int(asked) if str(asked).isdigit() else 0
        if size < 1:
            raise BenchError(f"batch size {asked!r}", fix="want a number from 1, or auto")
        return min(size, len(x))
    most = min(len(x), LARGEST_BATCH.get(model.device.type, LARGEST_BATCH["cpu"]))
    if most == 1:
        return 1
    one = x[:1].to(model.device)
    needed = GRADIENT_FACTOR * saved_bytes(model, one, stage)
    needed += (moments + 4) * one.numel() * one.element_size()
    return max(1, min(most, int(SHARE_OF_FREE_MEMORY * free_bytes(model.device) / needed)))


def saved_bytes(model: StagedModel, x: torch.Tensor, stage: str) -> int:
    """Return how many bytes a forward pass to ``stage`` saves for the gradient of its input."""
    own = {p.untyped_storage().data_ptr() for p in model.module.parameters()}
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    def unpack(tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    x = x.detach().requires_grad_(True)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        activation = model.at_stage(x, stage)
    return sum(sizes.values()) + activation.untyped_storage().nbytes()


def free_bytes(device: torch.device) -> int:
    """Return the memory that a device has left, in bytes; of a CPU, what the container allows."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = [_meminfo_available(), _cgroup_left()]
    return min((value for value in free if value is not None), default=FALLBACK_BYTES)


def with_halving(attempt: Callable[[int], T], size: int) -> tuple[T, int]:
    """Return ``attempt(size)``, halving ``size`` after each out-of-memory, and the size that fit.

    Raises
    ------
    RuntimeError
        The last one, if even one stimulus does not fit.
    """
    while True:
        try:
            return attempt(size), size
        except (RuntimeError, MemoryError) as error:
            if size == 1 or not is_out_of_memory(error):
                raise
        # Outside of the handler: its traceback would keep the failed batch's tensors alive.
        size //= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def in_batches(work: Callable[[list[int]], T], count: int, size: int) -> Iterator[T]:
    """Yield ``work(places)`` for the places 0 to ``count`` - 1, at most ``size`` at once.

    Where memory runs out half as many are tried, and from then on no more than fitted.

    Raises
    ------
    BenchError
        If there is nothing to do, or ``size`` is no number from 1.
    """
    if count < 1:
        raise BenchError("there are no stimuli", fix="give at least one")
    if not isinstance(size, int) or size < 1:
        raise BenchError(f"batch size {size!r}", fix="want a number from 1")
    first = 0
    while first < count:
        here = range(first, min(first + size, count))
        part, fitted = with_halving(partial(_first, work, here), len(here))
        if fitted < len(here):
            size = fitted
        yield part
        first += fitted


def _first(work: Callable[[list[int]], T], places: range, n: int) -> T:
    return work(list(places[:n]))


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on any device."""
    if isinstance(error, torch.cuda.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text


def _meminfo_available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        fields = dict(line.split(":") for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return None  # not Linux


def _cgroup_left() -> int | None:
    root = Path("/sys/fs/cgroup")
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
        return None if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return None
