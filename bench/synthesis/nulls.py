"""Null distributions: how alike the activations of different natural stimuli are.

A metamer must be nearer to its natural stimulus than any two different natural stimuli are to each
other (`bench.synthesis.criterion`). Source: Feather et al. 2023, Methods; docs/nulls.md says what
deviates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from bench.errors import BenchError, ItemError
from bench.models.staged import StagedModel
from bench.stimuli.sets import Stimuli, Values
from bench.synthesis.batching import in_batches
from bench.synthesis.null_plan import Layout, PairPlan, plan_layout, plan_pairs
from bench.synthesis.pairwise import MEASURES, Rows, measure_pairs

MEMORY_BYTES: Final = 4 << 30
QUANTILES: Final = (0.5, 0.95, 0.99, 0.999)
# Why a pair has no value; its place is the code that is kept for it.
REASONS: Final = ("", "all-zero", "identical", "constant")

Progress = Callable[[float], None]


def null_distribution(
    model: StagedModel,
    stages: Sequence[str] | str,
    x: torch.Tensor | Stimuli | Values,
    pairs: int | None = None,
    seed: int = 0,
    *,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Compare activations of pairs of different natural stimuli, all stages in one pass.

    Parameters
    ----------
    x
        Natural stimuli: images ``(N, C, H, W)`` in [0, 1] or sounds ``(N, samples)`` in [-1, 1];
        `Stimuli` are read as they are needed.
    pairs
        How many; 1,000,000 (Feather et al. 2023) or all that there are, if None.
    seed
        Decides which pairs; see `bench.synthesis.null_plan.PairPlan`.
    memory_bytes
        What activations, ranks and their products may take. The network's own forward pass comes
        on top, and so does the result. Where the stimuli do not fit, some are shown to the model
        more than once.
    progress
        Called with the share of the work done, 0 to 1.

    Returns
    -------
    A row a stage, measure and pair: ``stage``, ``measure`` (spearman, pearson, snr_db: see
    `bench.synthesis.similarity`), ``value`` (float32) and ``left_out``: why there is no value
    (all-zero, identical or constant), empty where there is one. `summarize` counts them.

    Raises
    ------
    BenchError
        If a stage is unknown, there are fewer stimuli than needed, or memory is too little.
    ItemError
        If an activation is not finite.
    """
    names = [stages] if isinstance(stages, str) else list(dict.fromkeys(stages))
    if not names:
        raise BenchError(f"model {model.id}: no stage is named", fix=", ".join(model.stages))
    values = x.values if isinstance(x, Stimuli) else x
    plan = plan_pairs(len(values), pairs, seed)
    reader = _Reader(model, names, values, plan.order)
    layout = plan_layout(list(reader.units.values()), plan, memory_bytes)
    found = {stage: np.empty((len(plan), len(MEASURES)), np.float32) for stage in names}
    all_zero = {stage: np.empty(len(plan), bool) for stage in names}
    done = 0
    for work in _tiles(reader, plan, layout):
        for stage in names:
            measured, zero = measure_pairs(
                work.held[stage], work.columns[stage], work.wanted, layout.block_bytes
            )
            found[stage][work.numbers] = measured.cpu().numpy()
            all_zero[stage][work.numbers] = zero.cpu().numpy()
        done += len(work.numbers)
        if progress is not None:
            progress(done / len(plan))
    places = plan.places()
    identical = reader.prints[places[:, 0]] == reader.prints[places[:, 1]]
    return pd.concat(
        [
            stage_table(stage, found.pop(stage), _codes(all_zero.pop(stage), identical), names)
            for stage in names
        ],
        ignore_index=True,
    )


def _codes(all_zero: NDArray[np.bool_], identical: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return for each pair the place in `REASONS`; constant activations show in the values."""
    code = np.where(all_zero, REASONS.index("all-zero"), 0)
    return np.where(identical, REASONS.index("identical"), code).astype(np.int8)


def stage_table(
    stage: str,
    values: NDArray[np.float32],
    codes: NDArray[np.int8],
    stages: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return one stage's null distribution as `null_distribution` does.

    Parameters
    ----------
    values
        float32 ``(pairs, 3)``, in the order of `bench.synthesis.pairwise.MEASURES`.
    codes
        Place in `REASONS` of each pair's reason, int8 ``(pairs,)``; 0 for a constant activation,
        which leaves an SNR.
    stages
        Categories of the column ``stage``; this stage alone, if None.
    """
    names = [stage] if stages is None else list(stages)
    flat = np.where(codes[:, None] > 0, np.float32(np.nan), values).T.reshape(-1)
    reason = np.tile(codes, len(MEASURES))
    reason[np.isnan(flat) & (reason == 0)] = REASONS.index("constant")
    measure = np.repeat(np.arange(len(MEASURES), dtype=np.int8), len(codes))
    number = np.full(len(flat), names.index(stage), np.int16)
    return pd.DataFrame(
        {
            "stage": pd.Categorical.from_codes(number, pd.Index(names)),
            "measure": pd.Categorical.from_codes(measure, pd.Index(MEASURES)),
            "value": flat,
            "left_out": pd.Categorical.from_codes(reason, pd.Index(REASONS)),
        }
    )


def wide_from_table(null: pd.DataFrame, stage: str) -> pd.DataFrame:
    """Return one stage of a null distribution as it is kept: a row a pair, a column a measure."""
    part = null[null["stage"] == stage]
    columns = {measure: part[part["measure"] == measure] for measure in MEASURES}
    reason = columns["snr_db"]["left_out"]  # a constant activation still has an SNR
    return pd.DataFrame(
        {measure: rows["value"].to_numpy() for measure, rows in columns.items()}
        | {"left_out": reason.to_numpy()}
    )


def table_from_wide(stage: str, wide: pd.DataFrame) -> pd.DataFrame:
    """Turn back what `wide_from_table` did."""
    reason = wide["left_out"].astype(pd.CategoricalDtype(pd.Index(REASONS)))
    codes = reason.cat.codes.to_numpy()
    return stage_table(stage, wide[list(MEASURES)].to_numpy(np.float32), codes.astype(np.int8))


def summarize(null: pd.DataFrame) -> pd.DataFrame:
    """Summarise a null distribution.

    Returns
    -------
    A row a stage and measure: ``stage``, ``measure``, ``pairs``, ``n`` (pairs that have a value),
    ``all_zero``, ``identical``, ``constant`` (pairs that have none, by reason), ``max``, ``mean``,
    ``q50``, ``q95``, ``q99``, ``q99.9``; NaN where no pair has a value.
    """
    rows = []
    for (stage, measure), part in null.groupby(["stage", "measure"], observed=True):
        values = part["value"].dropna().to_numpy(np.float64)
        counts = part["left_out"].value_counts()
        finite = values[np.isfinite(values)]
        quantiles = np.quantile(finite, QUANTILES) if len(finite) else [np.nan] * len(QUANTILES)
        rows.append(
            {
                "stage": stage,
                "measure": measure,
                "pairs": len(part),
                "n": len(values),
                **{why.replace("-", "_"): int(counts.get(why, 0)) for why in REASONS if why},
                "max": values.max() if len(values) else np.nan,
                "mean": finite.mean() if len(finite) else np.nan,
                **{f"q{100 * q:g}": v for q, v in zip(QUANTILES, quantiles, strict=True)},
            }
        )
    return pd.DataFrame(rows)


class _Reader:
    """Shows stimuli to the model and turns their activations into `Rows`."""

    def __init__(
        self,
        model: StagedModel,
        stages: list[str],
        values: torch.Tensor | Values,
        order: NDArray[np.int64],
    ) -> None:
        self.model = model
        self.stages = stages
        self.values = values
        self.order = order
        # MPS has no float64, in which products are summed.
        self.device = torch.device("cpu") if model.device.type == "mps" else model.device
        self.prints = np.zeros(len(order), np.int64)  # of the stimuli, to tell identical ones
        self.units = {stage: value[0].numel() for stage, value in self._show([0]).items()}

    def room(self, n: int) -> dict[str, Rows]:
        """Return room for ``n`` stimuli at each stage."""
        return {stage: Rows.empty(n, units, self.device) for stage, units in self.units.items()}

    def load(
        self, places: NDArray[np.int64], room: Mapping[str, Rows], layout: Layout
    ) -> dict[str, Rows]:
        """Fill ``room`` with the stimuli at ``places`` of the circle; return what is filled."""

        def fill(numbers: list[int]) -> None:
            part = slice(numbers[0], numbers[-1] + 1)
            for stage, value in self._show(places[part].tolist()).items():
                room[stage][part].fill(value, layout.block_bytes)

        for _ in in_batches(fill, len(places), layout.batch):
            pass
        return {stage: rows[: len(places)] for stage, rows in room.items()}

    def _show(self, places: list[int]) -> dict[str, torch.Tensor]:
        x = torch.as_tensor(self.values[[int(self.order[place]) for place in places]])
        x = x.to("cpu", torch.float32).contiguous()
        for place, one in zip(places, x.numpy(), strict=True):
            digest = hashlib.blake2b(one.tobytes(), digest_size=8).digest()
            self.prints[place] = int.from_bytes(digest, "little", signed=True)
        shown = self.model.activations(x, self.stages)
        for stage, value in shown.items():
            if not torch.isfinite(value).all():
                raise ItemError(
                    f"model {self.model.id}, stage {stage}: "
                    "activations of natural stimuli are not finite",
                    fix="`bench models check` shows where NaN or infinity first appears",
                )
        return {stage: value.flatten(start_dim=1).to(self.device) for stage, value in shown.items()}


@dataclass(frozen=True)
class _Work:
    """Pairs between stimuli that are held in memory and some columns."""

    held: Mapping[str, Rows]
    columns: Mapping[str, Rows]
    wanted: torch.Tensor
    numbers: NDArray[np.int64]  # of the pairs, in the order of wanted.nonzero()


def _tiles(reader: _Reader, plan: PairPlan, layout: Layout) -> Iterator[_Work]:
    """Hold one tile of the circle after the other, and stream past it what its reach asks for."""
    n = len(plan.order)
    room = reader.room(layout.tile)  # reused: two tiles must never be in memory
    column_room: dict[str, Rows] = {}
    for a in range(0, n, layout.tile):
        b = min(a + layout.tile, n)
        held = reader.load(np.arange(a, b), room, layout)
        end = min(a + n, int((np.arange(a, b) + plan.reach[a:b]).max()) + 1)
        chunks = [(c, min(c + layout.columns, b)) for c in range(a, b, layout.columns)]
        chunks += [(c, min(c + layout.columns, end)) for c in range(b, end, layout.columns)]
        for c, d in chunks:
            places = np.arange(c, d) % n
            steps = (places[None, :] - np.arange(a, b)[:, None]) % n
            wanted = (steps >= 1) & (steps <= plan.reach[a:b, None])
            if not wanted.any():
                continue
            if d <= b:
                columns = {stage: rows[c - a : d - a] for stage, rows in held.items()}
            else:
                column_room = column_room or reader.room(layout.columns)
                columns = reader.load(places, column_room, layout)
            i = wanted.nonzero()[0]
            numbers = plan.starts[a + i] + steps[wanted] - 1
            yield _Work(held, columns, torch.from_numpy(wanted).to(reader.device), numbers)
