"""What the tests of model families share."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from bench.models.checks import StageFacts, stage_facts
from bench.models.door import stimulus_shape
from bench.models.staged import StagedModel
from bench.plugins import Plugins
from bench.spec import ModelSpec


@pytest.fixture(scope="session")
def family() -> Callable[[str], Plugins]:
    """Load one built-in plugin alone, by the name of its module."""

    def load(name: str) -> Plugins:
        plugins = Plugins([EntryPoint(name, f"bench_plugins.{name}", "bench")])
        assert not plugins.broken, plugins.broken
        return plugins

    return load


@pytest.fixture(scope="session")
def skeleton() -> Callable[[ModelSpec], StagedModel]:
    """Build a model whose parameters take no memory and whose passes compute no values."""

    def build(spec: ModelSpec) -> StagedModel:
        if missing := spec.missing_packages():
            pytest.skip(f"needs pip install {' '.join(missing)}")
        try:
            with torch.device("meta"):
                module = spec.build(None)
        except RuntimeError:  # older versions of timm read numbers from tensors as it builds
            module = spec.build(None)
        return StagedModel(spec, module, torch.device("meta"), "none")

    return build


@pytest.fixture(scope="session")
def facts(skeleton) -> Callable[[ModelSpec], list[StageFacts]]:
    """Read what a model's stages are, once a model; they must be reached in their order."""
    known: dict[str, list[StageFacts]] = {}

    def read(spec: ModelSpec) -> list[StageFacts]:
        if spec.id not in known:
            model = skeleton(spec)
            x = torch.empty(1, *stimulus_shape(spec.input), device="meta")
            assert model.reached_order(x) == model.stages
            known[spec.id] = stage_facts(model, x)
        return known[spec.id]

    return read


@pytest.fixture(scope="session")
def table(facts) -> Callable[[ModelSpec], list[tuple[str, tuple[int, ...], int]]]:
    """Read a model's stages as the paper's tables have them: name, shape, number of features."""
    return lambda spec: [(fact.name, fact.shape, fact.features) for fact in facts(spec)]


@pytest.fixture(scope="session")
def modified_relus(facts) -> Callable[[ModelSpec], list[str]]:
    """List the stages whose last ReLU passes its gradient through when they are matched."""
    return lambda spec: [fact.name for fact in facts(spec) if fact.modified_relu]


@pytest.fixture(scope="session")
def published(shared: Path) -> dict[str, dict]:
    """The models of Feather et al. 2023, by id, as the shared table describes them."""
    path = shared / "data/feather2023/models.json"
    return {entry["model"]: entry for entry in json.loads(path.read_text(encoding="utf-8"))}
