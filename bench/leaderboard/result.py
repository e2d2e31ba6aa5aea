"""What is published of one model in one suite: ``results/<suite>/<model>.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bench.errors import BenchError
from bench.store.files import read_json
from bench.suites.suite import Suite, validation_line

if TYPE_CHECKING:
    from bench.leaderboard.human_result import HumanResult

FORMAT = 1
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """A part of a published result: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Proportion(Part):
    """A proportion with its number of stimuli and its 95 % interval."""

    value: Share
    low: Share
    high: Share
    n: Count


class StageResult(Part):
    """What one stage's metamers gave.

    ``others`` is the proportion that models other than the generator recognise, ``sem`` its
    standard error over ``n_models`` of them; ``own`` what the generator recognises itself. All
    three are over ``others.n`` metamers of ``made``: those that keep the generator's own label
    and, where the suite requires it, beat the null maximum in every measure. ``passed`` is the
    share that does both, missing where no null distributions were built.
    """

    stage: str
    made: Count
    label_match: Share
    passed: Share | None
    spearman: float | None
    pearson: float | None
    snr_db: float | None
    others: Proportion | None
    sem: float | None
    own: Share | None
    n_models: Count
    two_afc: dict[str, Proportion] = {}


class RobustResult(Part):
    """Accuracy under one attack, norm and eps; ``sem`` over the subsets."""

    attack: str
    steps: Count
    norm: str
    eps: float
    accuracy: Proportion
    subsets: Count
    sem: float | None


class ModelFacts(Part):
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


class ModelResult(Part):
    """One model's published numbers in one suite, from a run."""

    kind: Literal["run"] = "run"
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


def read_result(path: Path) -> ModelResult | HumanResult:
    """Read a published result, of a run or of people, as its ``kind`` says.

    Raises
    ------
    BenchError
        Naming the file and the field, if it is wrong.
    """
    from bench.leaderboard.human_result import HumanResult, as_human

    content = read_json(path)
    form: type[ModelResult] | type[HumanResult] = HumanResult if as_human(content) else ModelResult
    try:
        return form.model_validate(content)
    except ValidationError as error:
        raise BenchError(f"result {path}", why=validation_line(error)) from None


def result_schema() -> str:
    """Return the JSON Schema of published results of either kind, as text."""
    from bench.leaderboard.human_result import HumanResult

    either: TypeAdapter[ModelResult | HumanResult] = TypeAdapter(ModelResult | HumanResult)
    return json.dumps(either.json_schema(), indent=1, sort_keys=True) + "\n"
