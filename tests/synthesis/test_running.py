"""Long syntheses on real machines: memory that runs out, Ctrl-C, checkpoints, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench.errors import BenchError, ItemError
from bench.models.staged import StagedModel
from bench.synthesis import batching
from bench.synthesis.checkpoints import Checkpoints
from bench.synthesis.engine import (
    Share,
    SynthesisInterrupted,
    synthesize,
    synthesize_batches,
)
from bench.synthesis.loop import BatchLoop, Work
from bench.synthesis.named import PROTOCOLS
from bench.synthesis.noise import noise_start
from bench.synthesis.protocols import Protocol

PROTOCOL = Protocol.named("feather2023").replace(steps=15, repetitions=2)
ADAM = Protocol.named("fast").replace(steps=30, stop={"spearman": 0.9, "snr_db": 8, "every": 4})
CASES = [
    PROTOCOL,
    ADAM,
    Protocol.named("nanda2023-code").replace(steps=30),
    Protocol.named("nanda2023-transform").replace(steps=30),
    Protocol.named("feather2023-hmax").replace(
        steps=15, repetitions=2, subsets={"kind": "random", "every": 4, "until": 10}
    ),
]
SETS = [slice(0, 4), slice(4, 8)]


@pytest.fixture
def cramped(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[int]]:
    """Make gradients run out of memory beyond so many stimuli; return the sizes that were tried."""

    def limit(most: int) -> list[int]:
        tried: list[int] = []
        at_stage = StagedModel.at_stage

        def fake(self: StagedModel, x: torch.Tensor, stage: str, **options: Any) -> torch.Tensor:
            if x.requires_grad and (not tried or tried[-1] != len(x)):
                tried.append(len(x))
            if x.requires_grad and len(x) > most:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return at_stage(self, x, stage, **options)

        monkeypatch.setattr(StagedModel, "at_stage", fake)
        return tried

    return limit


def test_out_of_memory_halves_the_batch_and_goes_on(
    convolutional: StagedModel,
    images: Callable[[int], torch.Tensor],
    cramped: Callable[[int], list[int]],
) -> None:
    x = images(11)
    plenty = synthesize(convolutional, x, "relu2", PROTOCOL, batch_size=2)
    tried = cramped(2)
    run = synthesize(convolutional, x, "relu2", PROTOCOL, batch_size=8)
    assert tried == [8, 4, 2, 1]  # 8 and 4 fail; then 2 at a time, and the eleventh alone
    assert (run.stimuli - plenty.stimuli).abs().max() < 1e-5
    assert list(run.ids) == [str(i) for i in range(11)]


def test_one_stimulus_that_does_not_fit_is_one_line(
    convolutional: StagedModel,
    images: Callable[[int], torch.Tensor],
    cramped: Callable[[int], list[int]],
) -> None:
    cramped(0)
    with pytest.raises(ItemError, match="tiny, stage relu2: one stimulus alone does not fit"):
        synthesize(convolutional, images(3), "relu2", PROTOCOL, batch_size=2)


def test_another_error_is_not_taken_for_memory(
    convolutional: StagedModel,
    images: Callable[[int], torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: Any, **options: Any) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(StagedModel, "at_stage", broken)
    with pytest.raises(RuntimeError, match="mat1"):
        synthesize(convolutional, images(3), "relu2", PROTOCOL, batch_size=2)


def test_auto_takes_what_memory_holds(
    convolutional: StagedModel,
    images: Callable[[int], torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = images(30)
    saved = batching.saved_bytes(convolutional, x[:1], "relu2")
    # At least the first convolution's output, batch-normed and rectified: 3 x 8 x 5 x 5 floats.
    assert saved >= 2 * 8 * 25 * 4
    assert batching.batch_size_for("auto", convolutional, x, "relu2", 0) == 30
    monkeypatch.setattr(batching, "free_bytes", lambda device: 2 * 6 * (2 * saved + 4 * 75 * 4))
    assert batching.batch_size_for("auto", convolutional, x, "relu2", 0) == 6
    assert batching.batch_size_for("auto", convolutional, x, "relu2", 200) == 1
    assert batching.batch_size_for(7, convolutional, x, "relu2", 0) == 7
    for wrong in (0, -1, "many"):
        with pytest.raises(BenchError, match="batch size"):
            batching.batch_size_for(wrong, convolutional, x, "relu2", 0)


def interrupting(at: float) -> Callable[[Share], None]:
    def progress(share: Share) -> None:
        if share >= at:
            raise KeyboardInterrupt

    return progress


def test_ctrl_c_keeps_finished_stimuli(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    x = images(6)
    whole = synthesize(convolutional, x, "relu2", PROTOCOL, batch_size=2)
    with pytest.raises(KeyboardInterrupt) as caught:
        synthesize(convolutional, x, "relu2", PROTOCOL, batch_size=2, progress=interrupting(0.75))
    assert isinstance(caught.value, SynthesisInterrupted)
    finished = caught.value.finished
    assert finished is not None
    assert finished.ids == ("0", "1", "2", "3")
    assert torch.equal(finished.stimuli, whole.stimuli[:4])
    assert len(finished.match) == 4
    with pytest.raises(SynthesisInterrupted) as at_once:
        synthesize(convolutional, x, "relu2", PROTOCOL, progress=interrupting(0.0))
    assert at_once.value.finished is None


@pytest.mark.parametrize("protocol", CASES, ids=lambda p: p.name.split("+")[0])
def test_a_resumed_synthesis_gives_the_same_bits(
    protocol: Protocol,
    convolutional: StagedModel,
    images: Callable[[int], torch.Tensor],
    tmp_path: Path,
) -> None:
    x, keep = images(6), Checkpoints(tmp_path, every=7)
    options: Any = {"batch_size": 4, "unit_sets": SETS, "seed": 9}
    told: list[float] = []
    whole = synthesize(convolutional, x, "relu2", protocol, progress=told.append, **options)
    for at, files in ((0.5, 1), (0.95, 2)):  # then the first batch of four is finished
        with pytest.raises(KeyboardInterrupt):
            synthesize(
                convolutional, x, "relu2", protocol, checkpoints=keep,
                progress=interrupting(at), **options,
            )  # fmt: skip
        assert len(list(tmp_path.iterdir())) == files
    steps: list[float] = []
    run = synthesize(
        convolutional, x, "relu2", protocol, checkpoints=keep, progress=steps.append, **options
    )
    assert torch.equal(run.stimuli, whole.stimuli)
    assert torch.equal(run.losses, whole.losses)
    assert torch.equal(run.gradients, whole.gradients)
    assert list(tmp_path.iterdir()) == []
    assert steps[-1] == 1
    assert len(steps) < len(told) / 2  # the finished batch was not made again


def test_a_checkpoint_of_something_else_is_left_alone(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor], tmp_path: Path
) -> None:
    x, keep = images(3), Checkpoints(tmp_path, every=5)
    with pytest.raises(KeyboardInterrupt):
        synthesize(
            convolutional, x, "relu2", PROTOCOL, checkpoints=keep, progress=interrupting(0.6)
        )
    (theirs,) = tmp_path.iterdir()
    before = theirs.read_bytes()
    others: list[Any] = [
        {"seed": 1},
        {"protocol": PROTOCOL.replace(step_size=0.5)},
        {"x": 1 - x},
        {"stage": "relu1"},
    ]
    for change in others:
        call = {"x": x, "stage": "relu2", "protocol": PROTOCOL, **change}
        fresh = synthesize(convolutional, **call)
        beside = synthesize(convolutional, **call, checkpoints=keep)
        assert torch.equal(fresh.stimuli, beside.stimuli)
        assert theirs.read_bytes() == before


def test_a_damaged_checkpoint_is_started_anew(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor], tmp_path: Path
) -> None:
    x, keep = images(3), Checkpoints(tmp_path, every=5)
    with pytest.raises(KeyboardInterrupt):
        synthesize(
            convolutional, x, "relu2", PROTOCOL, checkpoints=keep, progress=interrupting(0.6)
        )
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    run = synthesize(convolutional, x, "relu2", PROTOCOL, checkpoints=keep)
    assert torch.equal(run.stimuli, synthesize(convolutional, x, "relu2", PROTOCOL).stimuli)


def test_a_folder_that_cannot_be_written_is_one_line(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BenchError, match=r"checkpoint .* cannot be written"):
        synthesize(
            convolutional, images(1), "relu2", PROTOCOL,
            checkpoints=Checkpoints(tmp_path / "file" / "deeper", every=5),
        )  # fmt: skip


def test_progress_tells_share_loss_and_time_left(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    told: list[Share] = []
    run = synthesize(
        convolutional, images(4), "relu2", PROTOCOL, batch_size=2, progress=told.append
    )
    assert told == sorted(told)
    assert told[-1] == 1
    assert all(share.seconds_left >= 0 for share in told)
    first = [share for share in told if share <= 0.5]
    assert first[0].loss == pytest.approx(float(run.losses[:2, 0].mean()))


def test_batches_come_as_they_are_finished(
    convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    batches = synthesize_batches(convolutional, images(5), "relu2", PROTOCOL, batch_size=2)
    assert isinstance(batches, Iterator)
    assert [part.ids for part in batches] == [("0", "1"), ("2", "3"), ("4",)]


class NoWaiting(TorchDispatchMode):
    """Refuses what makes the host wait for a device: reading values, and shapes that need them."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert "_local_scalar_dense" not in str(func), "a step reads a value"
        assert "nonzero" not in str(func), "a step needs a shape that depends on values"
        return func(*args, **(kwargs or {}))


def test_the_guard_sees_waiting() -> None:
    with NoWaiting(), pytest.raises(AssertionError, match="reads a value"):
        float(torch.ones(1))


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_no_step_waits_for_the_device(
    name: str, convolutional: StagedModel, images: Callable[[int], torch.Tensor]
) -> None:
    protocol, x, ids = PROTOCOLS[name], images(3), ["a", "b", "c"]
    perceptual = protocol.regulariser is not None and protocol.regulariser.perceptual is not None
    work = Work(
        model=convolutional,
        network=convolutional,
        stage="relu2",
        protocol=protocol,
        start=protocol.image_start,
        seed=0,
        unit_sets=SETS,
        distance=(lambda a, b: (a - b).square().mean(dim=(1, 2, 3))) if perceptual else None,
    )
    loop = BatchLoop(work, ids, x, noise_start(ids, (3, 5, 5), protocol.image_start, 0))
    loop.advance()  # the first finds the modified ReLU once a stage
    with NoWaiting():
        for _ in range(3):
            loop.advance()
    assert loop.state.step == 4
