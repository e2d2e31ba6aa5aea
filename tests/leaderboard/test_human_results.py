"""From human data to published results, against scipy, against sums by hand, and the paper's."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.stats import bootstrap

from bench.cli.humans import humans
from bench.errors import BenchError
from bench.human.imported import DataSet, HumanData
from bench.human.sources import open_data
from bench.human.tidy import COLUMNS
from bench.leaderboard.human_collect import collect_humans
from bench.leaderboard.human_facts import feather2023_facts
from bench.leaderboard.human_result import HumanResult
from bench.leaderboard.publish import read_board
from bench.leaderboard.result import read_result

# SciPy 1.15 renamed the argument
SEED = {"rng" if "rng" in signature(bootstrap).parameters else "random_state": 1}
STAGES = ("natural", "conv1", "conv2", "final")


def responses(people: dict[str, int], models: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    """Return invented proportions of the stages, for experiments of so many people."""
    rng = np.random.default_rng(0)
    rows = []
    for experiment, n in people.items():
        for person in range(n):
            natural = rng.uniform(0.8, 1)
            for model in models:
                for index, stage in enumerate(STAGES):
                    for observer in ("human", "model"):
                        human = natural if index == 0 else rng.uniform(0, 1 - index / 5)
                        value = human if observer == "human" else 0.99
                        key = ("vision", experiment, model, stage, index, observer, person)
                        rows.append((*key, 10, value))
    return pd.DataFrame(rows, columns=COLUMNS)


def data(table: pd.DataFrame, recognition: pd.DataFrame | None = None) -> HumanData:
    return HumanData(DataSet(name="toy", chance={"vision": 0.1}), table, None, recognition)


def test_means_and_intervals_are_scipys() -> None:
    table = responses({"one": 40})
    (first, _) = collect_humans(data(table))
    own = table[(table["model"] == "a") & (table["observer"] == "human")]
    for found, stages in (
        (first.mean, ["conv1", "conv2", "final"]),
        (first.late, ["conv2", "final"]),
        (first.natural, ["natural"]),
        (first.stages[0].recognition, ["conv1"]),
    ):
        wide = own[own["stage"].isin(stages)].pivot(
            index="participant", columns="stage", values="proportion_correct"
        )
        each = wide.to_numpy().mean(axis=1)
        expected = bootstrap((each,), np.mean, n_resamples=9999, method="percentile", **SEED)
        assert found is not None
        assert found.value == pytest.approx(each.mean(), abs=1e-6)
        assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.008)
        assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.008)
        assert found.n == 40
    assert [s.stage for s in first.stages] == list(STAGES[1:])
    values = own[own["stage"] == "conv1"]["proportion_correct"].to_numpy()
    assert first.stages[0].sem == pytest.approx(values.std() / np.sqrt(40), abs=1e-6)


def test_people_of_all_experiments_are_pooled_and_resampled_within_them() -> None:
    # everyone of an experiment does alike, and the experiments differ: resampling people within
    # experiments changes nothing, resampling all together would
    table = responses({"one": 6, "two": 2})
    level = table["experiment"].map({"one": 0.2, "two": 0.8})
    metamer = table["stage_index"] > 0
    table["proportion_correct"] = table["proportion_correct"].where(~metamer, level)
    (first, _) = collect_humans(data(table))
    assert first.mean.value == pytest.approx((6 * 0.2 + 2 * 0.8) / 8)
    assert (first.mean.low, first.mean.high) == pytest.approx((0.35, 0.35))
    assert first.mean.n == 8
    assert [(e.name, e.participants) for e in first.experiments] == [("one", 6), ("two", 2)]


def cells(rows: list[tuple[str, int, str, int, int]]) -> pd.DataFrame:
    columns = ["generation_model", "stage_index", "recognition_model", "n_stimuli", "n_correct"]
    return pd.DataFrame(rows, columns=columns).assign(modality="vision", stage="")


def test_other_models_leave_out_the_generator_and_stand_ins_for_natural() -> None:
    recognition = cells(
        [("a", 0, "b", 100, 100), ("a", 0, "c", 100, 100)]
        + [("a", i, "a", 100, 100) for i in (1, 2, 3)]
        + [("a", i, "b", 100, 10 * i) for i in (1, 2, 3)]
        + [("a", i, "c", 50, 10 * i) for i in (1, 2, 3)]
        + [("b", 1, "a", 100, 50), ("b", 1, "c", 100, 50)]
    )
    a, b = collect_humans(data(responses({"one": 4}), recognition))
    assert a.panel == ("b", "c")
    assert a.mean_others is not None
    assert a.late_others is not None
    # b recognises 10, 20, 30 %; c 20, 40, 60 %
    assert a.mean_others.value == pytest.approx((0.2 + 0.4) / 2)
    assert a.late_others.value == pytest.approx((0.25 + 0.5) / 2)
    # resampling two models can draw either one twice
    assert (a.mean_others.low, a.mean_others.high) == pytest.approx((0.2, 0.4))
    assert a.mean_others.n == 2
    # a mean over other stages than people's is none
    assert b.stages[0].others is not None
    assert b.mean_others is None
    assert b.late_others is None


def test_too_little_data_is_named() -> None:
    with pytest.raises(BenchError, match="model a: an interval needs two or more participants"):
        collect_humans(data(responses({"one": 1})))
    table = responses({"one": 3})
    with pytest.raises(BenchError, match="model a: natural stimuli only"):
        collect_humans(data(table[table["stage_index"] == 0]))


@pytest.fixture(scope="module")
def published(repository: Path) -> dict[str, HumanResult]:
    """The project's own results, by model."""
    found = {}
    for suite in ("feather2023-vision", "feather2023-audio"):
        for path in (repository / "results" / suite).glob("*.json"):
            result = read_result(path)
            assert isinstance(result, HumanResult)
            found[path.stem] = result
    return found


def test_every_model_with_human_data_is_published(published) -> None:
    modalities = [result.suite.modality for result in published.values()]
    assert (modalities.count("vision"), modalities.count("audio")) == (30, 18)
    # Supplementary Tables 5 and 6: participants of the experiments that showed the model
    people = {"resnet50": 22 + 21 + 21 + 20, "alexnet": 22 + 21 + 20, "hmax_standard": 20}
    people |= {"kell2018": 60, "cochresnet50_l2_1_robust_waveform": 40, "spectemp_filters": 20}
    for model, n in people.items():
        assert published[model].mean.n == n
    with_others = [r for r in published.values() if r.mean_others is not None]
    assert len(with_others) == 20 + 17


@pytest.mark.parametrize(
    ("trained", "others"),
    [
        ("resnet50_l2_3_robust", ["resnet50", "resnet50_random_l2_perturb"]),
        ("resnet50_linf_4_robust", ["resnet50"]),
        ("resnet50_linf_8_robust", ["resnet50", "resnet50_random_linf8_perturb"]),
        ("alexnet_l2_3_robust", ["alexnet", "alexnet_random_l2_3_perturb"]),
        ("alexnet_linf_8_robust", ["alexnet", "alexnet_random_linf8_perturb"]),
        (
            "kell2018_l2_1_robust_waveform",
            ["kell2018", "kell2018_l2_1_random_step_waveform"],
        ),
        (
            "kell2018_l2_1_robust_cochleagram",
            ["kell2018", "kell2018_l2_1_random_step_cochleagram"],
        ),
        (
            "cochresnet50_l2_1_robust_cochleagram",
            ["cochresnet50", "cochresnet50_l2_1_random_step_cochleagram"],
        ),
        ("alexnet_reduced_aliasing_early_checkpoint", ["vonealexnet_gaussian_noise_std4_fixed"]),
        ("vonealexnet_gaussian_noise_std4_fixed", ["alexnet_early_checkpoint"]),
    ],
)
def test_the_order_is_the_papers(published, trained: str, others: list[str]) -> None:
    """Supplementary Table 2 (p < 0.0001 each), and figure 6 for the three AlexNets."""
    for other in others:
        assert published[trained].mean.low > published[other].mean.high


def test_facts_are_those_printed(published) -> None:
    robust = published["resnet50_linf_4_robust"]
    assert robust.accuracy is not None
    assert robust.accuracy.accuracy.value == 0.62424  # Supplementary Table 3
    auto = [f for f in robust.robustness if f.attack == "autoattack"]
    # RobustBench, Engstrom2019Robustness: 29.22 % of 5,000 images
    assert [(f.norm, f.value, f.n) for f in auto] == [("linf", 0.2922, 5000)]
    assert auto[0].eps == pytest.approx(4 / 255)
    alexnet = published["alexnet_early_checkpoint"].robustness
    assert len(alexnet) == 12
    assert {(f.n, f.subsets) for f in alexnet} == {(5120, 5)}
    # five printed accuracies: 0.375, 0.3555, 0.3896, ...; the file's first five rows
    (l1,) = (f for f in alexnet if f.norm == "l1" and f.eps < 40)
    assert l1.value == pytest.approx(1894 / 5120, abs=1e-6)
    for model in ("alexnet", "alexnet_l2_3_robust", "kell2018", "resnet50_random_l2_perturb"):
        assert published[model].robustness == ()


def test_the_command_publishes_what_is_committed(
    shared: Path, repository: Path, tmp_path: Path
) -> None:
    folder = shared / "data" / "feather2023"
    people = open_data(str(folder)).proportions
    some = people[people["model"].isin(["alexnet", "resnet50_l2_3_robust", "kell2018"])]
    some = some[some["observer"] == "human"]
    for result in collect_humans(HumanData(DataSet(name="x"), some), feather2023_facts(folder)):
        path = repository / "results" / f"feather2023-{result.suite.modality}"
        committed = read_result(path / f"{result.model.id}.json")
        assert isinstance(committed, HumanResult)
        for name in ("model", "experiments", "natural", "mean", "late", "accuracy", "robustness"):
            assert getattr(result, name) == getattr(committed, name)


def test_a_table_without_facts_is_published_from_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    responses({"one": 5}).to_csv(source, index=False)
    done = CliRunner().invoke(humans, ["publish", str(source), "--to", str(tmp_path / "results")])
    assert done.exit_code == 0, done.output
    paths = [Path(line) for line in done.output.splitlines()]
    assert [p.name for p in paths] == ["a.json", "b.json"]
    board = read_board(tmp_path / "results", "mine-vision")
    assert set(board.rows["model"]) == {"a", "b"}
    assert board.rows[["others", "accuracy"]].isna().all(axis=None)


def test_malformed_facts_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"models\.json cannot be read"):
        feather2023_facts(tmp_path)
    (tmp_path / "models.json").write_text('[{"model": "a"}]')
    with pytest.raises(BenchError, match=r"models\.json, entry 1"):
        feather2023_facts(tmp_path)
    (tmp_path / "models.json").write_text("[]")
    header = "model,norm,epsilon,evaluation_subset,n_images,n_correct\n"
    (tmp_path / "adversarial.csv").write_text(header + "a,l2,1,0,10,many\n")
    with pytest.raises(BenchError, match=r"adversarial\.csv, row 2, column 'n_correct'"):
        feather2023_facts(tmp_path)
