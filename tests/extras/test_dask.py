"""A run on a Dask cluster: workers that are processes of their own, on one file system."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from bench.errors import BenchError
from bench.plugins import installed
from bench.runner.backends import Workers
from bench.runner.run import run
from bench.suites.suite import Suite
from bench.tasks.task import RunSettings

pytestmark = pytest.mark.extra("dask")

SUITE = {
    "id": "small",
    "title": "Small",
    "stimuli": "digits-scenes-test",
    "label_space": "digits",
    "limit": 2,
    "models": ["digits-standard-seed0", "digits-lowpass"],
    "stages": ["conv1", "logits"],
    "protocol": {"name": "feather2023-short", "replace": {"steps": 2}},
    "accuracy": {"n": 20},
    "board": {"robustness_eps": 0.1},
}


@pytest.mark.filterwarnings("ignore")  # distributed's own, at start and shutdown
def test_the_cluster_gives_what_this_process_gives(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    suite = Suite.model_validate(SUITE)
    console = Console(quiet=True)
    here = RunSettings(root=tmp_path / "here", suite=suite, device="cpu")
    there = RunSettings(root=tmp_path / "there", suite=suite, device="cpu")
    run(installed(), here, Workers(count=1), None, console)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, local_directory=str(tmp_path)
    ) as cluster:
        workers = Workers(dask=cluster.scheduler_address)
        assert run(installed(), there, workers, None, console).status == "finished"
    for path in sorted((tmp_path / "here" / "tables").iterdir()):
        other = tmp_path / "there" / "tables" / path.name
        pd.testing.assert_frame_equal(pd.read_parquet(other), pd.read_parquet(path))


@pytest.mark.filterwarnings("ignore")
def test_no_scheduler_is_said_in_one_line(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("distributed")
    settings = RunSettings(root=tmp_path, suite=Suite.model_validate(SUITE), device="cpu")
    monkeypatch.setattr("bench.runner.backends.DASK_TIMEOUT_SECONDS", 1)
    with pytest.raises(BenchError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run(installed(), settings, Workers(dask="tcp://127.0.0.1:9"), None, Console(quiet=True))
