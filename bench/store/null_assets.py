"""Null distributions kept for later runs, each under a key of all that determines it.

ROOT/<model>/<stage>/<key>.parquet    spearman, pearson, snr_db, left_out: a row a pair
ROOT/<model>/<stage>/<key>.json       what it is, a summary, SHA-256; written last
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from bench.store.files import (
    FileRecord,
    StoreError,
    read_json,
    records_to_json,
    write_atomically,
    write_json,
)
from bench.store.keys import as_folder, bytes_sha256, content_key

if TYPE_CHECKING:
    from bench.models.staged import StagedModel
    from bench.spec import Stage
    from bench.stimuli.sets import Stimuli

FORMAT: Final = 1
EPOCH: Final = 1  # raised when bench.synthesis.pairwise or null_plan changes its numbers


@dataclass(frozen=True)
class NullIdentity:
    """All that determines the null distribution of one stage.

    ``weights`` is `StagedModel.weights_id`, ``stimuli_digest`` is `Stimuli.digest`; ``point`` and
    ``input`` tell where the stage lies and how stimuli enter, ``code`` is the hash of the plugin's
    code: a plugin that changes what is computed under an old name does not get the old values.
    """

    model: str
    weights: str
    stage: str
    point: str
    input: str
    code: str
    stimuli: str
    stimuli_digest: str
    pairs: int
    seed: int
    epoch: int = EPOCH

    @property
    def key(self) -> str:
        """Name of the asset."""
        return content_key(asdict(self))


@dataclass(frozen=True)
class NullAsset:
    """A kept null distribution.

    Attributes
    ----------
    marker
        Path of its JSON file.
    summary
        Rows of `bench.synthesis.nulls.summarize`; None for what is not a finite number.
    status
        ``kept`` (found whole), ``built``, or ``rebuilt: `` and the reason.
    """

    identity: NullIdentity
    marker: Path
    summary: list[dict[str, Any]]
    file: FileRecord
    status: str = "kept"

    def table(self) -> pd.DataFrame:
        """Return the values as `bench.synthesis.nulls.null_distribution` does.

        Raises
        ------
        StoreError
            If the file is not what was written.
        """
        from bench.synthesis.nulls import table_from_wide

        path = self.marker.with_name(self.file.name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"{path} cannot be read", why=error.strerror or str(error)) from None
        if bytes_sha256(data) != self.file.sha256:
            raise StoreError(f"{path} was changed or cut off", fix="`bench nulls build` mends it")
        return table_from_wide(self.identity.stage, pd.read_parquet(io.BytesIO(data)))


class NullStore:
    """A folder of null distributions.

    Parameters
    ----------
    root
        The folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def marker(self, identity: NullIdentity) -> Path:
        """Return where the asset of this identity has its JSON file."""
        folder = self.root / as_folder(identity.model) / as_folder(identity.stage)
        return folder / f"{identity.key}.json"

    def find(self, identity: NullIdentity) -> NullAsset | None:
        """Return the asset of this identity, checked; None where there is none.

        Raises
        ------
        StoreError
            If it is there and is not what was written.
        """
        marker = self.marker(identity)
        if not marker.exists():
            return None
        asset = _read_marker(marker)
        if asset.identity != identity:
            raise StoreError(f"{marker} is damaged", why="it describes something else")
        asset.table()
        return asset

    def write(self, identity: NullIdentity, null: pd.DataFrame, status: str = "built") -> NullAsset:
        """Keep one stage's table of `bench.synthesis.nulls.null_distribution`."""
        from bench.synthesis.nulls import summarize, wide_from_table

        marker = self.marker(identity)
        buffer = io.BytesIO()
        wide_from_table(null, identity.stage).to_parquet(buffer, index=False)
        record = write_atomically(marker.with_suffix(".parquet"), buffer.getvalue())
        summary = [
            {str(name): _finite(value) for name, value in row.items()}
            for row in summarize(null[null["stage"] == identity.stage]).to_dict("records")
        ]
        facts = {"format": FORMAT, "identity": asdict(identity), "summary": summary}
        write_json(marker, {**facts, "files": records_to_json([record])})
        return NullAsset(identity, marker, summary, record, status)

    def assets(self, model: str | None = None) -> tuple[list[NullAsset], list[str]]:
        """Return what is kept (of one model, if named), by model and stage, and what is damaged.

        Values are checked when they are read; see `NullAsset.table`.
        """
        folder = self.root if model is None else self.root / as_folder(model)
        found, damaged = [], []
        for marker in sorted(folder.rglob("*.json")):
            try:
                found.append(_read_marker(marker))
            except StoreError as error:
                damaged.append(str(error))
        return found, damaged


def keep_nulls(
    store: NullStore,
    model: StagedModel,
    stimuli: Stimuli,
    set_id: str,
    *,
    stages: Sequence[str] | None = None,
    pairs: int | None = None,
    seed: int = 0,
    code: str = "",
    memory_bytes: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[NullAsset]:
    """Return the null distribution of each stage: kept ones, and new ones where there is none.

    What is missing or damaged is computed in one pass over the stimuli.

    Parameters
    ----------
    set_id
        Name of the stimulus set.
    stages
        Those that metamers are made from, if None.
    code
        Hash of the code of the model's plugin.
    pairs, seed, memory_bytes, progress
        See `bench.synthesis.nulls.null_distribution`.

    Raises
    ------
    BenchError
        If a stage is unknown, there are too few stimuli, or the folder cannot be written.
    """
    from bench.synthesis.null_plan import plan_pairs
    from bench.synthesis.nulls import MEMORY_BYTES, null_distribution

    count = len(plan_pairs(len(stimuli), pairs, seed))
    names = model.synthesis_stages if stages is None else list(dict.fromkeys(stages))
    shared: dict[str, Any] = {
        "model": model.id,
        "weights": model.weights_id,
        "input": repr(model.spec.input),
        "code": code,
        "stimuli": set_id,
        "stimuli_digest": stimuli.digest,
        "pairs": count,
        "seed": seed,
    }
    identities = {
        name: NullIdentity(**shared, stage=name, point=_point(model.spec.stage(name)))
        for name in names
    }
    kept, missing = _look_up(store, identities)
    if missing:
        null = null_distribution(
            model,
            list(missing),
            stimuli,
            count,
            seed,
            memory_bytes=memory_bytes or MEMORY_BYTES,
            progress=progress,
        )
        for stage, status in missing.items():
            kept[stage] = store.write(identities[stage], null, status)
    return [kept[stage] for stage in names]


def _look_up(
    store: NullStore, identities: Mapping[str, NullIdentity]
) -> tuple[dict[str, NullAsset], dict[str, str]]:
    """Return the stages that are kept, and those to build with what will be said of them."""
    kept: dict[str, NullAsset] = {}
    missing: dict[str, str] = {}
    for stage, identity in identities.items():
        try:
            asset = store.find(identity)
        except StoreError as error:
            missing[stage] = f"rebuilt: {error}"
            continue
        if asset is None:
            missing[stage] = "built"
        else:
            kept[stage] = asset
    return kept, missing


def _point(stage: Stage) -> str:
    """Say where in the network a stage is read."""
    pick = getattr(stage.pick, "__qualname__", "") if stage.pick else ""
    return f"{stage.module} call {stage.call} {pick}".strip()


def _read_marker(marker: Path) -> NullAsset:
    facts = read_json(marker)
    try:
        if facts["format"] != FORMAT:
            raise StoreError(f"{marker} is of another format", fix="delete it")
        (record,) = facts["files"]
        identity = NullIdentity(**facts["identity"])
        return NullAsset(identity, marker, facts["summary"], FileRecord(**record))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{marker} is damaged", why=repr(error)) from None


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
