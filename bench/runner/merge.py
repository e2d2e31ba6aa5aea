"""Joins the shards of a run, or runs of different models, into one directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import config
from bench.errors import BenchError
from bench.runner.record import FINISHED, PARTIAL, measured_on, now, places
from bench.store.files import StoreError
from bench.store.run_dir import RunDir
from bench.store.tables import write_tables

# What two records must agree on, for their results to stand in one table.
MUST_AGREE = ("suite", "models", "stimuli", "epochs")


@dataclass(frozen=True)
class Merged:
    """How many results were taken over, and how many of the plan are still missing."""

    out: Path
    taken: int
    missing: int


def merge(sources: Sequence[Path], out: Path | None = None) -> Merged:
    """Copy every finished result of ``sources`` into ``out``; the suite's own directory if None.

    Raises
    ------
    BenchError
        If the runs are not shards of the same plan, or a result is damaged.
    """
    runs = [RunDir.existing(path) for path in sources]
    records = [_record(run) for run in runs]
    for path, record in zip(sources[1:], records[1:], strict=True):
        for name in MUST_AGREE:
            if record[name] != records[0][name]:
                raise BenchError(
                    f"{sources[0]} and {path} cannot be joined", why=f"they differ in {name}"
                )
    out = out or config.default_run_dir(str(records[0]["suite"]["id"]))
    target = RunDir(out)
    target.refuse_foreign()
    with target.locked():
        old = target.read_record()
        if old is not None and any(old[name] != records[0][name] for name in MUST_AGREE):
            raise BenchError(f"{out} holds another run", fix="choose another --out")
        before = [] if old is None else [(target, old)]
        joined = [*zip(runs, records, strict=True), *before]
        weights = _weights(joined)
        devices = {device for _, record in joined for device in measured_on(record)}
        target.write_record({**records[0], "status": PARTIAL, "shard": ""})
        taken = sum(_take(target, run, record) for run, record in zip(runs, records, strict=True))
        wanted = places(records[0])
        write_tables(target, wanted)
        missing = sum(not (target.root / place.marker).exists() for place in wanted)
        status = PARTIAL if missing else FINISHED
        target.write_record(
            {
                **records[0],
                "status": status,
                "shard": "",
                "weights": weights,
                "device": ", ".join(sorted(devices)),
                "ended": now(),
            }
        )
    return Merged(out, taken, missing)


def _weights(runs: Sequence[tuple[RunDir, Mapping[str, Any]]]) -> dict[str, str]:
    """Return every model's weights; what was measured on others does not stand in one table."""
    found: dict[str, tuple[str, Path]] = {}
    for run, record in runs:
        for model, weights in _loaded(run, record):
            known, first = found.setdefault(model, (weights, run.root))
            if known != weights:
                raise BenchError(
                    f"{first} and {run.root} cannot be joined",
                    why=f"model {model} had other weights ({known[:12]}, {weights[:12]})",
                )
    return {model: weights for model, (weights, _) in found.items()}


def _loaded(run: RunDir, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield models and their weights, as the record has them and the results that are there."""
    yield from record["weights"].items()
    for task, place in zip(record["tasks"], places(record), strict=True):
        if (run.root / place.marker).exists() and (weights := run.facts(place).get("weights")):
            yield task["model"], str(weights)


def _record(run: RunDir) -> Mapping[str, Any]:
    record = run.read_record()
    if record is None:
        raise StoreError(f"{run.root} has no record")
    return record


def _take(target: RunDir, run: RunDir, record: Mapping[str, Any]) -> int:
    taken = 0
    for place in places(record):
        here, there = (side.root / place.marker for side in (target, run))
        if there.exists() and not here.exists():
            target.adopt(place, run)
            taken += 1
    return taken
