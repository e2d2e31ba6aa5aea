"""What an importer of human responses is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.spec import check_id

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class HumanDataSpec:
    """A published set of human responses, as a plugin registers it.

    Parameters
    ----------
    id
        Name under which the data are imported: ``bench humans import ID PATH``.
    load
        Reads what the authors published at a path and returns the tidy table of
        docs/formats.md, which is validated again before it is kept.
    recognition
        Reads recognition of the same metamers by other models from the same path; returns None
        where that path does not hold it.
    chance
        Proportion correct of a guessing participant, by modality.
    """

    id: str
    load: Callable[[Path], pd.DataFrame]
    recognition: Callable[[Path], pd.DataFrame | None] | None = None
    description: str = ""
    chance: Mapping[str, float] = field(default_factory=dict)
    reference: str = ""
    license: str = ""

    def __post_init__(self) -> None:
        check_id("human data set", self.id)
        for modality, chance in self.chance.items():
            if not 0 < chance < 1:
                raise BenchError(
                    f"human data set {self.id}: chance {chance} ({modality}) is not between 0 and 1"
                )
