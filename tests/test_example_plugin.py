"""The third-party distribution in examples/: installed, found, checked, run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SUITE = """
id = "small"
title = "Small"
stimuli = "digits-scenes-test"
label_space = "digits"
limit = 3
models = ["random-features", "digits-standard-seed0"]
[protocol]
name = "feather2023-short"
replace = { steps = 2 }
[board]
robustness_eps = 0.1
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, str]:
    """The tests' environment with the example installed beside it by pip."""
    target = tmp_path_factory.mktemp("site")
    source = repository / "examples" / "bench-random-features"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    command += ["--quiet", "--target", str(target), str(_copy(source, tmp_path_factory))]
    subprocess.run(command, check=True)
    path = os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}


def _copy(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy: pip leaves build files beside the source."""
    import shutil

    return Path(shutil.copytree(source, tmp_path_factory.mktemp("source") / source.name))


def call(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_found(environment) -> None:
    plugins = {
        row["plugin"]: row for row in json.loads(call(environment, "plugins", "list", "--json"))
    }
    found = plugins["random-features"]
    assert (found["distribution"], found["version"]) == ("bench-random-features", "1.0")
    assert found["state"] == "ok"
    shown = json.loads(call(environment, "models", "show", "random-features", "--json"))
    assert list(shown["stages"]) == ["conv", "pool", "logits"]


def test_it_passes_the_checks(environment) -> None:
    words = ("models", "check", "random-features", "--weights", "none", "--json")
    assert json.loads(call(environment, *words))["problems"] == []


def test_its_own_tests_pass(environment, repository, tmp_path) -> None:
    """The tests that the tutorial writes, run as its reader runs them."""
    example = repository / "examples" / "bench-random-features"
    tests = str(example / "test_random_features.py")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests]
    words += ["--rootdir", str(tmp_path), "-c", str(example / "pyproject.toml")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_it_shows_up_in_a_runs_matrix(environment, tmp_path) -> None:
    suite = tmp_path / "small.toml"
    suite.write_text(SUITE)
    out = tmp_path / "run"
    printed = call(environment, "run", "--suite", str(suite), "--out", str(out), "--workers", "1")
    assert "random-features" in printed
    rows = pd.read_parquet(out / "tables" / "recognition.parquet")
    cells = set(zip(rows["recognition_model"], rows["generation_model"], strict=True))
    pair = ("random-features", "digits-standard-seed0")
    assert {pair, pair[::-1]} <= cells
    assert (out / "report.html").stat().st_size > 10_000
