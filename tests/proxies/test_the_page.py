"""What docs/proxies.md shows runs and says what it says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bench.plugins import installed
from bench.suites.suite import AlignmentMeasure


def test_the_snippets_run(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (repository / "docs" / "proxies.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(code, "docs/proxies.md", "exec"), {})
    assert capsys.readouterr().out.split()[0] == "1.0"
    (toml,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    AlignmentMeasure.model_validate(tomllib.loads(toml)["alignment"])


def test_every_distance_is_on_the_page(repository: Path) -> None:
    page = (repository / "docs" / "proxies.md").read_text("utf-8")
    assert [metric.id for metric in installed().metrics if f"`{metric.id}`" not in page] == []
