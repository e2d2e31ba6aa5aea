"""Ranks models by how well people recognise their metamers, beside what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BenchError
from bench.leaderboard.board import rank_number, ranks
from bench.leaderboard.human_result import HumanResult, HumanSuite, PublishedRobustness
from bench.leaderboard.result import Proportion
from bench.stats.correlation import Correlation, correlate

MEASURES = ("alignment", "late", "natural", "others", "late_others", "accuracy")
LEAST_MODELS = 3  # for a correlation over models
SHOWN_NORMS = ("linf", "l2")  # the others are in the table of all figures


@dataclass(frozen=True)
class Attack:
    """What a column of robust accuracies has in common: only such numbers are compared."""

    attack: str
    steps: int | None
    norm: str
    eps: float

    @classmethod
    def of(cls, figure: PublishedRobustness) -> Attack:
        return cls(figure.attack, figure.steps, figure.norm, figure.eps)

    @property
    def order(self) -> tuple[str, int, str, float]:
        """What attacks are sorted by."""
        return self.attack, self.steps or 0, self.norm, self.eps

    @property
    def title(self) -> str:
        name = {"autoattack": "AutoAttack", "pgd": "PGD"}.get(self.attack, self.attack)
        steps = "" if self.steps is None else f"-{self.steps}"
        return f"{name}{steps} {self.norm} {shown_eps(self.eps)}"

    @property
    def column(self) -> str:
        """The name of the column in CSV and JSON."""
        steps = "" if self.steps is None else str(self.steps)
        return f"robust_{self.attack}{steps}_{self.norm}_{shown_eps(self.eps).replace('/', 'of')}"


@dataclass(frozen=True)
class AttackCorrelation:
    """Human recognition against robust accuracy over ``n`` models; None where it has no value."""

    attack: Attack
    n: int
    correlation: Correlation | None


@dataclass(frozen=True)
class HumanBoard:
    """A ranked table of one set of human data.

    Attributes
    ----------
    rows
        One row a model, best first: ``rank`` and ``rank_late`` (``"2="`` where it is shared),
        ``model``, ``architecture``, ``training``, ``participants``, ``experiments``, ``stages``,
        and for each of `MEASURES` and of the attacks' columns its value, ``_low``, ``_high`` and
        ``_n``. What was not measured is NaN. ``alignment`` is people's recognition of a model's
        metamers, mean over stages; ``late`` the same over the deepest stages.
    figures
        All published robust accuracies, each with its model, in the order of attacks and eps.
    """

    suite: HumanSuite
    rows: pd.DataFrame
    attacks: tuple[Attack, ...]
    figures: tuple[tuple[str, PublishedRobustness], ...]
    correlations: tuple[AttackCorrelation, ...]

    @property
    def picture(self) -> str | None:
        """The name of the scatter; None where no attack was made on enough of the models."""
        enough = any(c.n >= LEAST_MODELS for c in self.correlations)
        return f"{self.suite.id}.png" if enough else None

    def stamp(self) -> str:
        """Return a hash of all that the scatter shows; the picture carries it."""
        columns = ["model", "alignment", "alignment_low", "alignment_high"]
        columns += [a.column + end for a in self.attacks for end in ("", "_low", "_high")]
        points = self.rows[columns].to_csv(index=False, lineterminator="\n")
        return hashlib.sha256(f"{self.suite.chance}\n{points}".encode()).hexdigest()


def shown_eps(eps: float) -> str:
    """Return an eps as it is commonly written: ``4/255``, ``0.00316``."""
    steps = eps * 255
    is_pixel = steps < 255 and abs(steps - round(steps)) < 1e-6 and round(steps) > 0
    if is_pixel:
        return f"{round(steps)}/255"
    return np.format_float_positional(eps, precision=3, fractional=False, trim="-")


def make_human_board(results: Sequence[HumanResult]) -> HumanBoard:
    """Rank results of one set of human data.

    The rule is that of all boards: one more than the number of models whose interval lies wholly
    above.

    Raises
    ------
    BenchError
        If there are none, or they are of different data or settings.
    """
    if not results:
        raise BenchError("there are no results to rank", fix="`bench humans publish` makes some")
    suite = results[0].suite
    for other in results[1:]:
        if other.suite != suite:
            raise BenchError(
                f"results of {results[0].model.id} and {other.model.id} cannot be ranked together",
                why="they are of different data or settings",
                fix="publish all models at once with `bench humans publish`",
            )
    attacks = _attacks(results)
    rows = pd.DataFrame([_row(result, attacks) for result in results])
    rows.insert(0, "rank", ranks(rows["alignment_low"], rows["alignment_high"]))
    rows.insert(1, "rank_late", ranks(rows["late_low"], rows["late_high"]))
    rows = rows.assign(_order=rows["rank"].map(rank_number)).sort_values(
        ["_order", "alignment", "model"], ascending=[True, False, True]
    )
    rows = rows.drop(columns="_order").reset_index(drop=True)
    figures = [(result.model.id, figure) for result in results for figure in result.robustness]
    figures.sort(key=lambda pair: (Attack.of(pair[1]).order, pair[0]))
    correlations = tuple(_correlation(rows, attack) for attack in attacks)
    return HumanBoard(suite, rows, attacks, tuple(figures), correlations)


def _attacks(results: Sequence[HumanResult]) -> tuple[Attack, ...]:
    """Return the attacks that get a column: of each kind and norm, the eps that tells most.

    That is the one that was published of most models and, of several, the one at which these
    differ most: neither so small that all withstand it, nor so large that none does.
    """
    values: dict[Attack, list[float]] = {}
    for figure in (f for result in results for f in result.robustness):
        values.setdefault(Attack.of(figure), []).append(figure.value)
    best: dict[tuple[str, str, str], Attack] = {}
    for attack in sorted(values, key=lambda a: a.order):
        key = (attack.attack, str(attack.steps), attack.norm)
        if attack.norm in SHOWN_NORMS and (
            key not in best or _telling(values[attack]) > _telling(values[best[key]])
        ):
            best[key] = attack
    return tuple(best.values())


def _telling(values: list[float]) -> tuple[int, float]:
    return len(values), max(values) - min(values)


def _row(result: HumanResult, attacks: Sequence[Attack]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "model": result.model.id,
        "architecture": result.model.architecture,
        "training": result.model.training,
        "participants": sum(e.participants for e in result.experiments),
        "experiments": " ".join(e.name for e in result.experiments),
        "stages": len(result.stages),
    }
    measures: dict[str, Proportion | None] = {
        "alignment": result.mean,
        "late": result.late,
        "natural": result.natural,
        "others": result.mean_others,
        "late_others": result.late_others,
        "accuracy": result.accuracy.accuracy if result.accuracy else None,
    }
    for name in MEASURES:
        row |= _cells(name, measures[name])
    figures = {Attack.of(figure): figure for figure in result.robustness}
    for attack in attacks:
        row |= _cells(attack.column, figures.get(attack))
    return row


def _cells(name: str, found: Proportion | PublishedRobustness | None) -> dict[str, float]:
    parts = ("value", "low", "high", "n")
    values = [None if found is None else getattr(found, part) for part in parts]
    names = (name, f"{name}_low", f"{name}_high", f"{name}_n")
    return {n: np.nan if v is None else float(v) for n, v in zip(names, values, strict=True)}


def _correlation(rows: pd.DataFrame, attack: Attack) -> AttackCorrelation:
    pairs = rows[["alignment", attack.column]].dropna()
    if len(pairs) < LEAST_MODELS:
        return AttackCorrelation(attack, len(pairs), None)
    try:
        found = correlate(pairs[attack.column], pairs["alignment"])
    except BenchError:  # one of the two does not vary
        found = None
    return AttackCorrelation(attack, len(pairs), found)
