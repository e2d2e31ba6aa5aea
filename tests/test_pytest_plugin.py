"""The pytest plugin for authors of models: which tests it makes, and what it costs the others."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

TOY = """
import bench

def build(weights):
    from torch import nn
    return nn.Sequential(nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 10))

@bench.hookimpl
def bench_register_models(register):
    for name, changes in {
        "mine-a": {},
        "mine-b": {"stages": {"final": "", "conv": "1"}},
        "mine-c": {"requires": {"surely_absent": "surely-absent"}, "family": "others"},
    }.items():
        fields = {"family": "mine", "stages": {"conv": "1", "final": ""}, **changes}
        register(bench.ModelSpec(
            id=name, build=build, input=bench.ImageInput(size_px=32), labels="digits", **fields
        ))
"""
TESTS = """
from bench.testing import check_model

def test_model(bench_model):
    assert check_model(bench_model).problems == []
"""
NAMES = """
def test_name(bench_model):
    print("seen", bench_model.id)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with an installed plugin of three models: a sound one, a bad one, one that needs."""
    pytester.makepyfile(toy_models=TOY, toy_broken="raise ImportError('fell over')")
    facts = pytester.mkdir("toy_models-1.0.dist-info")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-models\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[bench]\ntoy = toy_models\nbroken = toy_broken\n")
    monkeypatch.setenv("PYTHONPATH", str(pytester.path))
    return pytester


def run(project: pytest.Pytester, *words: str) -> pytest.RunResult:
    """Run pytest as a user would, but any warning is an error."""
    return project.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *words)


def test_a_whole_test_is_two_lines(project) -> None:
    project.makepyfile(TESTS)
    result = run(project, "--bench-models", "mine-a,mine-b", "-rs")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_model?mine-b?*", "E *stages are ordered by depth*"])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("mine-b", ["mine-b"]),
        ("MINE-B, mine-a", ["mine-b", "mine-a"]),
        ("family:mine,mine-a", ["mine-a", "mine-b"]),
        ("plugin:toy", ["mine-a", "mine-b"]),
    ],
)
def test_models_are_chosen_by_id_family_and_plugin(project, asked, expected) -> None:
    project.makepyfile(NAMES)
    result = run(project, "--bench-models", asked, "-s", "-q")
    assert re.findall(r"seen (\S+)", result.stdout.str()) == expected
    skipped = 1 if asked == "plugin:toy" else 0  # mine-c, for want of its package
    result.assert_outcomes(passed=len(expected), skipped=skipped)


def test_a_model_without_its_package_is_skipped_with_what_to_install(project) -> None:
    project.makepyfile(NAMES)
    result = run(project, "--bench-models", "family:others", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*mine-c needs pip install surely-absent*"])


def test_the_option_stands_in_for_the_ini_file(project) -> None:
    project.makepyfile(NAMES)
    project.makepyprojecttoml('[tool.pytest.ini_options]\nbench_models = ["mine-a", "mine-b"]\n')
    run(project).assert_outcomes(passed=2)
    run(project, "--bench-models", "mine-b").assert_outcomes(passed=1)
    project.makepyprojecttoml('[tool.pytest.ini_options]\nbench_models = "mine-a mine-b"\n')
    run(project).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("mine-aa", "no model is called 'mine-aa'"),
        ("family:mines", "no model is of the family 'mines' (did you mean mine"),
        ("plugin:toys", "no model is of the plugin 'toys' (did you mean toy"),
        ("plugin:broken", "no model is of the plugin 'broken': ImportError: fell over ("),
    ],
)
def test_an_unknown_name_ends_the_session_with_near_names(project, asked, message) -> None:
    project.makepyfile(NAMES)
    result = run(project, "--bench-models", asked)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.errlines if line.startswith("ERROR: "))
    assert line.startswith(f"ERROR: --bench-models, bench_models: {message}")
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_without_models_the_fixture_says_how_to_choose_them(project) -> None:
    project.makepyfile(NAMES)
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["no models are chosen: set bench_models under *--bench-models"])


def test_it_works_with_xdist(project) -> None:
    project.makepyfile(NAMES)
    run(project, "-n", "2", "--bench-models", "family:mine").assert_outcomes(passed=2)
    result = run(project, "-n", "1", "--bench-models", "family:mines")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *no model is of the family 'mines'*"])


def test_a_project_that_does_not_use_it_pays_nothing(project) -> None:
    project.makepyfile(
        """
        import sys

        def test_light():
            heavy = {"torch", "numpy", "pandas", "pydantic", "pluggy_bench", "bench.plugins"}
            assert not heavy & set(sys.modules)
        """
    )
    run(project).assert_outcomes(passed=1)
    run(project, "-p", "no:metamer-bench").assert_outcomes(passed=1)


def test_importing_it_imports_nothing_but_pytest() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import bench.testing.pytest_plugin;"
        "print(sorted(m for m in set(sys.modules) - before if not m.startswith('importlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['bench', 'bench.testing', 'bench.testing.pytest_plugin']"
