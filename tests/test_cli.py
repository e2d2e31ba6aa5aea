"""Mistakes at the command line: one line, exit code 2, no traceback."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bench.cli import main


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]):
    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leave:
            main(list(words))
        return (int(leave.value.code or 0), *capfd.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rnu"], "Did you mean run?"),
        (["run", "--suite", "digit"], "no suite is called 'digit' (did you mean digits?)"),
        (["run", "--models", "digits-vti"], "no model is called 'digits-vti'"),
        (["run", "--stages", "conv33"], "no model of this run has a stage 'conv33'"),
        (["run", "--device", "cuda:99"], "device 'cuda:99' cannot be used"),
        (["run", "--device", "quantum"], "device 'quantum' cannot be used"),
        (["run", "--data", "nowhere"], "--data nowhere is not a directory"),
        (["run", "--shard", "3"], "not of the form I/N"),
        (["run", "--shard", "9/3"], "shard 9/3 does not exist"),
        (["run", "--protocol", "feather"], "no protocol is called 'feather'"),
        (["run", "--limit", "0"], "--limit"),
        (["run", "--suite", "missing.toml"], "missing.toml cannot be read"),
        (["status", "nowhere"], "nowhere is not a run directory"),
        (["report", "nowhere"], "nowhere is not a run directory"),
        (["verify", "nowhere"], "nowhere is not a run directory"),
        (["publish", "nowhere"], "nowhere is not a run directory"),
        (["leaderboard", "show", "x", "--results", "nowhere"], "nowhere is not a directory"),
        (["models", "show", "nothing-like-it"], "no model is called"),
        (["models", "check", "digits-standard-seed9"], "did you mean digits-standard-seed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line(call, tmp_path, monkeypatch, words, message) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("run.json"))


def test_an_unwritable_directory_is_named(call, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = call("run", "--out", str(tmp_path / "file" / "deeper"), "--limit", "1")
    assert code == 2
    assert "cannot be written" in err


def test_what_failed_is_an_exit_code(call, tmp_path) -> None:
    (tmp_path / "results").mkdir()
    folders = ("--results", str(tmp_path / "results"), "--leaderboards", str(tmp_path))
    code, _, err = call("leaderboard", "check", *folders)
    assert code == 1
    assert "schema.json is not the schema of this version" in err


def test_listings_are_json_for_machines(call) -> None:
    for words in (["models", "list"], ["plugins", "list"], ["suites", "list"], ["stimuli", "list"]):
        code, out, _ = call(*words, "--json")
        assert code == 0
        assert isinstance(json.loads(out)[0], dict)


def test_every_command_shows_help() -> None:
    from bench.cli import COMMANDS, bench

    runner = CliRunner()
    for name in COMMANDS:
        done = runner.invoke(bench, [name, "--help"])
        assert done.exit_code == 0, name
        assert "Usage:" in done.output


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (["run", "--steps", "x"], "'x' is not a valid integer"),
        (["run", "--nosuch"], "No such option"),
        (["run", "--workers", "2", "--dask", "tcp://here:1"], "exclude each other"),
        (["merge"], "Missing argument"),
        (["humans", "imprt"], "No such command"),
        (["rnu"], "Did you mean run?"),
    ],
)
def test_a_wrong_call_is_one_line(call, said, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(call)
    out, err = capsys.readouterr()
    assert left.value.code == 2
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
    assert "--help" in err
