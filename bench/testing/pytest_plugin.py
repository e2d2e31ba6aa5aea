"""The fixture ``bench_model`` for the tests of plugin authors: a test is made of each chosen model.

pytest loads this module in every project beside which the bench is installed. There it does
nothing: the bench's plugins are looked up only where models are chosen, and torch is left to the
tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bench.plugins import Plugins
    from bench.spec import ModelSpec

FIXTURE = "bench_model"
INI = "bench_models"
OPTION = "--bench-models"
CHOSEN = pytest.StashKey["tuple[ModelSpec, ...]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and its counterpart in the ini file."""
    what = f"models to make tests of, for the fixture {FIXTURE}"
    parser.getgroup("metamer-bench").addoption(
        OPTION, metavar="A,B|family:NAME|plugin:NAME|all", help=f"{what} (instead of {INI})"
    )
    parser.addini(INI, f"{what}: ids, family:NAME, plugin:NAME or all", type="args", default=[])


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist starts its workers
def pytest_sessionstart(session: pytest.Session) -> None:
    """Look up the models; a name that is unknown ends the session before it collects."""
    config = session.config
    option = config.getoption(OPTION)
    asked: list[str] = config.getini(INI) if option is None else [option]
    names = [name.strip() for text in asked for name in text.split(",") if name.strip()]
    if names:
        config.stash[CHOSEN] = _chosen(names)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each chosen model."""
    specs = metafunc.config.stash.get(CHOSEN, None)
    if FIXTURE in metafunc.fixturenames and specs is not None:
        ids = [spec.id for spec in specs]
        metafunc.parametrize(FIXTURE, specs, indirect=True, ids=ids, scope="session")


@pytest.fixture(scope="session")
def bench_model(request: pytest.FixtureRequest) -> ModelSpec:
    """Each model (bench.ModelSpec) that bench_models or --bench-models chooses, one a test.

    A model whose package is not installed is skipped.
    """
    if not hasattr(request, "param"):
        pytest.fail(
            f"no models are chosen: set {INI} under [tool.pytest.ini_options], or give {OPTION}",
            pytrace=False,
        )
    spec: ModelSpec = request.param
    if missing := spec.missing_packages():
        pytest.skip(f"{spec.id} needs pip install {' '.join(missing)}")
    return spec


def _chosen(names: list[str]) -> tuple[ModelSpec, ...]:
    from bench.errors import BenchError
    from bench.plugins import installed

    plugins = installed()
    try:
        specs = {spec.id: spec for name in names for spec in _named(plugins, name)}
    except BenchError as error:
        raise pytest.UsageError(f"{OPTION}, {INI}: {error}") from None
    return tuple(specs.values())


def _named(plugins: Plugins, name: str) -> list[ModelSpec]:
    from bench.errors import UnknownName
    from bench.registry import near_names

    kind, _, group = name.partition(":")
    if kind not in ("family", "plugin"):
        return list(plugins.models) if name == "all" else [plugins.model(name)]
    groups = {
        spec.id: spec.family if kind == "family" else plugins.models.origin(spec.id)
        for spec in plugins.models
    }
    if found := [spec for spec in plugins.models if groups[spec.id] == group]:
        return found
    near = near_names(group, set(groups.values()))
    broken = plugins.reports.get(group) if kind == "plugin" else None
    raise UnknownName(
        f"no model is of the {kind} {group!r}",
        why="" if broken is None else "; ".join([broken.reason, *broken.problems]).strip("; "),
        fix=f"did you mean {', '.join(near)}?" if near else "see `bench models list`",
    )
