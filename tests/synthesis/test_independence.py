"""A stimulus' result does not depend on what else is in its batch.

Random draws are equal bit for bit. Pixels are equal up to rounding: a library may take another
algorithm for another batch size, whose sums differ in the last bits (about 1e-7), and each step
passes a difference on: steps of length 1 on 75 pixels, or Adam's division by small gradients, made
2e-5 of it in the 40 steps here. Another draw or another stimulus' gradient would make 0.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench.models.staged import StagedModel
from bench.synthesis.engine import synthesize
from bench.synthesis.protocols import Protocol

ROUNDING = 1e-4
IDS = [f"image-{i}" for i in range(16)]


def changed(name: str, **changes: Any) -> Protocol:
    return Protocol.named(name).replace(**changes)


CASES = [
    changed("feather2023", steps=20, repetitions=2),
    changed("feather2023-hmax", steps=20, repetitions=2,
            subsets={"kind": "random", "every": 3, "until": 12}),
    changed("nanda2023-transform", steps=40),
    changed("nanda2023-adversarial", steps=40),
    changed("fast", steps=40, stop={"spearman": 0.9, "snr_db": 10, "every": 5}),
]  # fmt: skip


def run(model: StagedModel, x: torch.Tensor, ids: list[str], protocol: Protocol, size: int) -> Any:
    perceptual = protocol.regulariser and protocol.regulariser.perceptual
    return synthesize(
        model, x, "relu2", protocol, ids=ids, batch_size=size, seed=5,
        unit_sets=[slice(0, 3), slice(3, 8)],
        distance=(lambda a, b: (a - b).square().mean(dim=(1, 2, 3))) if perceptual else None,
    )  # fmt: skip


@pytest.mark.parametrize("protocol", CASES, ids=lambda p: p.name.split("+")[0])
def test_alone_together_shuffled_and_sharded_are_the_same(
    protocol: Protocol, convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x = images(16)
    together = run(convolutional, x, IDS, protocol, 16)
    assert not together.reasons
    for i in (0, 7, 15):
        alone = run(convolutional, x[i : i + 1], IDS[i : i + 1], protocol, 16)
        assert torch.equal(alone.initial[0], together.initial[i])
        assert (alone.stimuli[0] - together.stimuli[i]).abs().max() < ROUNDING
        assert torch.allclose(alone.losses[0], together.losses[i], atol=1e-4)
        assert alone.gradients[0] == together.gradients[i]
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1)).tolist()
    shuffled = run(convolutional, x[order], [IDS[i] for i in order], protocol, 5)
    assert (shuffled.stimuli - together.stimuli[order]).abs().max() < ROUNDING
    assert list(shuffled.match["id"]) == [IDS[i] for i in order]
    shard = run(convolutional, x[1::3], IDS[1::3], protocol, 16)
    assert (shard.stimuli - together.stimuli[1::3]).abs().max() < ROUNDING


def test_the_early_stop_is_each_stimulus_own(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    """Guards the test above: its early stop does end some stimuli before others."""
    steps = run(convolutional, images(16), IDS, CASES[-1], 16).gradients
    assert len(set(steps.tolist())) > 1
    assert all(step == 40 or step % 5 == 0 for step in steps.tolist())


def test_other_seeds_and_ids_start_elsewhere(
    two_layers: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x, protocol = images(1), changed("feather2023", steps=1, repetitions=1)
    starts = [
        synthesize(two_layers, x, "final", protocol, seed=seed, ids=[name]).initial
        for seed, name in ((0, "a"), (1, "a"), (0, "b"))
    ]
    assert not torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])
