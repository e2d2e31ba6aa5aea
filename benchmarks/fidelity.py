"""Are affordable metamers those of the whole rule, and recognised as often?

For the same stimuli and noise starts, each network's metamers are made by several protocols. The
share of the other nine digit networks that recognise each is compared with the whole rule's,
stimulus by stimulus; so are its loss and Spearman correlation at the stage. ``--seeds`` makes the
affordable ones again from other noise: how far two runs of one protocol differ is what a difference
between protocols has to be seen against.

The whole rule takes about 15 s of processor time a stimulus and stage. Finished parts are kept in
--cache, and the same call goes on from there. Without ``--make-full`` only stimuli take part whose
metamers by the whole rule are there.

    python benchmarks/fidelity.py --cache fidelity-cache --limit 96 --make-full
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

import bench
from bench.synthesis.match import stage_table

# Folding batch norms differs from the rule to the letter by rounding alone, and takes 2/3 of it.
FULL = bench.Protocol.named("feather2023").replace(exact=False)
AFFORDABLE = ("fast", "quick", "feather2023-short")
MAKERS = ("digits-standard-seed0", "digits-l2-adversarial", "digits-lowpass")
LATE, EARLY = ("conv4", "pool", "logits"), ("conv1", "conv2", "conv3")
JUDGES = [
    f"digits-{name}"
    for name in (
        "standard-seed0", "standard-seed1", "l2-adversarial", "linf-adversarial", "lowpass",
        "random-perturbation", "simclr", "vit", "gabor", "hmax",
    )
]  # fmt: skip
CHUNK, EARLY_STIMULI = 16, 8
BEGINS, ENDS = "<!-- fidelity -->", "<!-- end of fidelity -->"  # in docs/protocols.md


class Fidelity:
    """What is compared with what, and where metamers are kept."""

    def __init__(self, limit, cache, make_full):
        self.stimuli = bench.load_stimuli("digits-scenes-test", limit=limit)
        self.labels = torch.as_tensor(np.asarray(self.stimuli.labels))
        self.values = torch.as_tensor(self.stimuli.values[:])
        self.judges = {name: bench.load(name) for name in JUDGES}
        self.cache, self.make_full = cache, make_full

    def chunks(self, stage):
        size, most = (EARLY_STIMULI,) * 2 if stage in EARLY else (CHUNK, len(self.labels))
        return [(first, first + size) for first in range(0, most, size)]

    def metamers(self, maker, stage, protocol, chunk, seed=0):
        """Return the metamers of some stimuli, from the cache if there."""
        name = protocol.name if seed == 0 else f"{protocol.name}-seed{seed}"
        folder = self.cache / name / maker / stage
        path = folder / f"{chunk[0]:03d}-{chunk[1]:03d}.safetensors"
        if not path.exists():
            if protocol == FULL and not self.make_full:
                return None
            rows = slice(*chunk)
            run = bench.synthesize(
                self.judges[maker], self.values[rows], stage=stage, protocol=protocol,
                ids=self.stimuli.ids[rows], seed=seed,
            )  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            save_file({"stimuli": run.stimuli.contiguous()}, partial)
            partial.replace(path)
        return load_file(path)["stimuli"]

    def measure(self, maker, stage, chunk, made):
        """Return loss, Spearman and the share of the others that recognise, of each metamer."""
        rows = slice(*chunk)
        match = stage_table(self.judges[maker], self.values[rows], made, stages=[stage])
        answers = [
            judge.logits(made).argmax(1).cpu() == self.labels[rows]
            for name, judge in self.judges.items()
            if name != maker
        ]
        return pd.DataFrame(
            {
                "loss": match["distance"],
                "spearman": match["spearman"],
                "recognised": torch.stack(answers).double().mean(0).numpy(),
            }
        )

    def measured(self, maker, stage, protocol, chunks, seed=0):
        parts = [(c, self.metamers(maker, stage, protocol, c, seed)) for c in chunks]
        return pd.concat([self.measure(maker, stage, c, made) for c, made in parts])

    def compare(self, maker, stage, seeds):
        """Yield one row for each affordable protocol."""
        chunks = [
            chunk
            for chunk in self.chunks(stage)
            if self.metamers(maker, stage, FULL, chunk) is not None
        ]
        if not chunks:
            return
        full = self.measured(maker, stage, FULL, chunks)
        for name in AFFORDABLE:
            protocol = bench.Protocol.named(name)
            found = self.measured(maker, stage, protocol, chunks)
            difference, half_width = paired(found["recognised"], full["recognised"])
            row = {
                "model": maker,
                "stage": stage,
                "protocol": protocol.name,
                "n": len(full),
                "full_loss": full["loss"].mean(),
                "loss": found["loss"].mean(),
                "full_spearman": full["spearman"].mean(),
                "spearman": found["spearman"].mean(),
                "full_recognised": full["recognised"].mean(),
                "recognised": found["recognised"].mean(),
                "difference": difference,
                "half_width_95": half_width,
            }
            if seeds > 1:
                others = [
                    self.measured(maker, stage, protocol, chunks, seed)["recognised"]
                    for seed in range(1, seeds)
                ]
                runs = np.stack([found["recognised"], *others])
                # Of a mean over these stimuli, from one run of the protocol to the next.
                row["sd_between_seeds"] = runs.mean(axis=1).std(ddof=1)
            yield row


def paired(values, full):
    """Return the mean difference and the half width of its 95 % interval over stimuli."""
    difference = values.to_numpy() - full.to_numpy()
    return difference.mean(), 1.96 * difference.std(ddof=1) / len(difference) ** 0.5


def as_markdown(table):
    """Return the table as the docs show it: a row for each model and stage."""
    protocols = list(dict.fromkeys(table["protocol"]))
    lines = [
        "| generation model, stage (n) | whole rule, loss | "
        + " | ".join(f"`{name}`, loss" for name in protocols)
        + " |",
        "|---|" + "---|" * (1 + len(protocols)),
    ]
    for (model, stage), rows in table.groupby(["model", "stage"], sort=False):
        first = rows.iloc[0]
        cells = [
            f"`{model}`, {stage} ({first['n']})",
            f"{first['full_recognised']:.2f}, {first['full_loss']:.4f}",
            *(
                f"{row['recognised']:.2f} ({row['difference']:+.2f} ± {row['half_width_95']:.2f}), "
                f"{row['loss']:.4f}"
                for _, row in rows.iterrows()
            ),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_docs(table, path):
    """Put the table between its marks in the docs."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGINS)
    after = rest.split(ENDS)[1]
    text = f"{before}{BEGINS}\n\n{as_markdown(table)}\n\n{ENDS}{after}"
    path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path("fidelity-cache"))
    parser.add_argument("--limit", type=int, default=96, help="stimuli, a multiple of 16")
    parser.add_argument("--seeds", type=int, default=1, help="noise starts of affordable protocols")
    parser.add_argument(
        "--make-full", action="store_true", help="run the whole rule where it lacks"
    )
    parser.add_argument("--out", type=Path, default=Path("bench/synthesis/fidelity.csv"))
    parser.add_argument("--docs", type=Path, help="docs/protocols.md, to renew its table")
    options = parser.parse_args()
    if options.limit < CHUNK or options.limit % CHUNK:
        parser.error(f"--limit must be a multiple of {CHUNK}")
    fidelity = Fidelity(options.limit, options.cache, options.make_full)
    rows = []
    for stage in (*LATE, *reversed(EARLY)):
        for maker in MAKERS:
            new = list(fidelity.compare(maker, stage, options.seeds))
            rows.extend(new)
            pd.DataFrame(rows).round(4).to_csv(options.out, index=False)
            if new:
                print(pd.DataFrame(new).round(4).to_string(index=False), flush=True)
    if options.docs is not None:
        write_docs(pd.read_csv(options.out), options.docs)


if __name__ == "__main__":
    main()
