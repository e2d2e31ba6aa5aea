"""What is published of one model in one set of human data: ``results/<suite>/<model>.json``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bench.leaderboard.result import Count, Part, Proportion, Share

FORMAT = 1
LATE_STAGES = 2


class HumanSuite(Part):
    """The data behind a board; equal in all of its results.

    ``data_sha256`` is of the human responses (as CSV), so that numbers of different data are never
    ranked together. ``seed`` and ``resamples`` are of the bootstrap.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str
    modality: Literal["vision", "audio"]
    reference: str
    license: str
    chance: Share | None
    late_stages: Annotated[int, Field(ge=1)] = LATE_STAGES
    resamples: Count
    seed: int
    data_sha256: str


class Experiment(Part):
    """One experiment that showed the model's metamers."""

    name: str
    participants: Count


class HumanStage(Part):
    """One stage: ``recognition`` by people, its ``sem`` over them, ``others``: by other models.

    ``recognition.n`` counts participants, ``others.n`` recognising models, the generator left out,
    and ``stimuli`` the metamers that those were shown.
    """

    stage: str
    recognition: Proportion
    sem: float
    others: Proportion | None = None
    stimuli: Count | None = None


class HumanModel(Part):
    """Which model, as the authors of the data name and describe it; empty where nothing is said."""

    id: str
    architecture: str = ""
    training: str = ""


class PublishedAccuracy(Part):
    """Accuracy on natural stimuli, as others published it; ``of`` says on what."""

    accuracy: Proportion
    of: str
    source: str


class PublishedRobustness(Part):
    """Accuracy under one attack, as others published it.

    ``n`` is the number of attacked stimuli; where it was not published there is no interval
    either. ``sem`` is over ``subsets``. ``checkpoint`` says how the attacked checkpoint is known to
    be the one that made the metamers.
    """

    attack: str
    steps: Count | None
    norm: Literal["l1", "l2", "linf"]
    eps: Annotated[float, Field(gt=0)]
    value: Share
    low: Share | None = None
    high: Share | None = None
    n: Count | None = None
    subsets: Count | None = None
    sem: float | None = None
    source: str
    checkpoint: str

    @model_validator(mode="after")
    def _interval_has_n(self) -> PublishedRobustness:
        if len({x is None for x in (self.low, self.high, self.n)}) > 1:
            raise ValueError("low, high and n are given together or not at all")
        return self


class HumanResult(Part):
    """People's recognition of one model's metamers, summarised.

    ``mean`` is over all metamer stages, ``late`` over the deepest ``suite.late_stages`` of them;
    natural stimuli are in neither. Participants are pooled over ``experiments``. ``mean_others``
    and ``late_others`` are the same of recognition by the models of ``panel`` but the generator.
    """

    kind: Literal["human"]
    format: int = FORMAT
    suite: HumanSuite
    model: HumanModel
    experiments: tuple[Experiment, ...]
    natural: Proportion | None
    stages: Annotated[tuple[HumanStage, ...], Field(min_length=1)]
    mean: Proportion
    late: Proportion
    panel: tuple[str, ...] = ()
    mean_others: Proportion | None = None
    late_others: Proportion | None = None
    accuracy: PublishedAccuracy | None = None
    robustness: tuple[PublishedRobustness, ...] = ()
    versions: dict[str, str]


def as_human(content: Any) -> bool:
    """Return whether the content of a result file says that it is of people."""
    return isinstance(content, dict) and content.get("kind") == "human"
