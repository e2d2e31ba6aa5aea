"""What is published of one model in one suite: ``results/<suite>/<model>.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import BenchError
from bench.store.files import read_json
from bench.suites.suite import Suite, validation_line

FORMAT = 1
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Proportion(_Part):
    """A proportion with its number of stimuli and its 95 % interval."""

    value: Share
    low: Share
    high: Share
    n: Count


class StageResult(_Part):
    """What one stage's metamers gave.

    ``others`` is the proportion that models other than the generator recognise, ``sem`` its
    standard error over ``n_models`` of them; ``own`` what the generator recognises itself. All
    three are over the ``others.n`` metamers that kept the generator's own label, of ``made``.
    """

    stage: str
    made: Count
    label_match: Share
    spearman: float | None
    pearson: float | None
    snr_db: float | None
    others: Proportion | None
    sem: float | None
    own: Share | None
    n_models: Count
    two_afc: dict[str, Proportion] = {}


class RobustResult(_Part):
    """Accuracy under one attack, norm and eps; ``sem`` over the subsets."""

    attack: str
    steps: Count
    norm: str
    eps: float
    accuracy: Proportion
    subsets: Count
    sem: float | None


class ModelFacts(_Part):
    """Which model, from which plugin, with which weights."""

    id: str
    family: str
    training: str
    reference: str
    license: str
    weights: str
    code: str
    plugin: str
    distribution: str
    version: str


class ModelResult(_Part):
    """One model's published numbers in one suite."""

    format: int = FORMAT
    suite: Suite
    model: ModelFacts
    panel: tuple[str, ...] = Field(description="the models that were shown the metamers")
    accuracy: Proportion | None
    natural_others: Proportion | None
    stages: tuple[StageResult, ...]
    mean_others: Proportion | None
    late_others: Proportion | None
    mean_two_afc: dict[str, Proportion] = {}
    robustness: tuple[RobustResult, ...]
    epochs: dict[str, int]
    stimuli: dict[str, dict[str, Any]]
    versions: dict[str, str]
    device: str
    command: str
    date: str


def read_result(path: Path) -> ModelResult:
    """Read a published result; raise a `BenchError` naming file and field if it is wrong."""
    try:
        return ModelResult.model_validate(read_json(path))
    except ValidationError as error:
        raise BenchError(f"result {path}", why=validation_line(error)) from None


def result_schema() -> str:
    """Return the JSON Schema of published results, as text."""
    schema = ModelResult.model_json_schema()
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"
