"""The parts of a protocol: small frozen records, JSON-able, each documented where it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import BenchError

# Read by pydantic where a protocol comes from a file: a wrong key is a mistake, not a default,
# and so is a number that is none.
FORBID_UNKNOWN: Any = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True)
class NoiseStart:
    """Where synthesis starts, and the range that stimuli stay in.

    Parameters
    ----------
    mean, std
        Of the normal distribution that each value is drawn from.
    low, high
        Stimuli are clipped into this range after each step.
    distribution
        ``uniform`` draws from [low, high] instead; ``mean`` and ``std`` are then unused.
    clipped
        Whether the start itself is clipped too (Nanda et al. 2023 start outside of the range).
    """

    mean: float
    std: float
    low: float
    high: float
    distribution: Literal["normal", "uniform"] = "normal"
    clipped: bool = True

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        if self.low >= self.high or self.std < 0:
            raise BenchError("a noise start needs low < high and std >= 0")


@dataclass(frozen=True, kw_only=True)
class SubsetSchedule:
    """Which units of a stage enter the loss, by step; see `bench.synthesis.schedules`.

    Parameters
    ----------
    kind
        ``random``: one of the stage's unit sets, drawn anew. ``coarse-to-fine``: the first set,
        then the second, and so on; the last one stays.
    every
        Steps between draws, or until the next set.
    until
        From this step of a repetition on, all units enter. None: never.
    in_last_repetition
        Whether the last repetition has subsets too.
    """

    kind: Literal["random", "coarse-to-fine"]
    every: int
    until: int | None = None
    in_last_repetition: bool = True

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        if self.every < 1 or (self.until is not None and self.until < 0):
            raise BenchError("a subset schedule needs every >= 1 and until >= 0")


@dataclass(frozen=True, kw_only=True)
class Regulariser:
    """What is added to the loss: the sum of the terms whose weight is not 0.

    Parameters
    ----------
    tv
        Weight of the total variation, sum of (dx^2 + dy^2)^(tv_beta / 2).
    lp
        Weight of ||x - lp_centre||_p, p being ``lp_p``.
    blur
        Weight of ||x - stopgrad(blur(x))||^2, a binomial blur 3 px wide.
    perceptual
        Id of a perceptual distance d (`bench.proxies.spec.MetricSpec`); -w d(x, natural) is added.
    perceptual_weight
        w; None sets it per stimulus, so that both terms are equally large at the start.
    """

    tv: float = 0.0
    tv_beta: float = 2.0
    lp: float = 0.0
    lp_p: float = 1.0
    lp_centre: float = 0.0
    blur: float = 0.0
    perceptual: str | None = None
    perceptual_weight: float | None = None

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        if min(self.tv, self.lp, self.blur) < 0 or self.lp_p < 1 or self.tv_beta <= 0:
            raise BenchError("a regulariser needs weights >= 0, lp_p >= 1 and tv_beta > 0")


@dataclass(frozen=True, kw_only=True)
class Transforms:
    """Random changes that the match must survive, drawn anew for each stimulus and step.

    Parameters
    ----------
    brightness, contrast, saturation
        Factors are uniform in [1 - value, 1 + value].
    scale
        The image is enlarged by a factor uniform in [1 - scale, 1 + scale].
    degrees
        It is turned by an angle uniform in [-degrees, degrees].
    shift_px
        It is moved by up to so many pixels, each way.
    """

    brightness: float = 0.1
    contrast: float = 0.1
    saturation: float = 0.1
    scale: float = 0.1
    degrees: float = 10.0
    shift_px: float = 0.0

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        factors = (self.brightness, self.contrast, self.saturation, self.scale)
        if min(*factors, self.degrees, self.shift_px) < 0 or max(factors) >= 1:
            raise BenchError("transforms need amounts >= 0, and factors < 1")


@dataclass(frozen=True, kw_only=True)
class EarlyStop:
    """A stimulus is finished once its match is this good: both measures, at the matched stage.

    Looked at every ``every`` steps, for each stimulus by itself.
    """

    spearman: float
    snr_db: float
    every: int = 25

    __pydantic_config__ = FORBID_UNKNOWN

    def __post_init__(self) -> None:
        if self.every < 1 or self.spearman >= 1:
            raise BenchError("an early stop needs every >= 1 and spearman < 1")
