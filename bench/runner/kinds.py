"""The kinds of work, in the order in which a plan lists them."""

from __future__ import annotations

from types import ModuleType

from bench.tasks import accuracy, alignment, recognition, robustness, synthesis

KINDS: dict[str, ModuleType] = {
    module.KIND: module for module in (accuracy, synthesis, robustness, recognition, alignment)
}
EPOCHS: dict[str, int] = {kind: module.EPOCH for kind, module in KINDS.items()}
