"""Adversarial attacks that come with the bench."""

from __future__ import annotations

from typing import Any

import bench
from bench.attacks.spec import AttackSpec


def _pgd(*args: Any) -> Any:
    from bench.attacks.pgd import pgd

    return pgd(*args)


@bench.hookimpl
def bench_register_attacks(register: Any) -> None:
    """Register the attacks that need no other package."""
    register(
        AttackSpec(
            id="pgd",
            run=_pgd,
            description="projected gradient descent, cross-entropy, best iterate kept",
            reference="Madry et al. 2018; as in Feather et al. 2023, supplement",
        )
    )
