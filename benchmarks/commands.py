"""How long the commands take that a newcomer meets, and how much memory the embedded run needs.

    python benchmarks/commands.py

Wall seconds hang on the machine and on what else it does; the last column, a ratio to importing
torch in the same minutes, hangs less on it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

REPETITIONS = 3
POLL_SECONDS = 0.2


def main() -> None:
    """Time every command and print a table."""
    bench = [sys.executable, "-m", "bench"]
    with tempfile.TemporaryDirectory() as folder:
        run = [*bench, "run", "--device", "cpu", "--out", str(Path(folder) / "run")]
        torch = best([sys.executable, "-c", "import torch"])
        rows = [("import torch", torch, 0.0)]
        rows += [(" ".join(w), best([*bench, *w]), 0.0) for w in (["--help"], ["models", "list"])]
        seconds, peak = timed(run)
        rows.append(("run (embedded suite)", seconds, peak))
        rows.append(("run again (finished)", best(run), 0.0))
    print(f"{'command':<24}{'seconds':>9}{'peak MB':>9}{'x import torch':>16}")
    for name, seconds, peak in rows:
        memory = f"{peak:.0f}" if peak else "-"
        print(f"{name:<24}{seconds:>9.2f}{memory:>9}{seconds / torch:>16.2f}")


def best(command: list[str]) -> float:
    """Return the least wall seconds of several calls."""
    return min(timed(command)[0] for _ in range(REPETITIONS))


def timed(command: list[str]) -> tuple[float, float]:
    """Return wall seconds and the peak memory in MB of a command and all its children together."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak))
    watcher.start()
    code = process.wait()
    seconds = time.perf_counter() - start
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} failed with exit code {code}")
    return seconds, peak[0]


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], _tree_mb(process.pid))
        time.sleep(POLL_SECONDS)


def _tree_mb(root: int) -> float:
    """Return the proportional memory of a process and its descendants (Linux; 0 elsewhere)."""
    total, todo = 0.0, [root]
    while todo:
        pid = todo.pop()
        try:
            total += _pss_mb(Path(f"/proc/{pid}/smaps_rollup"))
            for thread in Path(f"/proc/{pid}/task").iterdir():
                children = (thread / "children").read_text()
                todo += [int(child) for child in children.split()]
        except OSError:  # it ended meanwhile, or there is no /proc
            continue
    return total


def _pss_mb(file: Path) -> float:
    lines = file.read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


if __name__ == "__main__":
    main()
