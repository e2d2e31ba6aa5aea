"""Trains the shipped networks: ``python -m bench_plugins.digits.train [--only ID] [--out DIR]``.

About ten minutes on one thread. The same machine and versions give the same files; others give
networks whose accuracy agrees within a few hundredths.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import safetensors.torch
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor, nn

from bench_plugins.digits import adversary, hmax, scenes, simclr
from bench_plugins.digits.catalogue import ENTRIES, RECORDS, WEIGHTS_DIR, Entry
from bench_plugins.digits.networks import ConvNet
from bench_plugins.digits.readout import fit_readout
from bench_plugins.digits.recipe import Recipe, Report, Scenes, accuracy, door, fit

TRAINING_SCENES = 46_800  # 36 of each of the 1,297 digits
READOUT_SCENES = 7_800
TEMPLATE_SCENES = 1_000
SIMCLR = Recipe(batch_size=128)
VIT = Recipe(peak_rate=2e-3, weight_decay=0.05, passes=2)

Method = Callable[[Entry, nn.Module, Scenes, Report], None]


def _generator(entry: Entry, purpose: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(1000 * purpose + entry.seed)


def _standard(entry: Entry, network: nn.Module, data: Scenes, report: Report) -> None:
    recipe = VIT if entry.network == "vit" else Recipe()
    fit(network, data, recipe, _generator(entry), report=report)


def _l2(entry: Entry, network: nn.Module, data: Scenes, report: Report) -> None:
    loss = adversary.adversarial("l2", adversary.L2_EPS)
    fit(network, data, Recipe(), _generator(entry), loss, report)


def _linf(entry: Entry, network: nn.Module, data: Scenes, report: Report) -> None:
    loss = adversary.adversarial("linf", adversary.LINF_EPS)
    fit(network, data, Recipe(), _generator(entry), loss, report)


def _random(entry: Entry, network: nn.Module, data: Scenes, report: Report) -> None:
    loss = adversary.random_perturbation(adversary.L2_EPS, _generator(entry, purpose=1))
    fit(network, data, Recipe(), _generator(entry), loss, report)


def _simclr(entry: Entry, network: nn.Module, data: Scenes, report: Report) -> None:
    assert isinstance(network, ConvNet)
    loss = simclr.contrastive(_generator(entry, purpose=1))
    fit(simclr.Projector(network), data, SIMCLR, _generator(entry), loss, report)
    fit_readout(network, data.first(READOUT_SCENES))


def _hmax(entry: Entry, network: nn.Module, data: Scenes, report: Report) -> None:
    assert isinstance(network, hmax.Hmax)
    pictures = data.first(TEMPLATE_SCENES).values.float() / 255
    hmax.imprint(network, door(pictures), _generator(entry))
    fit_readout(network, data.first(READOUT_SCENES), hmax.READOUT_PENALTY, report)


METHODS: dict[str, Method] = {
    "standard": _standard,
    "l2": _l2,
    "linf": _linf,
    "random": _random,
    "simclr": _simclr,
    "hmax": _hmax,
}


def training_scenes(count: int = TRAINING_SCENES) -> Scenes:
    """Return the first ``count`` scenes of the part for training."""
    values, labels = scenes.compose("train", range(count))
    return Scenes(torch.from_numpy(values), torch.from_numpy(labels))


def test_scenes() -> tuple[Tensor, Tensor]:
    """Return the whole test set: images ``(500, 3, 32, 32)`` in [0, 1], and classes."""
    stimuli = scenes.load_test(None)
    return torch.from_numpy(stimuli.values[:]), torch.from_numpy(stimuli.labels)


def train(entry: Entry, data: Scenes, report: Report = lambda done, steps: None) -> nn.Module:
    """Return the network of ``entry``, newly built and trained, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(entry.seed)
        network = entry.build()
    METHODS[entry.method](entry, network, data, report)
    return network.eval()


def save(entry: Entry, network: nn.Module, out: Path) -> dict[str, Any]:
    """Write the weights in half precision; return what is recorded of them."""
    state = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    content = safetensors.torch.save(state, metadata={"model": entry.id})
    (out / entry.file).write_bytes(content)
    network.load_state_dict(safetensors.torch.load(content))  # measured is what is shipped
    return {
        "file": entry.file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "accuracy": round(accuracy(network, *test_scenes()), 4),
        "n": scenes.TEST_SIZE,
        "seed": entry.seed,
        "parameters": sum(p.numel() for p in network.parameters()),
        "torch": torch.__version__.split("+")[0],
        "machine": platform.machine(),
    }


def _record(entry: Entry, facts: dict[str, Any], out: Path) -> None:
    path = out / RECORDS.name
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[entry.id] = facts
    ordered = {e.id: known[e.id] for e in ENTRIES if e.id in known}
    path.write_text(json.dumps(ordered, indent=2) + "\n", encoding="utf-8")


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice([e.id for e in ENTRIES]), help="Train only this one."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=WEIGHTS_DIR)
def main(only: tuple[str, ...], out: Path) -> None:
    """Train the networks that the embedded suite runs on, and write their weights."""
    torch.set_num_threads(1)  # so small layers gain nothing from more
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    with console.status("drawing scenes"):
        data = training_scenes()
    columns = (
        TextColumn("{task.description:28}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[result]}"),
    )
    with Progress(*columns, console=console) as progress:
        for entry in ENTRIES:
            if only and entry.id not in only:
                continue
            task = progress.add_task(entry.id, total=None, result="")

            def report(done: int, steps: int, task: Any = task) -> None:
                progress.update(task, completed=done, total=steps)

            start = time.perf_counter()
            facts = save(entry, train(entry, data, report), out)
            _record(entry, facts, out)
            seconds = time.perf_counter() - start
            progress.update(task, result=f"accuracy {facts['accuracy']:.3f}  {seconds:.0f} s")


if __name__ == "__main__":
    main()
