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
# Within a phase a run goes from model to model, so that each is loaded as seldom as may be.
# Accuracy comes first, since it shows wrong preprocessing; recognition waits for all metamers.
FIRST, LAST = accuracy.KIND, recognition.KIND
EPOCHS: dict[str, int] = {kind: module.EPOCH for kind, module in KINDS.items()}


def phase(kind: str) -> int:
    """Return when in a run tasks of a kind have their turn."""
    return {FIRST: 0, LAST: 2}.get(kind, 1)
