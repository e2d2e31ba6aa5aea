"""Help and listings answer quickly because they import nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "timm", "sklearn", "matplotlib", "scipy", "pandas", "piq")
CODE = """
import sys
from bench.cli import main
try:
    main({words!r})
except SystemExit as leave:
    assert not leave.code, leave.code
heavy = [name for name in {heavy!r} if name in sys.modules]
assert not heavy, heavy
"""


PLAN = """
import sys
from pathlib import Path
from bench.plugins import installed
from bench.runner.run import prospect
from bench.tasks.task import RunSettings
plugins = installed()
suite = plugins.suites.get("digits")
assert prospect(plugins, RunSettings(root=Path("never-made"), suite=suite), None).todo
assert "torch" not in sys.modules
"""


def test_planning_a_run_does_not_import_torch() -> None:
    """The process that leads a run stays small, and a finished run is checked in seconds."""
    done = subprocess.run([sys.executable, "-c", PLAN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["plugins", "list"],
        ["plugins", "list", "--json"],
        ["models", "list"],
        ["models", "list", "--json"],
        ["models", "show", "digits-vit"],
        ["suites", "list", "--json"],
        ["suites", "show", "digits"],
        ["stimuli", "list"],
        ["tasks", "list", "--json"],
        ["attacks", "list", "--json"],
        ["metrics", "list", "--json"],
        ["protocols", "list", "--json"],
        ["labels", "list", "--json"],
        ["humans", "experiment", "--help"],
    ],
    ids=" ".join,
)
def test_it_imports_nothing_heavy(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(words=words, heavy=HEAVY)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
