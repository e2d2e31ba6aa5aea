"""What executing tasks needs, held once a process: models, stimuli, earlier results."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from bench.attacks.spec import AttackSpec
from bench.errors import BenchError
from bench.proxies.spec import MetricSpec
from bench.registry import Registry
from bench.spec import ModelSpec
from bench.stimuli.sets import Stimuli, StimulusSet
from bench.store.run_dir import RunDir
from bench.tasks.task import RunSettings

if TYPE_CHECKING:
    import torch

    from bench.models.staged import StagedModel
    from bench.proxies.triples import Triples
    from bench.proxies.two_afc import Distance

SHARE_OF_FREE_MEMORY = 0.2  # for models that are not in use, in each worker
STIMULI_KEPT = 4
DISTANCES_KEPT = 4


class Entries(Protocol):
    """What plugins registered, as far as tasks use it."""

    stimuli: Registry[StimulusSet]
    attacks: Registry[AttackSpec]
    metrics: Registry[MetricSpec]

    def model(self, name: str) -> ModelSpec:
        """Return the model called ``name``."""


class Workbench:
    """Models, stimuli and distances of a run, loaded when first asked for.

    Parameters
    ----------
    progress
        Called with the share of the task in hand that is done, 0 to 1; it may raise to stop it.
    """

    def __init__(
        self,
        settings: RunSettings,
        plugins: Entries,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        self.settings = settings
        self.plugins = plugins
        self.progress = progress
        self.run_dir = RunDir(settings.root, png=bool(settings.suite.png))
        self._broken: dict[str, BenchError] = {}
        self._models: OrderedDict[str, StagedModel] = OrderedDict()  # used last stands last
        self.stimuli = lru_cache(maxsize=STIMULI_KEPT)(self._load_stimuli)
        self.distance = lru_cache(maxsize=DISTANCES_KEPT)(self._build_distance)
        self.triples: Triples | None = None  # hard ones, the same for all models and stages

    def model(self, model_id: str) -> StagedModel:
        """Return a model, loaded once as long as memory for all of them lasts."""
        from bench.models.load import load_spec

        if model_id in self._models:
            self._models.move_to_end(model_id)
            return self._models[model_id]
        if model_id in self._broken:  # not tried again for each of its tasks
            raise self._broken[model_id].with_traceback(None)
        self._make_room()
        try:
            model = load_spec(self.plugins.model(model_id), device=self.settings.device)
        except BenchError as error:
            self._broken[model_id] = error
            raise
        self._models[model_id] = model
        return model

    def _make_room(self) -> None:
        """Forget models that were not used for longest, until the rest is a modest share."""
        from bench.synthesis.batching import free_bytes

        while self._models:
            held = sum(model.nbytes for model in self._models.values())
            free = free_bytes(next(iter(self._models.values())).device)
            if held <= SHARE_OF_FREE_MEMORY * (held + free):
                return
            self._models.popitem(last=False)

    def _load_stimuli(self, set_id: str, n: int | None) -> Stimuli:
        return self.plugins.stimuli.get(set_id).load(n, self.settings.data)

    def images(self, set_id: str, n: int | None) -> torch.Tensor:
        """Return the first ``n`` stimuli of a set as a tensor ``(n, ...)``, in memory."""
        import torch

        values = self.stimuli(set_id, n).values
        return torch.as_tensor(values[list(range(len(values)))])

    def _build_distance(self, metric: str) -> Distance:
        """Return the perceptual distance called ``metric``."""
        from bench.models.load import pick_device

        spec: MetricSpec = self.plugins.metrics.get(metric)
        return spec.build(pick_device(self.settings.device))

    def batch(self, default: int) -> int:
        """Return the batch size asked for, ``default`` where that was left open."""
        size = self.settings.batch_size
        return default if size == "auto" else int(size)
