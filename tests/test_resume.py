"""Killed at any moment and called again, a run gives the tables of one that was left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

SUITE = """
id = "small"
title = "Small"
stimuli = "digits-scenes-test"
label_space = "digits"
limit = 4
models = ["digits-standard-seed0", "digits-lowpass"]
stages = ["conv1", "conv4", "logits"]
[protocol]
name = "feather2023-short"
replace = { steps = 20 }
[accuracy]
n = 20
[board]
robustness_eps = 0.1
"""


# A shell's background jobs ignore Ctrl-C, and so would what the tests start in one.
BENCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from bench.cli import main
main(sys.argv[1:])
"""


def start(suite: Path, out: Path) -> subprocess.Popen[bytes]:
    words = ["run", "--suite", str(suite), "--out", str(out), "--workers", "2", "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, "-c", BENCH, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()


def tables(out: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in sorted((out / "tables").glob("*"))}


def markers(out: Path) -> int:
    return len([p for p in out.rglob("*.json") if p.parent.parent != out and p.parent != out])


def test_a_run_killed_twice_gives_the_same_tables(tmp_path: Path) -> None:
    suite = tmp_path / "small.toml"
    suite.write_text(SUITE)
    left_alone, killed = tmp_path / "whole", tmp_path / "killed"
    for wanted in (1, 4):
        process = start(suite, killed)
        while markers(killed) < wanted and process.poll() is None:
            time.sleep(0.02)
        assert process.poll() is None, "it ended before it could be killed"
        os.killpg(process.pid, signal.SIGKILL) if wanted == 1 else process.kill()
        process.communicate()
    finish(start(suite, killed))
    finish(start(suite, left_alone))
    first, second = tables(left_alone), tables(killed)
    assert first.keys() == second.keys() == {"accuracy", "synthesis", "recognition"}
    for kind, rows in first.items():
        pd.testing.assert_frame_equal(second[kind], rows, check_exact=True)
    leftovers = list(killed.rglob("*.part"))
    assert len(leftovers) <= 4  # what a kill cut off is never taken for a result


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SLURM"])
def test_an_interrupt_keeps_what_is_finished_and_says_how_to_go_on(
    tmp_path: Path, signum: signal.Signals
) -> None:
    suite = tmp_path / "small.toml"
    suite.write_text(SUITE)
    process = start(suite, tmp_path / "run")
    while markers(tmp_path / "run") < 2 and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signum)  # as a terminal and scancel send it: to every process
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err.decode()
    assert b"Go on with: bench run" in err
    assert b"Traceback" not in err
    kept = markers(tmp_path / "run")
    assert kept >= 2
    finish(start(suite, tmp_path / "run"))
    assert markers(tmp_path / "run") > kept


if os.name == "nt":
    pytest.skip("signals of POSIX systems", allow_module_level=True)
