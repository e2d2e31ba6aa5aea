"""Subset schedules: which units of a stage enter the loss at a step.

A stage that offers subsets lists them as unit sets: indices of dimension 1 of its activation
(channels, or places of a flattened activation), each a slice or a list of numbers. A schedule is
a pure function of step, repetition and draws that picks one of the sets, or all units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol as Shape

import torch

from bench.synthesis.noise import generator_for
from bench.synthesis.parts import SubsetSchedule

UnitSet = slice | list[int]


class Timetable(Shape):
    """What a schedule must know of a protocol."""

    @property
    def steps(self) -> int: ...

    @property
    def repetitions(self) -> int: ...

    @property
    def subsets(self) -> SubsetSchedule | None: ...


def draw_number(schedule: SubsetSchedule, steps: int, repetition: int, step: int) -> int:
    """Return the number of the draw in force at ``step`` of ``repetition``, both from 0."""
    a_repetition = -(-min(steps, schedule.until or steps) // schedule.every)
    return repetition * a_repetition + step // schedule.every


def subset_at(
    timetable: Timetable, step: int, n_sets: int, draws: Sequence[int] = ()
) -> int | None:
    """Return the number of the unit set that enters the loss, None for all units.

    Parameters
    ----------
    step
        Gradient step of the whole run, from 0.
    n_sets
        How many unit sets the stage has.
    draws
        One number in [0, n_sets) a draw; only random schedules read it.
    """
    schedule = timetable.subsets
    if schedule is None or n_sets == 0:
        return None
    repetition, within = divmod(step, timetable.steps)
    if schedule.until is not None and within >= schedule.until:
        return None
    if not schedule.in_last_repetition and repetition == timetable.repetitions - 1:
        return None
    if schedule.kind == "coarse-to-fine":
        return min(within // schedule.every, n_sets - 1)
    return draws[draw_number(schedule, timetable.steps, repetition, within)]


def draw_subsets(timetable: Timetable, n_sets: int, seed: int, stimulus_id: str) -> list[int]:
    """Return all draws of one stimulus; they depend on the seed and its id alone."""
    schedule = timetable.subsets
    if schedule is None or schedule.kind != "random" or n_sets == 0:
        return []
    n = draw_number(schedule, timetable.steps, timetable.repetitions, 0)
    generator = generator_for(seed, stimulus_id, "subsets")
    return [int(v) for v in torch.randint(0, n_sets, (n,), generator=generator)]
