"""Alignment and clustering in a run."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

from bench.cli.alignment import alignment
from bench.errors import BenchError, ExitCode
from bench.models.load import load_spec
from bench.plugins import Plugins
from bench.proxies.clustering import clustering
from bench.proxies.nlpd import nlpd
from bench.proxies.triples import random_triples
from bench.proxies.two_afc import two_afc
from bench.report.alignment import compare_alignment
from bench.runner.backends import Workers
from bench.runner.plan import make_plan
from bench.runner.run import RunResult, run
from bench.store.run_dir import RunDir
from bench.synthesis.engine import synthesize
from bench.synthesis.protocols import Protocol
from bench.synthesis.result import SynthesisRun
from bench.tasks.task import RunSettings
from bench.tasks.workbench import Workbench
from bench_plugins.tasks.alignment import ALIGNMENT
from bench_plugins.tasks.clustering import CLUSTERING

NLPD = nlpd(torch.device("cpu"))
FEW = {"steps": 3, "repetitions": 1}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    names = {
        "toy": "toy_plugin",
        "metrics": "bench_plugins.metrics",
        "tasks": "bench_plugins.tasks",
        "noise": "bench_plugins.noise",
    }
    return Plugins([EntryPoint(name, value, "bench") for name, value in names.items()])


@pytest.fixture
def small(toy_settings: Any) -> Any:
    def settings(protocol: str, root: Path | None = None, **changes: Any) -> RunSettings:
        few = {**FEW, **changes.pop("replace", {})}
        return toy_settings(
            root,
            models=["toy-a"],
            stages=["conv2"],
            accuracy=None,
            robustness=None,
            recognition=False,
            protocol={"name": protocol, "replace": few},
            alignment={"metrics": ["nlpd"], **changes.pop("alignment", {})},
            board={"robustness_eps": 0.1, "alignment_metric": "nlpd"},
            **changes,
        )

    return settings


def work(plugins: Plugins, settings: RunSettings) -> RunResult:
    return run(plugins, settings, Workers(count=1), None, Console(file=StringIO()))


def table(settings: RunSettings, kind: str) -> pd.DataFrame:
    found = RunDir(settings.root).table(kind)
    assert found is not None
    return found


def by_hand(plugins: Plugins, settings: RunSettings) -> tuple[torch.Tensor, SynthesisRun]:
    suite = settings.suite
    stimuli = plugins.stimuli.get(suite.stimuli).load(suite.limit, None)
    x = torch.as_tensor(stimuli.values)
    made = synthesize(
        load_spec(plugins.model("toy-a"), device="cpu"),
        x,
        stage="conv2",
        protocol=Protocol.named(suite.protocol.name).replace(**suite.protocol.replace),
        seed=suite.seed,
        ids=stimuli.ids,
    )
    return x, made


@pytest.mark.parametrize("protocol", ["feather2023-short", "nanda2023", "nanda2023-transform"])
def test_the_start_is_the_one_that_synthesis_used(plugins, small, protocol: str) -> None:
    settings = small(protocol, seed=3)
    assert work(plugins, settings).exit_code == ExitCode.DONE
    x, made = by_hand(plugins, settings)
    expected = two_afc(made.stimuli, x, made.initial, NLPD)
    found = table(settings, "alignment")
    assert list(found["id"]) == list(made.ids)
    for column in ("to_initial", "to_target"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-5)
    other = two_afc(made.stimuli, x, made.initial.roll(1, 0), NLPD)
    assert not np.allclose(found["to_initial"], other["to_initial"], rtol=1e-2)


def test_clustering_is_what_the_library_computes(plugins, small) -> None:
    measure = {"clustering": {"triples": ["random", "hard"], "similarity": "cielab"}}
    settings = small("feather2023-short", limit=7, alignment=measure)
    assert work(plugins, settings).exit_code == ExitCode.DONE
    found = table(settings, "clustering")
    assert list(found.columns) == [
        "model", "stage", "metric", "triples", "trial", "id", "chosen", "correct", "epoch",
    ]  # fmt: skip
    assert dict(found.groupby("triples").size()) == {"random": 9, "hard": 21}
    x, made = by_hand(plugins, settings)
    expected = clustering(made.stimuli, x, random_triples(7, 0), NLPD, made.ids)
    drawn = found[found["triples"] == "random"].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        drawn[["trial", "id", "chosen", "correct"]], expected, check_dtype=False
    )


def test_a_similarity_file_decides_who_stands_beside_whom(plugins, small, tmp_path: Path) -> None:
    ids = [f"toy-{i}" for i in range(6)]
    place = np.array([0.0, 10, 20, 1, 11, 21])  # toy-0 is like toy-3, then like toy-1 or toy-4
    path = tmp_path / "like.npz"
    np.savez(path, ids=np.array(ids[::-1]), similarity=-np.abs(place[:, None] - place)[::-1, ::-1])
    measure = {"clustering": {"triples": ["hard"], "similarity": str(path)}}
    settings = small("feather2023-short", limit=6, alignment=measure)
    assert work(plugins, settings).exit_code == ExitCode.DONE
    trials = table(settings, "clustering").groupby("trial")["id"].apply(list)
    assert trials[0] == ["toy-0", "toy-3", "toy-1"]
    assert trials[4] == ["toy-4", "toy-1", "toy-2"]

    before = {t.key for t in make_plan(plugins, settings).tasks if t.kind == "clustering"}
    np.savez(path, ids=np.array(ids), similarity=np.zeros((6, 6)))
    after = {t.key for t in make_plan(plugins, settings).tasks if t.kind == "clustering"}
    assert before.isdisjoint(after)
    path.unlink()
    with pytest.raises(BenchError, match=r"like\.npz does not exist"):
        make_plan(plugins, settings)


def test_noise_as_a_target_is_shown_as_an_image(plugins, small) -> None:
    settings = small("nanda2023", stimuli="noise-n05-2-digits")
    assert work(plugins, settings).exit_code == ExitCode.DONE
    x, made = by_hand(plugins, settings)
    assert float(x.min()) < -1
    expected = two_afc(made.stimuli, x.clamp(0, 1), made.initial, NLPD)
    found = table(settings, "alignment")
    np.testing.assert_allclose(found["to_target"], expected["to_target"], rtol=1e-5)


@pytest.mark.parametrize("kind", [ALIGNMENT, CLUSTERING])
def test_a_metamer_that_was_frozen_out_of_range_is_shown_clipped(
    plugins, small, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    settings = small("nanda2023", alignment={"clustering": {}})
    work(plugins, settings)
    task = next(t for t in make_plan(plugins, settings).tasks if t.kind == kind.id)
    bench = Workbench(settings, plugins)
    frozen = np.full((4, 3, 12, 12), -2, np.float32)
    monkeypatch.setattr(RunDir, "arrays", lambda self, place: {"stimuli": frozen})
    found = kind.execute(task, bench).rows
    frozen[:] = 0
    pd.testing.assert_frame_equal(found, kind.execute(task, bench).rows)


def test_an_adversarial_protocol_finds_its_distance(plugins, small) -> None:
    """Pushed away from the target, metamers are farther from it than without."""
    away = {"steps": 12, "regulariser": {"perceptual": "cielab", "perceptual_weight": 1.0}}
    found = {}
    for name, replace in {"free": {"steps": 12}, "adversarial": away}.items():
        settings = small("nanda2023", replace=replace, alignment={"metrics": ["cielab"]})
        settings = RunSettings(settings.root / name, settings.suite, device="cpu")
        assert work(plugins, settings).exit_code == ExitCode.DONE
        found[name] = table(settings, "alignment")["to_target"]
    assert (found["adversarial"] > found["free"]).all()


@pytest.mark.parametrize(("kind", "mean", "std"), [("n0-1", 0.0, 1.0), ("n05-2", 0.5, 2.0)])
def test_noise_targets_have_their_distribution(
    plugins: Plugins, kind: str, mean: float, std: float
) -> None:
    stimuli = plugins.stimuli.get(f"noise-{kind}-digits").load(None, None)
    values = np.asarray(stimuli.values[:])
    assert values.shape == (100, 3, 32, 32)
    error = std / np.sqrt(values.size)
    assert values.mean() == pytest.approx(mean, abs=4 * error)
    assert values.std() == pytest.approx(std, abs=4 * error)
    few = plugins.stimuli.get(f"noise-{kind}-digits").load(2, None)
    assert np.array_equal(few.values[:], values[:2])


def test_protocols_and_seeds_stand_side_by_side(plugins, small, tmp_path: Path) -> None:
    measure = {"metrics": ["nlpd", "cielab"], "clustering": {"triples": ["random"]}}
    roots = []
    for protocol, seed in (("nanda2023", 0), ("nanda2023", 1), ("nanda2023-transform", 0)):
        settings = small(protocol, tmp_path / f"{protocol}-{seed}", seed=seed, alignment=measure)
        assert work(plugins, settings).exit_code == ExitCode.DONE
        roots.append(settings.root)
    result = CliRunner().invoke(alignment, [*map(str, roots), str(roots[0]), "--json"])
    assert result.exit_code == 0, result.output
    found = {(row["measure"], row["protocol"]): row for row in json.loads(result.output)}
    names = {protocol for _, protocol in found}
    assert len(names) == 2
    free = next(name for name in names if "transform" not in name)
    shares = [
        RunDir(root).table("alignment").groupby("metric")["aligned"].mean() for root in roots[:2]
    ]
    row = found["2afc", free]
    assert (row["observers"], row["n"]) == (4, 4)
    assert row["mean"] == pytest.approx(np.mean(shares))
    assert row["deviation"] == pytest.approx(np.std(shares))
    text = CliRunner().invoke(alignment, [*map(str, roots), "--stage", "conv2"])
    assert text.exit_code == 0, text.output
    assert f"{100 * np.mean(shares):.1f} ± {100 * np.std(shares):.1f}" in text.output


def test_runs_that_cannot_be_compared(plugins, small, tmp_path: Path) -> None:
    one = small("nanda2023", tmp_path / "one")
    two = small("nanda2023", tmp_path / "two", limit=3)
    for settings in (one, two):
        work(plugins, settings)
    with pytest.raises(BenchError, match="not of the same stimuli: 4 of toy, 3 of toy"):
        compare_alignment([one.root, two.root])
    with pytest.raises(BenchError, match="absent"):
        compare_alignment([tmp_path / "absent"])
