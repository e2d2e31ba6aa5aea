"""Directories and defaults; nothing else reads or sets environment variables."""

from __future__ import annotations

import os
import sys
from pathlib import Path

APP = "metamer-bench"
DEFAULT_SUITE = "digits"


def _base(variable: str, unix: str, mac: str) -> Path:
    if base := os.environ.get(variable):
        return Path(base)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path.home() / (mac if sys.platform == "darwin" else unix)


def cache_dir() -> Path:
    """Return where downloads and timings go: $METAMER_BENCH_CACHE, or the user's cache folder."""
    if own := os.environ.get("METAMER_BENCH_CACHE"):
        return Path(own).expanduser()
    return _base("XDG_CACHE_HOME", ".cache", "Library/Caches") / APP


def data_dir() -> Path:
    """Return where imported data goes: $METAMER_BENCH_DATA, or the user's data folder."""
    if own := os.environ.get("METAMER_BENCH_DATA"):
        return Path(own).expanduser()
    return _base("XDG_DATA_HOME", ".local/share", "Library/Application Support") / APP


def default_run_dir(suite: str) -> Path:
    """Return where `bench run` puts a suite's results unless told otherwise."""
    return Path("bench-runs") / suite


def cpu_count() -> int:
    """Return how many processors this process may use (cgroup and affinity respected)."""
    try:
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        usable = os.cpu_count() or 1
    quota = _cgroup_quota()
    return max(1, min(usable, quota) if quota else usable)


def may_have_gpu() -> bool:
    """Return whether it is worth importing torch to look for a GPU."""
    driver = Path("/proc/driver/nvidia/version"), Path("/dev/kfd")  # NVIDIA's and AMD's on Linux
    return sys.platform != "linux" or any(path.exists() for path in driver)


def limit_threads(threads: int) -> None:
    """Let numerical libraries that are loaded from now on use so many threads, unless set."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))


def set_switch(name: str, value: str) -> None:
    """Set another package's switch, unless the user has."""
    os.environ.setdefault(name, value)


def _cgroup_quota() -> int | None:
    """Return the processors that the container's quota allows; None where there is no quota."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return None
