"""A network opened at its stages: activations, truncated forward passes, logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from bench.errors import BenchError, ItemError
from bench.labels.spaces import class_map
from bench.models.door import door_for
from bench.models.relu import ReluWatcher
from bench.registry import near_names
from bench.spec import ModelSpec, Stage


class _AllCaptured(BaseException):
    """Raised by the last hook to leave the forward pass: nothing after it is computed.

    Not an `Exception`, so that no handler inside a network's own code can swallow it.
    """


class StagedModel:
    """A network with named stages.

    Parameters
    ----------
    spec
        Its description.
    module
        The network, already with its weights. It is put into eval mode, moved to ``device`` and
        frozen; in-place activations are made out-of-place, so that a captured value stays
        (``in_place`` has their names).
    weights_id
        What the weights are: a SHA-256, or ``random:SEED``.
    """

    def __init__(
        self, spec: ModelSpec, module: nn.Module, device: torch.device, weights_id: str
    ) -> None:
        self.spec = spec
        self.device = device
        self.weights_id = weights_id
        self.module = module.eval().requires_grad_(False).to(device)
        self.door = door_for(spec.input).to(device)
        self.in_place = tuple(
            name
            for name, part in self.module.named_modules()
            if getattr(part, "inplace", False) is True
        )
        self._set_in_place(False)
        self._modules = dict(self.module.named_modules())
        self._relu_call: dict[str, int | None] = {}
        self._groups: torch.Tensor | None = None
        for name in spec.stages:
            self._check_path(name)

    @property
    def id(self) -> str:
        """The model's id."""
        return self.spec.id

    @property
    def stages(self) -> list[str]:
        """Names of the stages, ordered by depth."""
        return list(self.spec.stages)

    @property
    def synthesis_stages(self) -> list[str]:
        """Names of the stages from which metamers are made."""
        return [name for name in self.stages if self.spec.stage(name).synthesis]

    @property
    def nbytes(self) -> int:
        """How many bytes its parameters and buffers take."""
        tensors = [*self.module.parameters(), *self.module.buffers()]
        return sum(tensor.nbytes for tensor in tensors)

    def activations(
        self, x: torch.Tensor, stages: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor]:
        """Return the activations at ``stages`` (all, if None), without gradient.

        Parameters
        ----------
        x
            Images ``(N, C, H, W)`` in [0, 1] or sounds ``(N, samples)`` in [-1, 1].

        Returns
        -------
        Stage name to tensor ``(N, ...)``, in the order asked for.

        Raises
        ------
        BenchError
            If a stage is unknown, or is not reached by the forward pass.
        """
        names = self.stages if stages is None else list(stages)
        with torch.no_grad():
            captured = self._capture(self._enter(x), names)
        return {name: captured[name] for name in names}

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Return the model's output ``(N, classes)`` without gradient."""
        with torch.no_grad():
            return self.output(x)

    def output(self, x: torch.Tensor) -> torch.Tensor:
        """Return the model's output ``(N, classes)``, with the gradient if ``x`` wants it."""
        result: torch.Tensor = self.module(self.door(self._enter(x)))
        if not isinstance(result, torch.Tensor) or result.ndim != 2 or len(result) != len(x):
            shape = tuple(result.shape) if isinstance(result, torch.Tensor) else type(result)
            raise ItemError(
                f"model {self.id}: its output is {shape}", fix="want a tensor (N, classes)"
            )
        return result if self._groups is None else grouped(result, self._groups)

    def answering_in(self, space: str) -> StagedModel:
        """Return this model with its output in a coarser label space, for attacks with its labels.

        The logit of a group is the log of the sum of the exponentials of its classes' logits;
        classes without a group do not count, as in `bench.labels.spaces.decide`.
        """
        if space == self.spec.labels:
            return self
        groups = class_map(self.spec.labels, space)
        other = copy(self)
        other.spec = replace(self.spec, labels=space)
        other._groups = torch.from_numpy(groups).to(self.device)
        return other

    def at_stage(self, x: torch.Tensor, stage: str, *, modified_relu: bool = False) -> torch.Tensor:
        """Return the activation at one stage, with the gradient if ``x`` wants it.

        Nothing after the stage is computed. With ``modified_relu``, the ReLU that is the stage's
        own last operation (if there is one) passes its gradient through.
        """
        x = self._enter(x)
        call = self.modified_relu_call(stage, x) if modified_relu else None
        return self._at_stage(x, stage, call)

    def before_relu(self, x: torch.Tensor, stage: str) -> torch.Tensor:
        """Return what the stage's own last ReLU is applied to, with the gradient.

        Where the stage does not end in a ReLU (`modified_relu_call` is None), its activation.
        """
        x = self._enter(x)
        return self._at_stage(x, stage, self.modified_relu_call(stage, x), skip=True)

    def _at_stage(
        self, x: torch.Tensor, stage: str, call: int | None, skip: bool = False
    ) -> torch.Tensor:
        # The pass ends where the one stage is captured: nothing can change it in place any more,
        # and activations in place save time and memory.
        self._set_in_place(True)
        try:
            with ReluWatcher(modify=call, skip=skip) if call is not None else nullcontext():
                return self._capture(x, [stage])[stage]
        finally:
            self._set_in_place(False)

    def reached_order(self, x: torch.Tensor) -> list[str]:
        """Return the stages in the order in which a forward pass of ``x`` reaches them."""
        captured: dict[str, torch.Tensor] = {}
        with torch.no_grad(), self._hooked(self.stages, captured), suppress(_AllCaptured):
            self.module(self.door(self._enter(x)))
        return list(captured)

    def modified_relu_call(self, stage: str, x: torch.Tensor) -> int | None:
        """Return which ReLU call is the stage's own last operation, None where none is.

        Found once a stage by watching a forward pass of one stimulus.
        """
        if stage not in self._relu_call:
            wanted = self.spec.stage(stage).modified_relu
            call = None
            if wanted is not False:
                watcher = ReluWatcher(remember=True)
                with torch.no_grad(), watcher:
                    captured = self._capture(self._enter(x)[:1], [stage])
                call = watcher.call_of(captured[stage])
                if wanted and call is None:
                    raise BenchError(
                        f"model {self.id}, stage {stage}: its output is not a ReLU's",
                        fix="leave Stage(modified_relu=) out, or name the ReLU as the stage",
                    )
            self._relu_call[stage] = call
        return self._relu_call[stage]

    def _set_in_place(self, value: bool) -> None:
        """Let the modules that work in place do so, or not."""
        for name in self.in_place:
            self.module.get_submodule(name).inplace = value  # type: ignore[assignment]

    def _enter(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(x).to(self.device)

    def _check_path(self, name: str) -> None:
        path = self.spec.stage(name).module
        if path not in self._modules:
            near = near_names(path, self._modules)
            raise BenchError(
                f"model {self.id}, stage {name}: there is no module {path!r}",
                fix=f"did you mean {', '.join(near)}?" if near else "see model.named_modules()",
            )

    def _capture(self, x: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
        captured: dict[str, torch.Tensor] = {}
        with self._hooked(names, captured):
            try:
                self.module(self.door(x))
            except _AllCaptured:
                return captured
        missing = [name for name in names if name not in captured]
        if missing:
            raise BenchError(
                f"model {self.id}: the forward pass never reached {', '.join(missing)}",
                fix="check the stage's module path and call number",
            )
        return captured

    @contextmanager
    def _hooked(self, names: Iterable[str], captured: dict[str, torch.Tensor]) -> Iterator[None]:
        stages = {name: self.spec.stage(name) for name in names}
        handles = []
        try:
            for path in {stage.module for stage in stages.values()}:
                here = {n: s for n, s in stages.items() if s.module == path}
                hook = _capturer(self.id, here, captured, len(stages))
                handles.append(self._modules[path].register_forward_hook(hook))
            yield
        finally:
            for handle in handles:
                handle.remove()


def grouped(logits: torch.Tensor, groups: torch.Tensor) -> torch.Tensor:
    """Return logits ``(N, groups)`` of logits ``(N, classes)``: log-sum-exp within each group.

    Parameters
    ----------
    groups
        Group number of each class, int64 ``(classes,)``, -1 where it has none.
    """
    members = [torch.nonzero(groups == k)[:, 0] for k in range(int(groups.max()) + 1)]
    return torch.stack([logits[:, own].logsumexp(dim=1) for own in members], dim=1)


def _capturer(
    model: str, here: dict[str, Stage], captured: dict[str, torch.Tensor], wanted: int
) -> Any:
    """Return a forward hook that captures one module's stages and leaves when all are there."""
    calls = 0

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        nonlocal calls
        for name, stage in here.items():
            if stage.call == calls:
                value = stage.pick(output) if stage.pick else output
                if not isinstance(value, torch.Tensor):
                    raise BenchError(
                        f"model {model}, stage {name}: module {stage.module!r} returns "
                        f"{type(value).__name__}, not a tensor",
                        fix="select one with Stage(module=..., pick=...)",
                    )
                captured[name] = value
        calls += 1
        if len(captured) == wanted:
            raise _AllCaptured
        for name in here:
            if name in captured:  # what follows may change it in place
                captured[name] = captured[name].clone()

    return hook
