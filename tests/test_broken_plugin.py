"""A broken plugin is named with its reason; everything else works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bench.errors import UnknownName
from bench.plugins import Plugins

GOOD = """
import bench
def build(weights):
    raise AssertionError("registering must not build")
@bench.hookimpl
def bench_register_models(register):
    register(bench.ModelSpec(id="NAME", family="f", build=build, labels="digits",
        input=bench.ImageInput(size_px=8), stages={"out": ""}))
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plugins]:
    """Load plugins from source texts, in order."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**sources: str) -> Plugins:
        found = []
        for name, text in sources.items():
            (tmp_path / f"plug_{name}.py").write_text(text)
            found.append(EntryPoint(name, f"plug_{name}", "bench"))
        return Plugins(found)

    yield make
    for name in [n for n in sys.modules if n.startswith("plug_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import surely_absent_package", "ModuleNotFoundError: No module named 'surely_absent"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("x = 1 / 0", "ZeroDivisionError: division by zero"),
        (GOOD + "    raise OSError('after the first model')\n", "OSError: after the first model"),
    ],
)
def test_one_that_fails_harms_no_other(load, text: str, reason: str) -> None:
    plugins = load(bad=text.replace("NAME", "half"), good=GOOD.replace("NAME", "fine"))
    assert plugins.model("fine").family == "f"
    assert plugins.reports["bad"].reason.startswith(reason.split(":", maxsplit=1)[0])
    assert reason in plugins.reports["bad"].reason
    assert [r.name for r in plugins.broken] == ["bad"]
    with pytest.raises(UnknownName, match=r"plugin 'bad' did not load"):
        plugins.model("missing-model")


def test_what_was_registered_before_a_failure_stays(load) -> None:
    plugins = load(bad=GOOD.replace("NAME", "half") + "    raise OSError('late')\n")
    assert plugins.model("half").id == "half"


def test_a_duplicate_id_is_refused_and_named(load) -> None:
    plugins = load(one=GOOD.replace("NAME", "same"), two=GOOD.replace("NAME", "SAME"))
    assert plugins.models.origin("same") == "one"
    (problem,) = plugins.reports["two"].problems
    assert "'SAME' of plugin 'two' is already registered as 'same' by plugin 'one'" in problem


def test_something_that_is_no_model_is_refused(load) -> None:
    text = (
        "import bench\n@bench.hookimpl\ndef bench_register_models(register):\n"
        "    register('resnet')"
    )
    assert load(odd=text).reports["odd"].problems == ["register() wants a ModelSpec, was given str"]


def test_a_wrong_hook_signature_is_a_reason(load) -> None:
    text = "import bench\n@bench.hookimpl\ndef bench_register_models(rgister): pass\n"
    assert "rgister" in load(odd=text).reports["odd"].reason


def test_a_wrong_suite_file_is_named(load, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('id = "s"\ntitle = 3\n')
    text = (
        "import bench, pathlib\n@bench.hookimpl\ndef bench_register_suites(register):\n"
        f"    register(pathlib.Path({str(tmp_path / 's.toml')!r}))"
    )
    (problem,) = load(odd=text).reports["odd"].problems
    assert "s.toml" in problem
    assert "title" in problem


def test_the_command_line_shows_it_and_goes_on(tmp_path: Path) -> None:
    """As a user meets it: a real distribution on the path whose plugin cannot be imported."""
    info = tmp_path / "bench_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench]\nbroken = bench_broken\n")
    (tmp_path / "bench_broken.py").write_text("import surely_absent_package\n")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bench", *words], env=env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    listed = call("plugins", "list", "--json")
    assert listed.returncode == 0
    rows = {row["plugin"]: row for row in json.loads(listed.stdout)}
    assert rows["broken"]["state"] == "broken"
    assert "surely_absent_package" in rows["broken"]["reason"]
    assert rows["broken"]["where"].endswith("bench_broken.py:1")
    assert rows["digits"]["state"] == "ok"
    assert "digits-vit" in call("models", "list").stdout
    asked = call("models", "show", "from-the-broken-one")
    assert asked.returncode == 2
    assert "plugin 'broken' did not load: ModuleNotFoundError" in asked.stderr
    assert "Traceback" not in asked.stderr
