"""How long a run will take, from a few timed passes of each model."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.errors import BenchError
from bench.plugins import Plugins
from bench.tasks.task import RunSettings, Task

BATCH = 8
PASSES_A_GRADIENT = 3
ROUNDS = 4
ENOUGH_SECONDS = 2.0  # beyond, what warming up and other work disturb is small


@dataclass(frozen=True)
class Estimate:
    """Seconds a run will take; ``unknown`` models could not be timed (their weights are not here).

    A run of one worker on an idle machine; `wall_s` divides among workers.
    """

    seconds: float
    unknown: tuple[str, ...]

    def wall_s(self, workers: int) -> float:
        """Return the expected duration with so many workers."""
        return self.seconds / max(1, workers)

    def in_words(self, workers: int) -> str:
        """Return the estimate as a line for people."""
        line = f"estimate: {in_words(self.wall_s(workers))} with {workers} worker(s)"
        if self.unknown:
            line += f"; not timed: {', '.join(self.unknown)}"
        return line


def estimate(
    plugins: Plugins,
    settings: RunSettings,
    tasks: Iterable[Task],
    stopped: Callable[[], bool] = lambda: False,
) -> Estimate:
    """Time one gradient of each model and scale it by what its tasks take.

    Models that it had not come to when ``stopped`` became true remain unknown.
    """
    passes: dict[str, float] = defaultdict(float)
    for task in tasks:
        passes[task.model] += task.passes
    seconds, unknown = 0.0, []
    for model, count in passes.items():
        try:
            if stopped():
                unknown.append(model)
            else:
                seconds += count * seconds_a_pass(plugins, settings, model)
        except BenchError:
            unknown.append(model)
    return Estimate(seconds, tuple(unknown))


def seconds_a_pass(plugins: Plugins, settings: RunSettings, model_id: str) -> float:
    """Return the seconds of one forward pass of one stimulus, measured in a batch.

    The network's architecture decides it, so random weights serve: nothing is downloaded.
    """
    import torch

    from bench.models.door import stimulus_shape
    from bench.models.load import load_spec

    torch.set_num_threads(1)  # as in a worker
    spec = plugins.model(model_id)
    model = load_spec(spec, weights=None, device=settings.device)
    x = torch.rand(BATCH, *stimulus_shape(spec.input), device=model.device, requires_grad=True)
    best = float("inf")
    begun = time.perf_counter()
    for _ in range(ROUNDS):  # the first also pays for warming up; others may be disturbed
        if time.perf_counter() - begun > ENOUGH_SECONDS:
            break
        start = time.perf_counter()
        model.output(x).sum().backward()  # type: ignore[no-untyped-call]
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best / (BATCH * PASSES_A_GRADIENT)


def in_words(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
