"""Protocols: everything that determines how a metamer is made, frozen."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from bench.errors import BenchError, UnknownName
from bench.registry import near_names
from bench.spec import AudioInput, ImageInput
from bench.synthesis.parts import (
    FORBID_UNKNOWN,
    EarlyStop,
    NoiseStart,
    Regulariser,
    SubsetSchedule,
    Transforms,
)
from bench.toml_files import read_toml

__all__ = ["NoiseStart", "Protocol", "read_protocol"]

# Feather et al. 2023, Methods: pixels in [0, 1]; waveforms in [-1, 1].
IMAGE_START = NoiseStart(mean=0.5, std=0.05, low=0.0, high=1.0)
SOUND_START = NoiseStart(mean=0.0, std=1e-7, low=-1.0, high=1.0)
MOST_STEPS = 10**9  # a slip of the keyboard, where the paper takes 24,000
SMALLEST = 1e-12  # steps (sounds' starts have a deviation of 1e-7) and their decay


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to make metamers; docs/protocols.md has the formulas.

    The loss of each stimulus is ||a - a0|| / ||a0|| (norms not squared), a0 the natural
    activation, plus the regulariser. After each step the stimulus is clipped into its range.

    Parameters
    ----------
    steps, repetitions
        Gradient steps a repetition, and how many repetitions.
    step_size, step_decay
        Length of a step (or learning rate) in the first repetition, in units of the input
        ([0, 1] for images), and what each later repetition multiplies it by.
    rate_shape
        ``constant`` within a repetition; ``smooth``: step_decay^(step / steps) at each step;
        ``cosine``: falls to 0 along half a cosine over the whole run, repetitions ignored.
    optimizer
        ``normalized``: step g / (||g|| + 1e-10). ``sgd``: step g. ``adam``: with ``betas``.
    polish
        Gradients of an L-BFGS search that follows the steps, in the same box, down the function
        whose gradient the modified ReLU gives; 0: none. Where it stalls for a stimulus, that one
        goes on by the steps of Feather et al. 2023.
    log_loss
        Minimise the loss's logarithm instead: the same minimum, but a gradient that grows as the
        match gets better. (Of no effect on normalised steps without a regulariser.)
    modified_relu
        Whether the matched stage's own last ReLU passes its gradient through.
    precondition
        Divide the gradient's amplitude at spatial frequency f by f^precondition; 0: not at all.
    keep
        The ``last`` iterate is the metamer, or the one of the ``best`` loss.
    noise_targets
        Whether natural stimuli may leave the input's range (Gaussian noise as a target).
    exact
        True: the network as it is. False: batch norms folded into convolutions and channels-last
        where there are any, faster, and different by rounding (up to 5e-4 a step).
    """

    name: str
    steps: int = 3000
    repetitions: int = 8
    step_size: float = 1.0
    step_decay: float = 0.5
    rate_shape: Literal["constant", "smooth", "cosine"] = "constant"
    optimizer: Literal["normalized", "sgd", "adam"] = "normalized"
    betas: tuple[float, float] = (0.9, 0.999)
    polish: int = 0
    log_loss: bool = False
    modified_relu: bool = True
    image_start: NoiseStart = IMAGE_START
    sound_start: NoiseStart = SOUND_START
    subsets: SubsetSchedule | None = None
    regulariser: Regulariser | None = None
    transforms: Transforms | None = None
    precondition: float = 0.0
    stop: EarlyStop | None = None
    keep: Literal["last", "best"] = "last"
    noise_targets: bool = False
    exact: bool = True
    source: str = ""

    __pydantic_config__ = FORBID_UNKNOWN

    @property
    def id(self) -> str:
        """The name, as a registry asks for it."""
        return self.name

    def __post_init__(self) -> None:
        if self.steps < 1 or self.repetitions < 1 or self.steps * self.repetitions > MOST_STEPS:
            raise BenchError(
                f"protocol {self.name}: steps and repetitions must be > 0, and at most "
                f"{MOST_STEPS:.0e} steps in all"
            )
        if not (SMALLEST <= self.step_size <= 1 / SMALLEST and SMALLEST <= self.step_decay <= 1e3):
            raise BenchError(
                f"protocol {self.name}: step_size must be > 0 and usable ({SMALLEST:g} to "
                f"{1 / SMALLEST:g}), step_decay {SMALLEST:g} to 1000"
            )
        if not all(0 <= beta < 1 for beta in self.betas):
            raise BenchError(f"protocol {self.name}: betas must be in [0, 1)")
        subsets = self.subsets
        if subsets and subsets.until is not None and subsets.until >= self.steps:
            raise BenchError(
                f"protocol {self.name}: with {self.steps} steps a repetition and "
                f"subsets.until={subsets.until} all units are never matched together",
                fix="replace subsets too, or take more steps",
            )
        changing = subsets or self.regulariser or self.transforms or self.precondition
        if self.polish < 0 or (self.polish and (changing or self.keep == "best")):
            raise BenchError(
                f"protocol {self.name}: polish={self.polish} is a search down the match alone",
                why="it goes with no subsets, regulariser, transforms, preconditioning, "
                "or keep='best'",
                fix="polish=0, or leave these out",
            )
        if self.stop and (self.transforms or self.keep == "best"):
            raise BenchError(
                f"protocol {self.name}: stop goes neither with transforms nor with keep='best'",
                why="it needs the match of the stimulus itself, and that stimulus is the metamer",
            )

    @staticmethod
    def named(name: str) -> Protocol:
        """Return the protocol called ``name``, or read it if ``name`` is a ``.toml`` file.

        ``fast`` is the newest of our own, whose name says its version (``fast-2``).

        Raises
        ------
        UnknownName
            With near names, if there is none.
        """
        from bench.synthesis.named import NEWEST, PROTOCOLS

        if name.endswith(".toml"):
            return read_protocol(Path(name))
        try:
            return PROTOCOLS[NEWEST.get(name, name)]
        except KeyError:
            near = near_names(name, [*NEWEST, *PROTOCOLS]) or [*NEWEST, *PROTOCOLS]
            raise UnknownName(
                f"no protocol is called {name!r}", fix=f"did you mean {', '.join(near)}?"
            ) from None

    def replace(self, **changes: Any) -> Protocol:
        """Return a copy with some fields changed; parts may be records or mappings.

        Its name says so (``feather2023+steps=100``): a changed protocol does not carry the
        original's name, and the same change by another way has the same name.
        """
        from bench.synthesis.named import PROTOCOLS

        base = PROTOCOLS.get(self.name.split("+")[0], self)
        changed = _validated(f"protocol {self.name}", {**_values(self), **changes})
        different = {k: v for k, v in _values(changed).items() if v != getattr(base, k)}
        if not different:
            return base
        name = "+".join([base.name, *(f"{k}={_short(v)}" for k, v in sorted(different.items()))])
        return dataclasses.replace(changed, name=name, source=base.source)

    @property
    def rule_steps(self) -> int:
        """Gradient steps by the rule of ``optimizer``, before the search that may follow."""
        return self.steps * self.repetitions

    @property
    def total_steps(self) -> int:
        """Gradients in all."""
        return self.rule_steps + self.polish

    def step_at(self, step: int) -> float:
        """Return the length (or learning rate) of gradient step number ``step``, from 0."""
        from math import cos, pi

        if self.rate_shape == "cosine":
            return self.step_size * (1 + cos(pi * step / self.rule_steps)) / 2
        exponent = step / self.steps if self.rate_shape == "smooth" else step // self.steps
        return float(self.step_size * self.step_decay**exponent)

    def rescue_at(self, step: int) -> float:
        """Return the length of a step by the paper's rule, for stimuli whose search stalled."""
        return float(2.0 ** (-7 * (step - self.rule_steps) / max(1, self.polish)))

    def start_for(self, entrance: ImageInput | AudioInput) -> NoiseStart:
        """Return the noise from which stimuli for such a model start."""
        return self.sound_start if isinstance(entrance, AudioInput) else self.image_start


def read_protocol(path: Path) -> Protocol:
    """Read a protocol from a TOML file: ``base``, a named protocol, and the fields to change.

    Raises
    ------
    BenchError
        Naming the file, the key, and what it should be.
    """
    data = read_toml(path, "protocol file")
    base = Protocol.named(str(data.pop("base", "feather2023")))
    name, source = str(data.pop("name", path.stem)), str(data.pop("source", f"file {path.name}"))
    changed = _validated(f"protocol file {path}", {**_values(base), **data})
    from bench.synthesis.named import NEWEST, PROTOCOLS

    if name in PROTOCOLS or name in NEWEST:
        raise BenchError(
            f"protocol file {path}: the name {name!r} is taken by a published protocol",
            fix="give it another name",
        )
    return dataclasses.replace(changed, name=name, source=source)


def _values(protocol: Protocol) -> dict[str, Any]:
    """Return the fields that may be changed: all but the name and the source."""
    return {
        field.name: getattr(protocol, field.name)
        for field in dataclasses.fields(protocol)
        if field.name not in ("name", "source")
    }


def _validated(what: str, values: Mapping[str, Any]) -> Protocol:
    from pydantic import TypeAdapter, ValidationError

    fields = {field.name for field in dataclasses.fields(Protocol)} - {"name", "source"}
    if unknown := sorted(set(values) - fields):
        near = near_names(unknown[0], fields) or sorted(fields)
        raise BenchError(
            f"{what} has no field {unknown[0]!r}", fix=f"did you mean {', '.join(near)}?"
        )
    try:
        return TypeAdapter(Protocol).validate_python({**values, "name": what})
    except ValidationError as error:
        lines = (
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors()
        )
        raise BenchError(what, why="; ".join(lines)) from None


def _short(value: Any) -> str:
    """Return a value as it stands in a protocol's name; parts are shortened to a hash."""
    if value is None or isinstance(value, bool | int | float | str):
        return str(value)
    data = dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
    return sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:8]
