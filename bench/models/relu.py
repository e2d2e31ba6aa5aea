"""The modified ReLU: its forward values are a ReLU's, its gradient is the identity's.

Source: Feather et al. 2023, Methods ("the linear gradient ReLU"). Only the ReLU that is the
matched stage's own last operation is modified; every other one keeps its true gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

RELU_FUNCTIONS = frozenset(
    {
        torch.relu,
        torch.relu_,
        torch.nn.functional.relu,
        torch.Tensor.relu,
        torch.Tensor.relu_,
    }
)


RELUS_IN_PLACE = frozenset({torch.relu_, torch.Tensor.relu_})


class _PassThroughReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, in_place: bool) -> torch.Tensor:
        if in_place:
            ctx.mark_dirty(x)
            return x.clamp_(min=0)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad_outputs[0], None


def pass_through_relu(x: torch.Tensor, in_place: bool = False) -> torch.Tensor:
    """Return max(0, x), whose gradient with respect to ``x`` is 1 everywhere."""
    result: torch.Tensor = _PassThroughReLU.apply(x, in_place)
    return result


class ReluWatcher(TorchFunctionMode):
    """Sees every ReLU call of a forward pass, whether it is a module's or a function's.

    Parameters
    ----------
    modify
        Number of the call, counted from 0, that becomes a pass-through ReLU; None: none does.
    skip
        Let that call return its input instead: what the ReLU would have been applied to.
    remember
        Keep the outputs, so that `call_of` can tell which call made a tensor.
    """

    def __init__(
        self, modify: int | None = None, *, skip: bool = False, remember: bool = False
    ) -> None:
        super().__init__()
        self.modify = modify
        self.skip = skip
        self.calls = 0
        self._outputs: list[torch.Tensor] | None = [] if remember else None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func not in RELU_FUNCTIONS:
            return func(*args, **(kwargs or {}))
        call = self.calls
        self.calls += 1
        if call == self.modify:
            given = {**dict(zip(("input", "inplace"), args, strict=False)), **(kwargs or {})}
            if self.skip:
                return given["input"]
            in_place = func in RELUS_IN_PLACE or bool(given.get("inplace"))
            return pass_through_relu(given["input"], in_place)
        output = func(*args, **(kwargs or {}))
        if self._outputs is not None:
            self._outputs.append(output)
        return output

    def call_of(self, tensor: torch.Tensor) -> int | None:
        """Return the number of the last call that returned ``tensor`` itself, None if none did."""
        outputs = self._outputs or []
        return next((i for i in reversed(range(len(outputs))) if outputs[i] is tensor), None)
