"""`bench models`: what is listed, what is folded, what is checked and what is left out."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from bench.cli import bench


def call(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(bench, ["models", *words])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def listed() -> dict[str, dict]:
    code, out, _ = call("list", "--json")
    assert code == 0
    return {row["model"]: row for row in json.loads(out)}


def test_a_row_says_what_a_model_is_and_what_it_needs(listed) -> None:
    row = listed["resnet50"]
    assert (row["family"], row["modality"], row["stages"]) == ("torchvision", "image", 7)
    assert (row["parameters"], row["license"]) == (25_557_032, "BSD-3-Clause")
    assert row["available"] == "weights are fetched"
    assert listed["digits-vit"]["available"] == "yes"
    assert listed["hmax_standard"]["available"] == "weights from an archive"


def test_people_see_large_families_folded_and_machines_all(listed) -> None:
    zoo = [name for name in listed if name.startswith("robustbench:")]
    assert len(zoo) == 156
    _, out, _ = call("list")
    assert "and robustbench:NAME, 156 models" in out
    assert out.count("robustbench:") == 1
    assert "resnet101" in out
    assert "44.55 M" in out
    _, out, _ = call("list", "--family", "robustbench")
    assert all(name in out for name in zoo)


def test_many_are_checked_with_progress_and_a_line_each() -> None:
    code, out, err = call("check", "digits-hmax", "digits-vit", "--weights", "none")
    said = ["digits-hmax: ok (random weights)", "digits-vit: ok (random weights)"]
    assert (code, out.splitlines()) == (0, said)
    assert "[2/2] digits-vit" in err
    assert "2 checked, 0 failed" in err


def test_what_is_not_installed_is_left_out_unless_asked_for_by_name(monkeypatch) -> None:
    from bench.spec import ModelSpec

    needs = {"digits-vit": ["metamer-bench[x]"]}
    monkeypatch.setattr(ModelSpec, "missing_packages", lambda spec: needs.get(spec.id, []))
    code, out, err = call("check", "family:digits-vit", "digits-hmax", "--weights", "none")
    assert (code, "digits-vit" in out) == (0, False)
    assert "not checked, for want of `pip install metamer-bench[x]`: digits-vit" in err
    _, out, _ = call("check", "digits-vit", "--weights", "none")
    assert "digits-vit: " in out


def test_machines_get_one_document() -> None:
    _, out, _ = call("check", "digits-hmax", "digits-vit", "--weights", "none", "--json")
    assert [found["model"] for found in json.loads(out)] == ["digits-hmax", "digits-vit"]
    _, out, _ = call("check", "digits-vit", "--weights", "none", "--json")
    assert json.loads(out)["problems"] == []


def test_own_weights_are_checked_where_they_are_at_hand(monkeypatch, tmp_path) -> None:
    """`bench models check all` downloads nothing."""
    monkeypatch.setenv("METAMER_BENCH_CACHE", str(tmp_path))
    from bench.models import download

    asked = []

    def fetch(url, part):
        asked.append(url)
        raise OSError("no network")

    monkeypatch.setattr(download, "_fetch_whole", fetch)
    code, out, _ = call("check", "digits-vit", "alexnet")
    assert (code, out.splitlines()) == (0, ["digits-vit: ok", "alexnet: ok (random weights)"])
    assert asked == []
    code, out, _ = call("check", "alexnet", "--weights", "default")
    assert code == 1
    assert "its file could not be fetched" in out
