"""Brain-Score's vision library, without its habit of installing packages by itself.

When a model or benchmark is loaded, the library runs ``pip install`` on that plugin's requirements,
into the running environment, unless the environment variable BS_INSTALL_DEPENDENCIES says no.
"""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

from bench import config
from bench.errors import BenchError

INSTALL_SWITCH = "BS_INSTALL_DEPENDENCIES"


def import_brainscore() -> ModuleType:
    """Import and return ``brainscore_vision``; it will install nothing, unless the user chose so.

    Raises
    ------
    BenchError
        Where it, or what it needs, is not installed.
    """
    # The library reads the switch at every load, in this process and in those it starts.
    config.set_switch(INSTALL_SWITCH, "no")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notices for its authors, nothing a user can act on
            return importlib.import_module("brainscore_vision")
    except ModuleNotFoundError as error:
        raise BenchError(
            "brainscore_vision cannot be imported",
            why=f"no module named {error.name!r}",
            fix='pip install "metamer-bench[brainscore]"',
        ) from error
