"""Suite and protocol files with numbers that cannot be meant, and text that is no text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cli import main
from bench.errors import BenchError
from bench.suites.suite import read_suite
from bench.synthesis.protocols import Protocol, read_protocol

SUITE = """
id = "own"
title = "{title}"
stimuli = "digits-scenes-test"
label_space = "digits"
limit = {limit}
seed = {seed}
[protocol]
name = "fast"
replace = {{ {replace} }}
[robustness]
eps = {{ linf = [{eps}] }}
[board]
robustness_eps = 0.1
"""
USUAL = {"title": "Own", "limit": "2", "seed": "0", "replace": "", "eps": "0.1"}


def suite_file(folder: Path, **changes: str) -> Path:
    path = folder / "own.toml"
    path.write_text(SUITE.format(**USUAL | changes), encoding="utf-8")
    return path


MISTAKES = [
    ({"limit": "1" * 5000}, "own.toml is not valid TOML"),
    ({"limit": "1" * 4000}, "limit is 111111111111.. (4000 digits)"),
    ({"limit": "9007199254740993"}, "limit is 9007199254740993"),
    ({"limit": "1000000001"}, "limit: Input should be less than or equal to 1000000000"),
    ({"seed": "-" + "9" * 30}, "seed is -99999999999.. (31 digits)"),
    ({"eps": "1e-320"}, "robustness.eps.linf[0] is 1e-320"),
    ({"eps": "1e-9"}, "robustness.eps.linf.0: Input should be greater than or equal to"),
    ({"eps": "nan"}, "robustness.eps.linf[0] is nan: a finite number is wanted"),
    ({"eps": "1e400"}, "robustness.eps.linf[0] is inf"),
    ({"eps": "-0.1"}, "robustness.eps.linf.0: Input should be greater"),
    ({"replace": "steps = 1" + "0" * 49}, "protocol.replace.steps is 100000000000.. (50 digits)"),
    ({"replace": "step_size = 1e-320"}, "protocol.replace.step_size is 1e-320"),
    ({"title": "\\u001b[2J"}, "title: Value error, control characters have no place here"),
    ({"title": "\\u202eknaB"}, "title: Value error, control characters have no place here"),
    ({"title": "two\\nlines"}, "title: Value error, control characters have no place here"),
    ({"limit": "[" * 3000 + "]" * 3000}, "own.toml is not valid TOML"),
]


@pytest.mark.parametrize(("changes", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_what_cannot_be_meant_is_named_in_a_line(
    changes: dict[str, str], said: str, tmp_path: Path
) -> None:
    assert read_suite(suite_file(tmp_path)).limit == 2  # right as it is
    with pytest.raises(BenchError) as caught:
        read_suite(suite_file(tmp_path, **changes))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = suite_file(tmp_path, title="Ünïcödé 猫")
    path.write_bytes(path.read_bytes().decode().encode("utf-8-sig"))
    assert read_suite(path).title == "Ünïcödé 猫"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("steps = 1" + "0" * 49, "steps is 100000000000.. (50 digits)"),
        ("steps = 1000000001", "at most 1e+09 steps in all"),
        ("step_size = 1e-320", "step_size is 1e-320"),
        ("step_size = 1e-13", "step_size must be > 0 and usable"),
        ("step_size = nan", "step_size is nan"),
        ("step_decay = 1e9", "step_decay 1e-12 to 1000"),
        ("steps = " + "7" * 5000, "p.toml is not valid TOML"),
    ],
)
def test_protocol_files_are_read_alike(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f'base = "fast"\n{line}\n')
    with pytest.raises(BenchError) as caught:
        read_protocol(path)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("change", [{"steps": 10**49}, {"step_size": float("nan")}])
def test_so_are_changes_by_hand(change: dict[str, float]) -> None:
    with pytest.raises(BenchError):
        Protocol.named("fast").replace(**change)


@pytest.mark.parametrize(
    "arguments", [["--steps", "1" + "0" * 49], ["--seed", "9" * 40], ["--limit", "9" * 5000]]
)
def test_so_are_options(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", "--dry-run", "--out", str(tmp_path / "run"), *arguments])
    assert left.value.code == 2
    _, err = capsys.readouterr()
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
