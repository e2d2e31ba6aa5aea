"""A suite: which stimuli, models, protocol and measures make one benchmark. Read from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from bench.errors import BenchError
from bench.legible import LAYOUT, legible
from bench.registry import near_names
from bench.toml_files import read_toml

if TYPE_CHECKING:
    from bench.synthesis.protocols import Protocol

Section = TypeVar("Section", bound=BaseModel)
MOST = 10**9  # of stimuli, steps and pairs: more is a slip of the keyboard
# Spacing of float32 numbers at 1: a smaller change of a stimulus in [0, 1] is none.
SMALLEST_EPS = 2**-23


def _legible(keep: str) -> AfterValidator:
    def check(text: str) -> str:
        if legible(text, keep) != text:
            raise ValueError("control characters have no place here")
        return text

    return AfterValidator(check)


PositiveInt = Annotated[int, Field(ge=1, le=MOST)]
Eps = Annotated[float, Field(ge=SMALLEST_EPS, le=1e6, allow_inf_nan=False)]
Line = Annotated[str, _legible("")]
Text = Annotated[str, _legible(LAYOUT)]


class _Part(BaseModel):
    """A part of a suite file: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProtocolChoice(_Part):
    """Which protocol makes the metamers, and what of it is changed."""

    name: str
    replace: dict[str, Any] = {}

    @field_validator("name")
    @classmethod
    def _says_its_version(cls, name: str) -> str:
        """``fast`` becomes what it stands for now, so that records and boards stay true."""
        from bench.synthesis.named import NEWEST

        return NEWEST.get(name, name)

    def resolved(self, variants: Mapping[str, str] = MappingProxyType({})) -> Protocol:
        """Return the protocol with its changes; ``variants`` names others to take instead.

        Raises
        ------
        BenchError
            If there is no such protocol, or it has no such field.
        """
        from bench.synthesis.protocols import Protocol

        return Protocol.named(variants.get(self.name, self.name)).replace(**self.replace)


class AccuracyMeasure(_Part):
    """Accuracy on natural stimuli: of how many, of which set if not the suite's."""

    stimuli: str | None = None
    n: PositiveInt | None = None


class RobustnessMeasure(_Part):
    """Accuracy under attack over a list of eps, on several subsets of the stimuli.

    ``eps`` is in units of the input ([0, 1] for images) under the named norm.
    """

    stimuli: str | None = None
    n: PositiveInt | None = None
    subsets: PositiveInt = 5
    attack: str = "pgd"
    steps: PositiveInt = 64
    eps: dict[Literal["linf", "l2"], tuple[Eps, ...]]


class ClusteringMeasure(_Part):
    """Matching among threes: random ones, and hard ones of targets that look alike.

    ``similarity`` says what looks alike: a ``.npz`` file (arrays ``ids`` and ``similarity``), or
    a metric; the first of the suite's, if None.
    """

    triples: Annotated[tuple[Literal["random", "hard"], ...], Field(min_length=1)] = ("random",)
    similarity: str | None = None


class AlignmentMeasure(_Part):
    """Stand-ins for human observers (Nanda et al. 2023): forced choice (eq. 1), and clustering."""

    metrics: Annotated[tuple[str, ...], Field(min_length=1)]
    clustering: ClusteringMeasure | None = None


class NullMeasure(_Part):
    """Null distributions: pairs of different natural stimuli, which a metamer must beat.

    With ``required`` false the verdict is shown, but a metamer that keeps its own label is shown
    to the other models all the same.
    """

    stimuli: str
    n: PositiveInt | None = None
    pairs: PositiveInt | None = None
    required: bool = True


class Board(_Part):
    """How the suite's leaderboard reads."""

    late_stages: PositiveInt = Field(
        default=2, description="how many of the deepest stages of a model count as late"
    )
    robustness_norm: Literal["linf", "l2"] = "linf"
    robustness_eps: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    alignment_metric: str | None = None


class Suite(_Part):
    """One benchmark, as its TOML file describes it.

    Kinds of task that plugins bring have sections of their own, called by the kind's id. What
    reads a published suite keeps them as they are; `with_sections` checks them where the plugins
    are at hand.

    ``models`` selects models: ids, ``family:NAME``, or ``all`` for every installed model whose
    label space is the suite's. ``limit`` is the number of stimuli that get metamers. ``png``
    saves metamers of images as 8-bit PNG files too, and shows those in the recognition task.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: Line
    description: Text = ""
    stimuli: str
    label_space: str
    limit: PositiveInt
    models: tuple[str, ...] = ("all",)
    stages: tuple[str, ...] = ("all",)
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    protocol: ProtocolChoice
    accuracy: AccuracyMeasure | None = None
    robustness: RobustnessMeasure | None = None
    alignment: AlignmentMeasure | None = None
    nulls: NullMeasure | None = None
    recognition: bool = True
    png: bool | None = None  # None: not said, as in records of runs before there was a choice
    board: Board

    def has_section(self, kind: str) -> bool:
        """Return whether the suite has a section of this kind of task."""
        return getattr(self, kind, None) is not None

    def section(self, kind: str, model: type[Section]) -> Section | None:
        """Return the section of a kind of task, None where the suite has none."""
        found = getattr(self, kind, None)
        return found if found is None or isinstance(found, model) else model.model_validate(found)

    def limited(self, n: int) -> Suite:
        """Return the suite with metamers, and attacks, of at most ``n`` stimuli.

        Accuracy on natural stimuli keeps its number: it costs one pass a stimulus, an attack as
        much as a metamer.
        """
        attacked = self.robustness
        if attacked is not None:
            attacked = attacked.model_copy(update={"n": min(n, attacked.n or n)})
        return self.model_copy(update={"limit": n, "robustness": attacked})


def read_suite(path: Path, sections: Mapping[str, type[BaseModel]] = MappingProxyType({})) -> Suite:
    """Read a suite file.

    Parameters
    ----------
    sections
        What checks the sections of kinds of task, by the kind's id.

    Raises
    ------
    BenchError
        Naming the file, the key and what it should be.
    """
    data = read_toml(path, "suite file")
    try:
        suite = Suite.model_validate(data)
    except ValidationError as error:
        raise BenchError(f"suite file {path}", why=validation_line(error)) from None
    return with_sections(suite, sections, f"suite file {path}")


def with_sections(suite: Suite, sections: Mapping[str, type[BaseModel]], where: str) -> Suite:
    """Return the suite with the sections of plugins checked, their defaults filled in.

    Raises
    ------
    BenchError
        Naming the section, and the key in it, that is wrong or that no kind of task has.
    """
    checked = {}
    for name, given in (suite.model_extra or {}).items():
        if name not in sections:
            near = near_names(name, [*Suite.model_fields, *sections])
            raise BenchError(
                f"{where}: {name}: no key, and no installed kind of task, is called so",
                fix=f"did you mean {', '.join(near)}?" if near else "see `bench tasks list`",
            )
        try:
            section = sections[name].model_validate(given)
        except ValidationError as error:
            raise BenchError(where, why=f"{name}.{validation_line(error)}") from None
        checked[name] = section.model_dump(mode="json")
    return suite.model_copy(update=checked)


def validation_line(error: ValidationError) -> str:
    """Say in one line what is wrong with validated data: key by key."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}"
        for item in error.errors()
    )
