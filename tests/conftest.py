"""What every test shares: one thread a process, no display, no user's cache."""

# ruff: noqa: E402  the environment is set before anything imports numpy or torch

from __future__ import annotations

import os

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ["MPLBACKEND"] = "Agg"

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("bench", deadline=None, derandomize=True)
settings.load_profile("bench")


@pytest.fixture(scope="session", autouse=True)
def _own_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep downloads, timings and imported data out of the user's folders."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "DATA"):
            patch.setenv(f"METAMER_BENCH_{name}", str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared(repository: Path) -> Path:
    """The folder of real data beside the project; skips the test where there is none."""
    folder = Path(os.environ.get("METAMER_BENCH_SHARED", repository.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data: set METAMER_BENCH_SHARED, or put them at {folder}")
    return folder
