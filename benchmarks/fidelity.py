"""Are affordable metamers recognised as often as those of the paper's whole rule?

For the same stimuli and noise starts, each network's metamers are made by several protocols; the
share of the other nine digit networks that recognise each is compared with the whole rule's,
stimulus by stimulus. The whole rule takes about 18 s of processor time a stimulus and stage.
Finished parts are kept in --cache, and the same call goes on from there.

    python benchmarks/fidelity.py --cache fidelity-cache --limit 16
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

import bench

# Folding batch norms differs from the rule to the letter by rounding alone, and takes 2/3 of it.
FULL = bench.Protocol.named("feather2023").replace(exact=False)
AFFORDABLE = ("fast", "feather2023-short")
MAKERS = ("digits-standard-seed0", "digits-l2-adversarial", "digits-lowpass")
STAGES = ("conv4", "pool", "logits")
JUDGES = [
    f"digits-{name}"
    for name in (
        "standard-seed0", "standard-seed1", "l2-adversarial", "linf-adversarial", "lowpass",
        "random-perturbation", "simclr", "vit", "gabor", "hmax",
    )
]  # fmt: skip
CHUNK = 16


def metamers(model, stage, protocol, stimuli, first, cache):
    """Return the metamers of stimuli ``first`` to ``first + CHUNK``, from the cache if there."""
    path = cache / protocol.name / model.id / stage / f"{first:03d}-{first + CHUNK:03d}.safetensors"
    if not path.exists():
        rows = slice(first, first + CHUNK)
        run = bench.synthesize(
            model, stimuli.values[rows], stage=stage, protocol=protocol, ids=stimuli.ids[rows]
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        save_file({"stimuli": run.stimuli.contiguous()}, partial)
        partial.replace(path)
    return load_file(path)["stimuli"]


def compare(judges, maker, stage, stimuli, cache):
    """Return one row for each affordable protocol: recognition, and its paired difference."""
    labels = torch.as_tensor(np.asarray(stimuli.labels))
    others = [judge for name, judge in judges.items() if name != maker]

    def recognised(protocol):
        made = [
            metamers(judges[maker], stage, protocol, stimuli, first, cache)
            for first in range(0, len(stimuli.ids), CHUNK)
        ]
        answers = [judge.logits(torch.cat(made)).argmax(1).cpu() == labels for judge in others]
        return torch.stack(answers).double().mean(0)

    full = recognised(FULL)
    for name in AFFORDABLE:
        values = recognised(bench.Protocol.named(name))
        difference = values - full
        yield {
            "model": maker,
            "stage": stage,
            "protocol": name,
            "n": len(full),
            "full": full.mean().item(),
            "recognised": values.mean().item(),
            "difference": difference.mean().item(),
            "half_width_95": 1.96 * difference.std().item() / len(full) ** 0.5,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("fidelity-cache"))
    parser.add_argument("--limit", type=int, default=16, help="stimuli, a multiple of 16")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/fidelity.csv"))
    options = parser.parse_args()
    if options.limit < CHUNK or options.limit % CHUNK:
        parser.error(f"--limit must be a multiple of {CHUNK}")
    stimuli = bench.load_stimuli("digits-scenes-test", limit=options.limit)
    judges = {name: bench.load(name) for name in JUDGES}
    rows = []
    for maker in MAKERS:
        for stage in STAGES:
            rows.extend(compare(judges, maker, stage, stimuli, options.cache))
            pd.DataFrame(rows).round(3).to_csv(options.out, index=False)
            print(pd.DataFrame(rows[-2:]).round(3).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
