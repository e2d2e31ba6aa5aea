"""The extra `brainscore`: its loader must not install packages by itself."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pandas as pd
import pytest

from bench.compat.brainscore import INSTALL_SWITCH, import_brainscore
from bench.errors import BenchError

pytestmark = pytest.mark.extra("brainscore")


@pytest.fixture
def installs(monkeypatch):
    """Commands that the library would have run."""
    commands = []
    stand_in = SimpleNamespace(run=lambda command, **_: commands.append(command), PIPE=None)
    import_brainscore()
    monkeypatch.setattr("brainscore_core.plugin_management.import_plugin.subprocess", stand_in)
    return commands


def test_loading_a_plugin_installs_nothing(monkeypatch, installs):
    monkeypatch.delenv(INSTALL_SWITCH, raising=False)
    import_brainscore().load_metric("rdm")
    assert installs == []


def test_a_user_may_choose_otherwise(monkeypatch, installs):
    monkeypatch.setenv(INSTALL_SWITCH, "yes")
    import_brainscore().load_metric("rdm")
    assert len(installs) == 1
    assert installs[0].startswith("pip install")


def test_tables_are_written_beside_its_old_numpy(tmp_path):
    table = pd.DataFrame({"id": ["a", "b"], "loss": [0.5, 1.5]})
    table.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "table.parquet"), table)


def test_without_it_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "brainscore_vision", None)
    with pytest.raises(BenchError, match=r"pip install .metamer-bench\[brainscore\]"):
        import_brainscore()
