"""What is installed is the whole program: its packages, data, extras; and versions agree."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import bench

SOURCES = {"bench": "bench", "bench_plugins": "plugins"}
FOR_DEVELOPERS = {"benchmarks", "test"}
ON_ITS_OWN = {"brainscore"}  # asks for releases of others that are years old


@pytest.fixture(scope="module")
def pyproject(repository: Path) -> dict:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


def sources(repository: Path) -> dict[str, Path]:
    """Every file of the program, by the name that it has once installed."""
    return {
        f"{package}/{path.relative_to(repository / folder).as_posix()}": path
        for package, folder in SOURCES.items()
        for path in (repository / folder).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not any(part.startswith(".") for part in path.relative_to(repository).parts)
    }


def test_every_package_is_listed(repository, pyproject):
    found = {
        name.removesuffix("/__init__.py").replace("/", ".")
        for name in sources(repository)
        if name.endswith("/__init__.py")
    }
    assert sorted(found) == sorted(pyproject["tool"]["setuptools"]["packages"])


def test_every_module_is_in_a_package(repository):
    files = sources(repository)
    modules = [name for name in files if name.endswith(".py")]
    assert [m for m in modules if f"{m.rsplit('/', 1)[0]}/__init__.py" not in files] == []


def test_the_installed_distribution_holds_every_file(repository):
    installed = distribution("metamer-bench")
    if not _is_from_wheel(installed):
        pytest.skip("run from the source tree, so no file was copied; tox installs a wheel")
    shipped = {str(path.as_posix()) for path in installed.files or []}
    assert sorted(set(sources(repository)) - shipped) == []


def _is_from_wheel(installed: Distribution) -> bool:
    url = json.loads(installed.read_text("direct_url.json") or "{}")
    editable = url.get("dir_info", {}).get("editable", False)
    return installed.read_text("WHEEL") is not None and not editable


def test_all_means_every_extra_that_users_need(pyproject):
    extras = pyproject["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    named = re.fullmatch(r"metamer-bench\[(.+)\]", everything)[1].split(",")
    assert sorted(named) == sorted(set(extras) - FOR_DEVELOPERS - ON_ITS_OWN - {"all"})


def test_constraints_hold_what_all_asks_for(pyproject, repository):
    """One release each of the core's packages and of every extra's in `all`, that fits."""
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    extras = pyproject["project"]["optional-dependencies"]
    asked = list(pyproject["project"]["dependencies"])
    for name in set(extras) - FOR_DEVELOPERS - ON_ITS_OWN - {"all"}:
        asked += extras[name]
    for requirement in map(Requirement, asked):
        pinned = pins[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(pinned), requirement


def test_every_plugin_that_is_named_exists(pyproject, repository):
    for module in pyproject["project"]["entry-points"]["bench"].values():
        path = repository / "plugins" / module.removeprefix("bench_plugins.").replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_the_versions_agree(pyproject, repository):
    version = pyproject["project"]["version"]
    citation = (repository / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert bench.__version__ == version
    assert distribution("metamer-bench").version == version
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == version
    assert re.search(r"^## \[([^]]+)\]", changelog, re.MULTILINE)[1] == version
