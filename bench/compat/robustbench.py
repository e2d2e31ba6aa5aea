"""RobustBench 1.1.1, importable as published.

Two breaks are mended. It imports ``autoattack``, while the distribution that it depends on,
``pyautoattack``, installs the same modules as ``pyautoattack``: they are made known under both
names, unless the original ``autoattack`` is installed. It imports ``pkg_resources``, which the
extra ``robustbench`` provides by asking for setuptools<81; the notices that this and its use of old
timm names bring are silenced.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from importlib.util import find_spec
from types import ModuleType

from bench.errors import BenchError


def import_robustbench() -> ModuleType:
    """Import and return ``robustbench``.

    Raises
    ------
    BenchError
        Where it, or what it needs, is not installed.
    """
    _alias_autoattack()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notices for its authors, nothing a user can act on
            return importlib.import_module("robustbench")
    except ModuleNotFoundError as error:
        raise BenchError(
            "robustbench cannot be imported",
            why=f"no module named {error.name!r}",
            fix='pip install "metamer-bench[robustbench]"',
        ) from error


def _alias_autoattack() -> None:
    """Make the modules of ``pyautoattack`` known as ``autoattack`` where only the former exists."""
    if find_spec("autoattack") or not find_spec("pyautoattack"):
        return
    importlib.import_module("pyautoattack")
    # The submodules too, or `import autoattack.state` would make a second copy of each class.
    for name in [name for name in sys.modules if name.split(".")[0] == "pyautoattack"]:
        sys.modules.setdefault(name.removeprefix("py"), sys.modules[name])
