"""Named protocols: everything that determines how a metamer is made, frozen."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from bench.errors import BenchError, UnknownName
from bench.registry import near_names
from bench.spec import AudioInput, ImageInput


@dataclass(frozen=True)
class NoiseStart:
    """Where synthesis starts: mean + std x N(0, 1), clipped to [low, high], per value."""

    mean: float
    std: float
    low: float
    high: float


# Feather et al. 2023, Methods: pixels in [0, 1]; waveforms in [-1, 1].
IMAGE_START = NoiseStart(mean=0.5, std=0.05, low=0.0, high=1.0)
SOUND_START = NoiseStart(mean=0.0, std=1e-7, low=-1.0, high=1.0)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to make metamers.

    The loss of each stimulus is ||a - a0|| / ||a0|| (norms not squared), a0 the natural
    activation. A step is x <- clip(x - step g / (||g|| + 1e-10)), g the gradient of the
    stimulus' own loss. The last iterate is the metamer. Source: Feather et al. 2023, Methods.

    Parameters
    ----------
    steps
        Gradient steps a repetition.
    repetitions
        Number of repetitions; each multiplies the step by ``step_decay``.
    step_size
        Length of a step in the first repetition, in units of the input ([0, 1] for images).
    modified_relu
        Whether the matched stage's own last ReLU passes its gradient through.
    """

    name: str
    steps: int = 3000
    repetitions: int = 8
    step_size: float = 1.0
    step_decay: float = 0.5
    modified_relu: bool = True
    source: str = ""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.repetitions < 1 or self.step_size <= 0 or self.step_decay <= 0:
            raise BenchError(
                f"protocol {self.name}: steps, repetitions, step_size and step_decay must be > 0"
            )

    @staticmethod
    def named(name: str) -> Protocol:
        """Return the protocol called ``name``; raise `UnknownName` with near names otherwise."""
        try:
            return PROTOCOLS[name]
        except KeyError:
            near = near_names(name, PROTOCOLS) or list(PROTOCOLS)
            raise UnknownName(
                f"no protocol is called {name!r}", fix=f"did you mean {', '.join(near)}?"
            ) from None

    def replace(self, **changes: Any) -> Protocol:
        """Return a copy with some fields changed.

        Its name says so (``feather2023+steps=100``): a changed protocol does not carry the
        original's name.
        """
        fields = {field.name for field in dataclasses.fields(self)} - {"name", "source"}
        for key in changes:
            if key not in fields:
                raise BenchError(
                    f"protocol {self.name} has no field {key!r}",
                    fix=f"fields: {', '.join(sorted(fields))}",
                )
        different = {k: v for k, v in changes.items() if v != getattr(self, k)}
        if not different:
            return self
        name = "+".join([self.name, *(f"{k}={v}" for k, v in sorted(different.items()))])
        return dataclasses.replace(self, name=name, **different)

    @property
    def total_steps(self) -> int:
        """Gradient steps in all."""
        return self.steps * self.repetitions

    def step_at(self, step: int) -> float:
        """Return the length of gradient step number ``step`` (from 0), in units of the input."""
        return self.step_size * self.step_decay ** (step // self.steps)

    def start_for(self, entrance: ImageInput | AudioInput) -> NoiseStart:
        """Return the noise from which stimuli for such a model start."""
        return SOUND_START if isinstance(entrance, AudioInput) else IMAGE_START


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(name="feather2023", source="Feather et al. 2023, Methods, 'Metamer generation'"),
        Protocol(
            name="feather2023-short",
            steps=25,
            repetitions=5,
            source="The rule of Feather et al. 2023 with 125 steps instead of 24,000",
        ),
    )
}
