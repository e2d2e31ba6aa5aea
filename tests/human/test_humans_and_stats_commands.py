"""`bench humans` and `bench stats` from the command line, on invented data in the true layout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.cli import main
from bench.human import feather2023
from bench.human.sources import import_published
from bench.human.spec import HumanDataSpec
from bench.plugins import Plugins

pytest.importorskip("pingouin", reason='needs pip install "metamer-bench[stats]"')


class Shell:
    """Runs `bench` and returns what it prints."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *args: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main(list(args))
        assert caught.value.code == 0
        return self.capsys.readouterr().out

    def json(self, *args: str) -> Any:
        return json.loads(self(*args, "--json"))

    def fails(self, *args: str) -> str:
        with pytest.raises(SystemExit) as caught:
            main(list(args))
        assert caught.value.code == 2
        error = self.capsys.readouterr().err
        assert error.startswith("bench: ")
        assert error.count("\n") == 1
        return error


@pytest.fixture
def bench(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.setenv("METAMER_BENCH_DATA", str(tmp_path / "data"))
    return Shell(capsys)


@pytest.fixture(scope="session")
def imported_once(pristine_clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported")
    import_published("feather2023", pristine_clone, folder / "human")
    return folder


@pytest.fixture
def imported(
    capsys: pytest.CaptureFixture[str], imported_once: Path, monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.setenv("METAMER_BENCH_DATA", str(imported_once))
    return Shell(capsys)


def test_import_list_show(bench: Shell, pristine_clone: Path) -> None:
    assert "nothing imported" in bench("humans", "list")
    first = bench.json("humans", "import", "feather2023", str(pristine_clone))
    assert first["participants"] == 308
    assert first == bench.json("humans", "import", "feather2023", str(pristine_clone))
    (row,) = bench.json("humans", "list")
    assert (row["data"], row["experiments"], row["models"]) == ("feather2023", 15, 48)
    shown = bench.json("humans", "show", "feather2023")["shown"]
    assert len(shown) == 59
    assert {"modality": "vision", "experiment": "vision-1", "model": "vgg_19"} | {
        "participants": 22,
        "stages": 10,
    } in shown
    assert "vgg_19" in bench("humans", "show", "feather2023")
    assert "no human data set 'other'" in bench.fails("humans", "show", "other")


def test_the_observer_table_has_the_papers_rows_and_degrees_of_freedom(imported: Shell) -> None:
    rows = imported.json("stats", "observer", "--permutations", "50", "--seed", "3")
    main_effects = [row for row in rows if row["effect"] == "observer"]
    assert len(main_effects) == 12
    clip = next(
        row
        for row in rows
        if row["models"] == "CLIP_resnet50" and row["effect"] == "observer * stage"
    )
    assert (clip["df1"], clip["df2"], clip["n"], clip["left_out"]) == (6, 240, 42, "final")
    assert (clip["n_permutations"], clip["seed"], clip["counted"]) == (50, 3, ">=")
    assert clip["rule"] == "phipson2010"
    assert "mixed ANOVA" in clip["method"]
    stage = next(row for row in rows if row["effect"] == "stage")
    assert stage["p_permutation"] is None  # not tested in the paper; no NaN in JSON
    text = imported("stats", "observer", "cornet_s", "--permutations", "50")
    assert "F(1,42)=" in text
    assert "permutations: 50, seed 0" in text
    assert "rule phipson2010: p is (1 + count) / (1 + permutations)" in text
    papers = imported(
        "stats", "observer", "cornet_s", "--permutations", "50", "--rule", "feather2023"
    )
    assert "rule feather2023: p is count / permutations, never below" in papers


def test_stages_may_be_kept_or_left_out(imported: Shell) -> None:
    few = ("--permutations", "5")
    (left_out,) = imported.json("stats", "stages", "hmax_standard", *few)
    assert (left_out["df1"], left_out["left_out"]) == (4, "final")
    (kept,) = imported.json("stats", "stages", "hmax_standard", "--all-stages", *few)
    assert (kept["df1"], kept["left_out"]) == (5, "")
    (fewer,) = imported.json("stats", "stages", "hmax_standard", "--leave-out", "natural", *few)
    assert (fewer["df1"], fewer["left_out"]) == (4, "natural")
    assert "no stage 'fnal' to leave out" in imported.fails(
        "stats", "stages", "hmax_standard", "--leave-out", "fnal"
    )


def test_models_are_compared_in_every_experiment_that_showed_both(imported: Shell) -> None:
    pair = ("cochresnet50_l2_1_robust_waveform", "cochresnet50")
    rows = imported.json("stats", "models", *pair, "--permutations", "5")
    assert {row["experiment"] for row in rows} == {"audio-3", "audio-5"}
    one = imported.json("stats", "models", *pair, "--experiment", "audio-3", "--permutations", "5")
    assert one == [row for row in rows if row["experiment"] == "audio-3"]
    assert [row["effect"] for row in one] == ["stage", "model", "stage * model"]
    assert [(row["df1"], row["df2"]) for row in one] == [(8, 152), (1, 19), (8, 152)]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("observer", "cornet"), "no human data of model 'cornet' (did you mean cornet_s"),
        (("observer", "cornet_s", "--experiment", "x"), "experiments that do: vision-1"),
        (("models", "alexnet"), "two or more different models"),
        (("models", "alexnet", "resnet50"), "have different stages"),
        (("models", "alexnet", "hmax_standard"), "no experiment showed"),
        (("correlation",), "has no recognition by other models"),
        (("recognition", "alexnet", "--data", "nowhere"), "no human data set 'nowhere'"),
    ],
)
def test_a_mistake_is_one_line(args: tuple[str, ...], said: str, imported: Shell) -> None:
    assert said in imported.fails("stats", *args)


def test_correlation_with_a_file_of_recognition(imported: Shell, tmp_path: Path) -> None:
    table = feather2023.read_recognition(recognition_file(imported, tmp_path))
    assert len(table) == 2 * 5
    (row,) = imported.json(
        "stats", "correlation", "--recognition", str(tmp_path / "r.csv"), "--resamples", "10"
    )
    # the other models' share is, by construction, a falling line of human means: r = -1
    assert row["r2"] == pytest.approx(1.0)
    assert row["rho"] == pytest.approx(-1.0)
    assert (row["modality"], row["n"], row["n_models"], row["seed"]) == ("vision", 5, 1, 0)
    text = imported(
        "stats", "correlation", "--recognition", str(tmp_path / "r.csv"), "--resamples", "10"
    )
    assert "1 of the paper's 29 models" in text


def recognition_file(shell: Shell, tmp_path: Path) -> Path:
    """Write recognition of CORnet-S's metamers by itself and another: falling with the humans'."""
    curve = shell.json("stats", "recognition", "cornet_s", "--resamples", "5")
    rows = []
    for stage in curve[1:]:
        wrong = round((1 - stage["mean"]) * 10**9)
        for model, n_correct in (("cornet_s", 1), ("vgg_19", wrong)):
            rows.append(("vision", "cornet_s", stage["stage"], stage["stage_index"], model, 10**9))
            rows[-1] += (n_correct,)
    path = tmp_path / "r.csv"
    pd.DataFrame(rows, columns=feather2023.NETWORK_COLUMNS).to_csv(path, index=False)
    return path


def test_recognition_and_reliability_say_n_method_and_seed(imported: Shell) -> None:
    rows = imported.json("stats", "recognition", "resnet50", "--resamples", "20", "--seed", "2")
    assert len(rows) == 4 * 8  # four experiments showed it, with eight stages
    assert {row["n"] for row in rows} == {20, 21, 22}
    assert all(row["low"] <= row["mean"] <= row["high"] for row in rows)
    assert {(row["seed"], row["n_resamples"]) for row in rows} == {(2, 20)}
    rows = imported.json("stats", "reliability", "--splits", "20")
    assert [row["modality"] for row in rows] == ["vision", "audio"]
    assert [row["n"] for row in rows] == [188, 120]
    assert all("Spearman-Brown" in row["method"] for row in rows)


def test_raw_trials_are_imported_and_analysed(bench: Shell, tmp_path: Path) -> None:
    rows = [
        f"{who},net,{stage},{int((who + i) % 3 > 0)}"
        for who in range(6)
        for stage in ("natural", "a", "b")
        for i in range(3 if stage == "a" else 4)
    ]
    path = tmp_path / "pilot.csv"
    path.write_text("worker,model,layer,correct\n" + "\n".join(rows) + "\n")
    options = ["--column", "participant=worker", "--modality", "vision", "--experiment", "1"]
    options += ["--stage-order", "a,b", "--choices", "16"]
    found = bench.json("humans", "import", "trials", str(path), *options)
    assert (found["name"], found["participants"]) == ("pilot", 6)
    assert found["chance"] == {"vision": 0.0625}
    (row,) = bench.json("stats", "stages", "--data", "pilot", "--permutations", "10")
    assert (row["models"], row["df1"], row["df2"]) == ("net", 2, 10)
    for bad, said in (
        (["--column", "worker"], "--column 'worker' has no '='"),
        (["--exclude", "catch=often"], "'often' is not a number"),
        (["--exclude", "catch=0.5"], "no trial is of phase 'catch'"),
        (["--name", "feather2023"], "is taken by a published data set"),
    ):
        assert said in bench.fails("humans", "import", "trials", str(path), *options, *bad)


def test_a_table_is_imported(bench: Shell, tidy: pd.DataFrame, tmp_path: Path) -> None:
    tidy.to_csv(tmp_path / "own.csv", index=False)
    assert bench.json("humans", "import", "table", str(tmp_path / "own.csv"))["name"] == "own"
    rows = bench.json("stats", "observer", "--data", "own", "--permutations", "10")
    assert [row["models"] for row in rows if row["effect"] == "observer"] == ["a", "b"]


def test_an_importer_that_no_plugin_has_is_refused(bench: Shell, tmp_path: Path) -> None:
    error = bench.fails("humans", "import", "published", "nolab", str(tmp_path))
    assert "no human data set is called 'nolab'" in error


def test_an_importer_of_a_plugin_is_used(
    bench: Shell, tidy: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(path: Path) -> pd.DataFrame:
        assert path == tmp_path
        return tidy

    plugins = Plugins([])
    plugins.human_data.add(
        HumanDataSpec(id="mylab2025", load=load, chance={"vision": 0.1}, reference="Lab"), "mylab"
    )
    monkeypatch.setattr("bench.plugins.installed", lambda: plugins)
    found = bench.json("humans", "import", "published", "mylab2025", str(tmp_path))
    assert (found["name"], found["reference"]) == ("mylab2025", "Lab")
    assert found["chance"] == {"vision": 0.1}
    assert found["tables"]["proportions"].startswith("48 rows")


def test_help_loads_no_library() -> None:
    heavy = ["numpy", "pandas", "scipy", "pingouin", "statsmodels", "torch"]
    code = (
        "import sys, contextlib, io\nfrom bench.cli import main\n"
        "for name in ('stats', 'humans'):\n"
        "    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "        main([name, '--help'])\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_command_knows_every_rule_of_the_permutation_tests() -> None:
    from bench.cli.stats_table import RULES as in_words
    from bench.stats.permutation import DEFAULT_RULE, RULES

    assert tuple(in_words) == RULES
    assert RULES[0] == DEFAULT_RULE
