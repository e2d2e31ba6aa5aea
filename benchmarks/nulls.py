"""Time a pair of a null distribution against a loop over pairs with SciPy.

    python benchmarks/nulls.py [--units 100000] [--stimuli 200]

Both do all that they need from the stimuli on: the network (one ReLU), Spearman, Pearson, SNR.
The loop is timed on some of the same pairs, half of them before and half after, one thread.
The largest difference between the two shows that they compute the same.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import time
from collections.abc import Sequence

import numpy as np
import scipy.stats
import torch
from torch import nn

from bench.models.staged import StagedModel
from bench.spec import AudioInput, ModelSpec
from bench.synthesis.null_plan import plan_pairs
from bench.synthesis.nulls import null_distribution
from bench.synthesis.pairwise import MEASURES


def relu_model(units: int) -> StagedModel:
    """Return a network whose one stage is the positive part of the stimulus."""
    net = nn.Sequential(nn.ReLU())
    spec = ModelSpec(
        id="relu",
        family="benchmark",
        build=lambda weights: net,
        input=AudioInput(rate_hz=20_000, samples=units),
        labels="digits",
        stages={"relu": "0"},
    )
    return StagedModel(spec, net, torch.device("cpu"), "none")


def compare(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float, float]:
    """Return the three measures of one pair by SciPy, and the seconds that Spearman took."""
    begin = time.perf_counter()
    spearman = scipy.stats.spearmanr(a, b).statistic
    seconds = time.perf_counter() - begin
    pearson = scipy.stats.pearsonr(a, b).statistic
    snr_db = 20 * np.log10(np.linalg.norm(a) / np.linalg.norm(a - b))
    return spearman, pearson, snr_db, seconds


def pair_by_pair(model: StagedModel, x: torch.Tensor, pairs: np.ndarray) -> np.ndarray:
    """Return `compare` of each pair, activations computed as the published code does."""
    rows = []
    for pair in pairs:
        a, b = model.activations(x[pair.tolist()])["relu"].double().numpy()
        rows.append(compare(a, b))
    return np.array(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both times a pair and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--stimuli", type=int, default=200)
    parser.add_argument("--loop-pairs", type=int, default=60)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(asked.stimuli, asked.units, generator=generator) / 5
    model = relu_model(asked.units)
    pairs = plan_pairs(asked.stimuli, None, 0).positions()
    some = np.random.default_rng(0).choice(len(pairs), asked.loop_pairs, replace=False)
    half = len(some) // 2

    begin = time.perf_counter()
    first = pair_by_pair(model, x, pairs[some[:half]])
    middle = time.perf_counter()
    null = null_distribution(model, "relu", x)
    end = time.perf_counter()
    second = pair_by_pair(model, x, pairs[some[half:]])
    loop_s = (time.perf_counter() - end + middle - begin) / len(some)
    ours_s = (end - middle) / len(pairs)

    expected = np.concatenate([first, second])
    found = null["value"].to_numpy().reshape(len(MEASURES), -1).T[some]
    difference = np.abs(found - expected[:, :3]).max()
    print(f"{asked.units:,} activations, {asked.stimuli} stimuli, {len(pairs):,} pairs")
    print(f"spearmanr alone      {1e3 * expected[:, 3].mean():9.3f} ms a pair")
    print(f"loop, three measures {1e3 * loop_s:9.3f} ms a pair ({len(some)} pairs timed)")
    print(f"null_distribution    {1e3 * ours_s:9.3f} ms a pair ({end - middle:.1f} s in all)")
    print(f"faster than spearmanr alone {expected[:, 3].mean() / ours_s:.0f} times")
    print(f"faster than the loop        {loop_s / ours_s:.0f} times")
    print(f"largest difference {difference:.1e}")


if __name__ == "__main__":
    main()
