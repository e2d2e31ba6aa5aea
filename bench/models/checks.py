"""Checks of one model: is it what its description says, and fit for the bench?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

from bench.errors import BenchError
from bench.labels.spaces import SPACES
from bench.legible import one_line
from bench.models.door import stimulus_shape
from bench.models.staged import StagedModel

STIMULI = 8
FEWEST_STIMULI = 2
# Activations of all stages, all stimuli: HMAX has 170 MB a stimulus at one stage, and gets fewer.
STAGES_BYTES = 512 * 2**20
# Batches take other convolution algorithms than single stimuli do; float32 sums differ by so much.
RELATIVE_TOLERANCE = 1e-3
FAILURES = (RuntimeError, ValueError, TypeError, IndexError)  # what a network may raise


@dataclass(frozen=True)
class Check:
    """One question and its answer; ``problem`` is empty where all is well."""

    question: str
    found: str
    problem: str = ""


@dataclass(frozen=True)
class StageFacts:
    """What a stage turned out to be."""

    name: str
    shape: tuple[int, ...]
    features: int
    modified_relu: bool


def stage_facts(model: StagedModel, x: torch.Tensor) -> list[StageFacts]:
    """Return every stage's shape (of one stimulus), feature count and kind of end."""
    return [
        StageFacts(
            name,
            tuple(value.shape[1:]),
            value[0].numel(),
            model.modified_relu_call(name, x) is not None,
        )
        for name, value in model.activations(x).items()
    ]


@dataclass(frozen=True)
class _Subject:
    """The model under test and its stimuli; ``whole`` is computed once, whoever asks first."""

    model: StagedModel
    x: torch.Tensor

    @property
    def one(self) -> torch.Tensor:
        """A stimulus, for questions that any answers."""
        return self.x[:1]

    @cached_property
    def whole(self) -> dict[str, torch.Tensor]:
        """Activations of all stages and all stimuli."""
        return self.model.activations(self.x)


def check_loaded(model: StagedModel, seed: int = 0) -> list[Check]:
    """Ask everything that a model must answer; a check that cannot be made is a problem.

    Eight stimuli are shown, or fewer (two at least) where the stages would fill the memory.
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(STIMULI, *stimulus_shape(model.spec.input), generator=generator)
    if x.ndim == 2:
        x = x * 2 - 1
    x = x.to(model.device)
    checks: list[Callable[[_Subject], Check]] = [
        _captured,
        _in_order,
        _truncated,
        _gradients,
        _deterministic,
        _alone,
        _labels,
    ]
    return list(_answers(checks, _Subject(model, x[: _stimuli_that_fit(model, x)])))


def _stimuli_that_fit(model: StagedModel, x: torch.Tensor) -> int:
    try:
        values = model.activations(x[:1]).values()
    except (BenchError, *FAILURES):
        return len(x)  # the checks will say what is wrong
    size = sum(value.nbytes for value in values)
    return max(FEWEST_STIMULI, min(len(x), STAGES_BYTES // max(size, 1)))


def _answers(checks: list[Callable[[_Subject], Check]], subject: _Subject) -> Iterator[Check]:
    for check in checks:
        try:
            yield check(subject)
        except (BenchError, *FAILURES) as error:
            name = check.__name__.strip("_").replace("_", " ")
            yield Check(name, "-", f"{type(error).__name__}: {one_line(error)}")


def _captured(subject: _Subject) -> Check:
    values = subject.whole
    bad = [n for n, v in values.items() if len(v) != len(subject.x)]
    silent = [n for n, v in values.items() if not torch.isfinite(v).all()]
    problem = f"the first axis is not the stimuli: {', '.join(bad)}" if bad else ""
    if silent:
        problem = f"not finite: {', '.join(silent)}"
    return Check("every stage is captured", f"{len(values)} stages", problem)


def _in_order(subject: _Subject) -> Check:
    """A stage's truncated pass must not have computed what the stages after it need."""
    order = subject.model.reached_order(subject.one)
    problem = (
        "" if order == subject.model.stages else f"they are reached in the order {', '.join(order)}"
    )
    return Check("stages are ordered by depth", "yes" if not problem else "no", problem)


def _truncated(subject: _Subject) -> Check:
    model, x = subject.model, subject.one
    whole = model.activations(x)
    worst = 0.0
    for name in model.stages:
        part = model.activations(x, [name])[name]
        worst = max(worst, float((part - whole[name]).abs().max()))
    problem = "" if worst == 0 else f"they differ by up to {worst:.2g}"
    return Check(
        "a truncated pass equals the full one", "exactly" if not problem else "no", problem
    )


def _gradients(subject: _Subject) -> Check:
    model, problems = subject.model, []
    for name in model.stages:
        probe = subject.one.clone().requires_grad_(True)
        value = model.at_stage(probe, name, modified_relu=True)
        if not value.requires_grad:
            problems.append(f"{name}: none")
            continue
        (gradient,) = torch.autograd.grad(value.square().sum(), probe, allow_unused=True)
        if gradient is None or not torch.isfinite(gradient).all():
            problems.append(f"{name}: {'none' if gradient is None else 'not finite'}")
        elif not gradient.any():
            problems.append(f"{name}: zero everywhere")
    return Check("gradients reach the input", f"{len(model.stages)} stages", "; ".join(problems))


def _deterministic(subject: _Subject) -> Check:
    same = torch.equal(*(subject.model.logits(subject.one) for _ in range(2)))
    problem = "" if same else "two passes differ: fix the noise when the model is built"
    return Check("two passes agree", "exactly" if same else "no", problem)


def _alone(subject: _Subject) -> Check:
    together, x = subject.whole, subject.x
    worst, where = 0.0, ""
    for i in range(len(x)):
        for name, value in subject.model.activations(x[i : i + 1]).items():
            scale = float(together[name][i].abs().max()) or 1.0
            gap = float((value[0] - together[name][i]).abs().max()) / scale
            if not gap <= worst:
                worst, where = gap, name
    problem = f"{where} differs by {worst:.2g}" if not worst <= RELATIVE_TOLERANCE else ""
    found = f"within {worst:.1g}, {len(x)} stimuli"
    return Check("a stimulus alone equals itself in a batch", found, problem)


def _labels(subject: _Subject) -> Check:
    labels = subject.model.spec.labels
    count = subject.model.logits(subject.one).shape[1]
    space = SPACES.get(labels)
    if space is None:
        return Check("logits fit the label space", f"{count}", f"unknown space {labels}")
    problem = "" if count == len(space.classes) else f"{space.id} has {len(space.classes)} classes"
    return Check("logits fit the label space", f"{count} classes", problem)
