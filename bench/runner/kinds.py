"""The kinds of work, in the order in which a plan lists them."""

from __future__ import annotations

from types import ModuleType

from bench.tasks import (
    accuracy,
    alignment,
    clustering,
    criterion,
    nulls,
    recognition,
    robustness,
    synthesis,
)

KINDS: dict[str, ModuleType] = {
    module.KIND: module
    for module in (
        accuracy,
        nulls,
        synthesis,
        criterion,
        robustness,
        recognition,
        alignment,
        clustering,
    )
}
EPOCHS: dict[str, int] = {kind: module.EPOCH for kind, module in KINDS.items()}
