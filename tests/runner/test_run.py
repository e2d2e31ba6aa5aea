"""One run from plan to tables."""

from __future__ import annotations

import functools
import json
import os
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch
from rich.console import Console

import bench
from bench.errors import BenchError, ExitCode
from bench.report.build import build_report
from bench.report.gallery import draw_gallery
from bench.runner.backends import Workers
from bench.runner.merge import merge
from bench.runner.record import places
from bench.runner.run import prospect, run
from bench.runner.verify import verify
from bench.store.files import DiskFull
from bench.store.run_dir import RunDir


def table(root: Path, kind: str) -> pd.DataFrame:
    found = RunDir(root).table(kind)
    assert found is not None
    return found


def all_tables(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "tables").iterdir())}


def test_every_model_is_shown_every_models_metamers(do, toy_settings) -> None:
    settings = toy_settings()
    result = do(settings)
    assert result.exit_code == ExitCode.DONE
    cells = table(settings.root, "recognition").groupby(
        ["recognition_model", "generation_model", "stage"]
    )
    expected = {
        (who, whose, stage)
        for who in ("toy-a", "toy-b")
        for whose, stages in {
            "toy-a": ["conv1", "conv2", "logits"],
            "toy-b": ["conv1", "conv2", "logits"],
            "natural": ["natural"],
        }.items()
        for stage in stages
    }
    assert set(cells.groups) == expected
    assert set(cells.size()) == {4}


def test_what_is_stored_is_what_the_library_computes(do, toy_settings, toy_plugins) -> None:
    """The numbers of a run can be had again by hand, through the public functions."""
    settings = toy_settings()
    do(settings)
    run_dir = RunDir(settings.root)
    record = run_dir.read_record()
    place = next(p for p in places(record) if (p.kind, p.stage) == ("synthesis", "conv2"))
    stored = torch.from_numpy(run_dir.arrays(place)["stimuli"])
    model = bench.load(toy_plugins.model("toy-a"), device="cpu")
    natural = toy_plugins.stimuli.get("toy").load(4, None)
    protocol = bench.Protocol.named("feather2023-short").replace(steps=2, repetitions=2)
    again = bench.synthesize(
        model, natural.values, stage="conv2", protocol=protocol, seed=0, ids=natural.ids
    )
    torch.testing.assert_close(again.stimuli, stored)
    rows = table(settings.root, "recognition")
    rows = rows[
        (rows["recognition_model"] == "toy-b")
        & (rows["generation_model"] == "toy-a")
        & (rows["stage"] == "conv2")
    ]
    other = bench.load(toy_plugins.model("toy-b"), device="cpu")
    assert list(rows["predicted"]) == other.logits(stored).argmax(1).tolist()


def test_what_did_not_pass_is_not_counted(do, toy_settings) -> None:
    """A metamer enters the recognition test only if it beats the nulls and keeps its label."""
    settings = toy_settings()
    do(settings)
    judged = table(settings.root, "criterion").set_index(["model", "stage", "id"])
    nulls = table(settings.root, "nulls").set_index(["model", "stage", "measure"])["max"]
    match = table(settings.root, "synthesis").set_index(["model", "stage", "id"])
    for (model, stage, name), row in match.iterrows():
        beats = all(row[m] >= nulls[model, stage, m] for m in ("spearman", "pearson", "snr_db"))
        assert judged.loc[(model, stage, name), "passed"] == (beats and row["label_match"])
        assert row["beyond_null"] == beats
        assert row["passed"] == (beats and row["label_match"])
    rows = table(settings.root, "recognition")
    rows = rows[rows["stage"] != "natural"]
    passed = [
        judged.loc[(row.generation_model, row.stage, row.id), "passed"] for row in rows.itertuples()
    ]
    assert list(rows["included"]) == passed
    assert 0 < sum(passed) < len(passed)


def test_a_model_may_need_its_own_variant_of_the_protocol(do, toy_settings) -> None:
    """As HMAX does: the suite asks for a protocol, the model's metamers are made by its variant."""
    settings = toy_settings(models=["toy-a", "toy-variant"])
    assert do(settings).exit_code == ExitCode.DONE
    rows = table(settings.root, "synthesis")
    names = rows.groupby("model")["protocol"].agg(set)
    changes = "repetitions=2+steps=2"
    assert names["toy-a"] == {f"feather2023-short+{changes}"}
    assert names["toy-variant"] == {f"fast-2+{changes}"}


def test_metamers_of_a_grey_network_are_grey_and_of_its_size(do, toy_settings, toy_plugins) -> None:
    settings = toy_settings(models=["toy-a", "toy-grey"], png=True)
    assert do(settings).exit_code == ExitCode.DONE
    run_dir = RunDir(settings.root)
    made = [p for p in places(run_dir.read_record()) if p.kind == "synthesis"]
    shapes = {(p.model, p.stage): run_dir.arrays(p)["stimuli"].shape[1:] for p in made}
    assert shapes[("toy-grey", "conv1")] == shapes[("toy-grey", "logits")] == (1, 14, 14)
    assert shapes[("toy-a", "conv2")] == (3, 12, 12)
    shown = table(settings.root, "recognition")
    shown = shown[(shown["recognition_model"] == "toy-a") & (shown["stage"] == "conv1")]
    assert set(shown["generation_model"]) == {"toy-a", "toy-grey"}
    aligned = table(settings.root, "alignment")
    assert set(aligned["model"]) == {"toy-a", "toy-grey"}
    natural = toy_plugins.stimuli.get("toy").load(4, None)
    picture = draw_gallery(
        run_dir, run_dir.read_record(), "toy-grey", natural.values, natural.ids, None
    )
    assert picture.startswith(b"\x89PNG")


def test_a_second_call_does_nothing(do, toy_settings) -> None:
    settings = toy_settings()
    do(settings)
    before = all_tables(settings.root)
    record = (settings.root / "run.json").read_bytes()
    assert do(settings).executed == 0
    assert all_tables(settings.root) == before
    assert (settings.root / "run.json").read_bytes() == record


def test_a_third_model_costs_only_its_own_cells(do, toy_settings) -> None:
    do(toy_settings())
    settings = toy_settings(models=["toy-c"])
    result = do(settings)
    rows = table(settings.root, "recognition")
    assert set(rows["recognition_model"]) == {"toy-a", "toy-b", "toy-c"}
    # c: accuracy, nulls, 3 syntheses, 3 verdicts, 2 attacks, 3 alignments, natural; 3 x 3 metamers
    # that it is shown, and 3 of its own that a and b are shown each.
    assert result.executed == 1 + 1 + 3 + 3 + 2 + 3 + 1 + 9 + 6


def test_broken_models_leave_the_others_whole(do, toy_settings, tmp_path) -> None:
    broken = ["toy-nan", "toy-shape", "toy-explodes"]
    result = do(toy_settings(models=["toy-a", "toy-b", *broken, "toy-needs"]))
    assert result.exit_code == ExitCode.SOME_FAILED
    alone = toy_settings(root=tmp_path / "alone")
    do(alone)
    for kind in ("accuracy", "synthesis", "robustness", "alignment"):
        rows = table(tmp_path / "run", kind)
        good = rows[~rows["model"].isin(broken)].reset_index(drop=True)
        # A column that holds missing labels of broken models is of a type that allows them.
        pd.testing.assert_frame_equal(good, table(alone.root, kind), check_dtype=False)
    reasons = " | ".join(f.reason for f in result.failures)
    assert "model toy-explodes could not be built: RuntimeError: the builder fell over" in reasons
    lost = {f.title for f in result.failures if "not finite" in f.reason}
    assert {"accuracy toy-nan", "recognition toy-nan of toy-a conv1"} <= lost
    assert "do not fit the 10 classes of digits" in reasons
    record = RunDir(tmp_path / "run").read_record()
    assert record["unavailable"] == {"toy-needs": "needs `pip install surely-absent`"}


def test_a_model_asked_for_by_name_and_left_out_shows_at_the_end(do, toy_settings) -> None:
    result = do(toy_settings(models=["toy-a", "toy-needs"]))
    assert result.failures == []
    assert result.left_out == {"toy-needs": "needs `pip install surely-absent`"}
    assert result.exit_code == ExitCode.SOME_FAILED


def test_a_missed_accuracy_is_said_before_metamers_are_made(toy_plugins, toy_settings) -> None:
    told = StringIO()
    settings = toy_settings(models=["toy-boast", "toy-modest"], stages=["conv1"])
    run(toy_plugins, settings, Workers(count=1), None, Console(file=told, width=400))
    found = float(table(settings.root, "accuracy").groupby("model")["correct"].mean()["toy-boast"])
    assert found < 0.88
    (line,) = [line for line in told.getvalue().splitlines() if "warning" in line]
    assert line == (
        f"warning: toy-boast reaches an accuracy of {found:.3f}, n 10; its authors report 0.900: "
        "are its size, mean and deviation right?"
    )
    assert line.removeprefix("warning: ") in build_report(settings.root).warnings


def test_a_stage_that_is_only_measured_is_named(do, toy_settings, tmp_path) -> None:
    do(toy_settings(models=["toy-a", "toy-measured"], stages=["conv2", "logits"]))
    record = RunDir(tmp_path / "run").read_record()
    assert {name: why.split(",")[0] for name, why in record["unavailable"].items()} == {
        "toy-measured, stage conv2": "is only measured"
    }
    made = table(tmp_path / "run", "synthesis")[["model", "stage"]].drop_duplicates()
    assert set(made.itertuples(index=False, name=None)) == {
        ("toy-a", "conv2"),
        ("toy-a", "logits"),
        ("toy-measured", "logits"),
    }
    alone = toy_settings(root=tmp_path / "alone", models=["toy-measured"], stages=["conv2"])
    with pytest.raises(BenchError, match="no stage is left to make metamers from"):
        do(alone)


def test_a_failed_task_is_tried_again(do, toy_settings, toy_plugins, monkeypatch) -> None:
    settings = toy_settings()
    spec = toy_plugins.model("toy-b")
    build = spec.build
    object.__setattr__(spec, "build", toy_plugins.model("toy-explodes").build)
    assert do(settings).exit_code == ExitCode.SOME_FAILED
    object.__setattr__(spec, "build", build)
    assert do(settings).exit_code == ExitCode.DONE
    assert not list((settings.root / "failures").glob("*.json"))


def test_other_settings_are_refused(do, toy_settings) -> None:
    do(toy_settings())
    with pytest.raises(BenchError, match=r"other settings: seed \(0, now 1\).*--out"):
        do(toy_settings(seed=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["toy-aa"]}, "no model is called 'toy-aa' .*toy-a"),
        ({"models": ["family:tyo"]}, "no model of a family 'tyo'.*toy"),
        ({"stages": ["conv9"]}, "no model of this run has a stage 'conv9'.*conv"),
        ({"stimuli": "toi"}, "no stimulus set is called 'toi' .*toy"),
        ({"models": ["toy-needs"]}, "no model is left to run.*pip install surely-absent"),
    ],
)
def test_unknown_names_are_said_in_one_line(do, toy_settings, changes, message) -> None:
    settings = toy_settings(**changes)
    with pytest.raises(BenchError, match=message) as caught:
        do(settings)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "\n" not in str(caught.value)
    assert not (settings.root / "run.json").exists()


def test_a_foreign_directory_is_refused(do, toy_settings, tmp_path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("precious")
    with pytest.raises(BenchError, match=r"holds other files \(thesis.tex"):
        do(toy_settings())
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_two_runs_on_one_directory_are_refused(do, toy_settings, tmp_path) -> None:
    with RunDir(tmp_path / "run").locked(), pytest.raises(BenchError, match="another run"):
        do(toy_settings())


def test_damage_is_found_and_mended(do, toy_settings) -> None:
    settings = toy_settings()
    do(settings)
    before = all_tables(settings.root)
    metamers = next((settings.root / "metamers").rglob("*.safetensors"))
    metamers.write_bytes(metamers.read_bytes()[:-7])
    assert do(settings).executed == 1
    assert all_tables(settings.root) == before


def test_damage_that_shows_only_when_read_is_mended_too(do, toy_settings) -> None:
    settings = toy_settings()
    do(settings)
    before = all_tables(settings.root)
    flip_a_byte(next((settings.root / "parts" / "accuracy").glob("*.parquet")))
    assert do(settings).executed == 1
    assert all_tables(settings.root) == before


def test_metamers_that_prove_damaged_are_made_again(do, toy_settings, toy_plugins) -> None:
    settings = toy_settings(models=["toy-a"])
    do(settings)
    metamers = next((settings.root / "metamers").rglob("*.safetensors"))
    flip_a_byte(metamers)
    another = toy_settings(models=["toy-a", "toy-b"])
    result = do(another)
    assert [("changed or cut off" in f.reason) for f in result.failures] == [True]
    again = do(another)
    assert (again.exit_code, again.executed) == (ExitCode.DONE, 2)


def flip_a_byte(path: Path) -> None:
    """Change a file so that neither its size nor its time shows it."""
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_verify_finds_what_size_and_time_do_not_show(do, toy_settings) -> None:
    settings = toy_settings()
    do(settings)
    part = next((settings.root / "parts" / "accuracy").glob("*.parquet"))
    flip_a_byte(part)
    found = verify(RunDir(settings.root))
    assert len(found.problems) == 1
    assert part.name in found.problems[0]
    assert do(settings).executed == 1
    assert verify(RunDir(settings.root)).problems == ()


def test_verify_rebuilds_an_edited_table(do, toy_settings) -> None:
    settings = toy_settings()
    do(settings)
    before = all_tables(settings.root)
    path = settings.root / "tables" / "accuracy.parquet"
    rows = pd.read_parquet(path)
    rows["correct"] = True
    rows.to_parquet(path, index=False)
    assert "accuracy.parquet" in verify(RunDir(settings.root)).problems[0]
    assert all_tables(settings.root) == before


def test_a_full_disk_stops_the_run_and_loses_nothing(do, toy_settings, monkeypatch) -> None:
    settings = toy_settings()
    commits = []
    commit = RunDir.commit

    def full_after_three(self, place, *rest):
        if len(commits) == 3:
            raise DiskFull(f"{place.marker} cannot be written", why="the disk is full")
        commits.append(place)
        commit(self, place, *rest)

    monkeypatch.setattr(RunDir, "commit", full_after_three)
    with pytest.raises(BenchError, match="the disk is full") as caught:
        do(settings)
    assert caught.value.exit_code == ExitCode.SOME_FAILED
    monkeypatch.undo()
    total = len(RunDir(settings.root).read_record()["tasks"])
    assert do(settings).executed == total - 3


def test_an_interrupt_keeps_what_is_finished(
    toy_settings, toy_plugins, monkeypatch, do, tmp_path
) -> None:
    settings = toy_settings()
    commit = RunDir.commit
    commits = []

    def interrupted_at_five(self, place, *rest):
        if len(commits) == 5:
            raise KeyboardInterrupt
        commits.append(place)
        commit(self, place, *rest)

    monkeypatch.setattr(RunDir, "commit", interrupted_at_five)
    console = Console(quiet=True)
    result = run(toy_plugins, settings, Workers(count=1), None, console)
    assert result.exit_code == ExitCode.INTERRUPTED
    monkeypatch.undo()
    left = prospect(toy_plugins, settings, None)
    assert len(left.finished) == 5
    do(settings)
    whole = toy_settings(root=tmp_path / "whole")
    do(whole)
    assert all_tables(settings.root) == all_tables(whole.root)


def test_shards_join_to_the_whole(do, toy_settings, tmp_path) -> None:
    whole = toy_settings(root=tmp_path / "whole")
    do(whole)
    shards = [toy_settings(root=tmp_path / f"shard{i}") for i in (1, 2, 3)]
    done = [do(shard, (i, 3)).executed for i, shard in enumerate(shards, start=1)]
    assert all(done)
    merged = merge([shard.root for shard in shards], tmp_path / "merged")
    tasks = RunDir(whole.root).read_record()["tasks"]
    assert (merged.taken, merged.missing) == (len(tasks), 0)
    assert all_tables(tmp_path / "merged") == all_tables(whole.root)


def test_shards_of_other_weights_do_not_join(do, toy_settings, tmp_path) -> None:
    shards = [toy_settings(root=tmp_path / f"shard{i}") for i in (1, 2)]
    for i, shard in enumerate(shards, 1):
        do(shard, shard=(i, 2))
    incomplete = merge([shards[0].root], tmp_path / "part")
    assert incomplete.missing > 0
    record = json.loads((shards[1].root / "run.json").read_text())
    (shards[1].root / "run.json").write_text(json.dumps({**record, "device": "GPU"}))
    merge([shard.root for shard in shards], tmp_path / "both")
    assert RunDir(tmp_path / "both").read_record()["device"] == "GPU, cpu"
    record = json.loads((shards[1].root / "run.json").read_text())
    record["weights"]["toy-a"] = "0" * 64
    (shards[1].root / "run.json").write_text(json.dumps(record))
    with pytest.raises(BenchError, match="model toy-a had other weights"):
        merge([shard.root for shard in shards], tmp_path / "merged")
    with pytest.raises(BenchError, match="model toy-a had other weights"):
        merge([shards[1].root], tmp_path / "part")


def test_runs_of_other_settings_do_not_join(do, toy_settings, tmp_path) -> None:
    do(toy_settings(root=tmp_path / "a"))
    do(toy_settings(root=tmp_path / "b", seed=1))
    with pytest.raises(BenchError, match="they differ in suite"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")


def test_changed_code_is_never_taken_for_old(do, toy_settings, toy_plugins, monkeypatch) -> None:
    settings = toy_settings()
    do(settings)
    elsewhere = Path(__file__)
    monkeypatch.setattr(type(toy_plugins), "source_files", lambda self, plugin: [elsewhere])
    ahead = prospect(toy_plugins, settings, None)
    assert len(ahead.todo) == len(ahead.plan.tasks)


def test_what_is_no_longer_measured_is_in_no_table(do, toy_settings, toy_plugins) -> None:
    """A kind of which nothing is left must not show the numbers of other code."""
    settings = toy_settings(models=["toy-a"])
    do(settings)
    assert RunDir(settings.root).table("accuracy") is not None
    spec = toy_plugins.model("toy-a")
    build = spec.build

    def broken(weights):
        raise RuntimeError("no longer")

    object.__setattr__(spec, "build", broken)
    try:
        assert len(do(settings).failures) > 5
    finally:
        object.__setattr__(spec, "build", build)
    assert list((settings.root / "tables").iterdir()) == []


def test_weights_are_known_from_results_though_the_run_was_killed(
    do, toy_settings, toy_plugins
) -> None:
    settings = toy_settings(models=["toy-a"])
    do(settings)
    run_dir = RunDir(settings.root)
    record = run_dir.read_record()
    run_dir.write_record({**record, "weights": {}, "status": "running"})  # as a kill leaves it
    for place in places(record):
        if place.kind == "recognition":
            run_dir.withdraw(place)
    spec = toy_plugins.model("toy-a")
    build = spec.build

    @functools.wraps(build)
    def other(weights):
        network = build(weights)
        torch.nn.init.zeros_(network[0].bias)
        return network

    object.__setattr__(spec, "build", other)
    try:
        result = do(settings)
    finally:
        object.__setattr__(spec, "build", build)
    assert {f.title.split()[0] for f in result.failures} == {"recognition"}
    assert all("no longer those" in f.reason for f in result.failures)


def test_a_shard_stays_a_shard_whatever_fails(do, toy_settings) -> None:
    settings = toy_settings(models=["toy-a", "toy-explodes"])
    results = [do(settings, shard=(1, 1))]
    assert results[0].exit_code == ExitCode.SOME_FAILED
    assert RunDir(settings.root).read_record()["status"] == "shard finished"


def test_a_refused_run_leaves_the_record_as_it_was(do, toy_settings, monkeypatch) -> None:
    settings = toy_settings(models=["toy-a"])
    do(settings)
    before = (settings.root / "run.json").read_bytes()

    def refuse(*args):
        raise BenchError("no")

    monkeypatch.setattr("bench.runner.run._refuse_changed_weights", refuse)
    with pytest.raises(BenchError, match="no"):
        do(toy_settings(models=["toy-a", "toy-b"]))
    assert (settings.root / "run.json").read_bytes() == before


def test_only_models_without_their_packages_are_named_so(do, toy_settings) -> None:
    with pytest.raises(BenchError, match="no model is left to run: toy-needs: needs `pip"):
        do(toy_settings(models=["toy-needs"], stages=["conv1"]))


def test_a_read_that_fails_takes_nothing_back(do, toy_settings, monkeypatch) -> None:
    settings = toy_settings(models=["toy-a"])
    do(settings)
    part = next((settings.root / "parts" / "accuracy").glob("*.parquet"))
    read_bytes = Path.read_bytes

    def hiccup(path: Path) -> bytes:
        if path == part:
            raise OSError(24, "Too many open files")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", hiccup)
    with pytest.raises(BenchError, match="cannot be read: Too many open files"):
        do(settings)
    monkeypatch.undo()
    assert do(settings).executed == 0


def test_a_distance_is_built_once(do, toy_settings, toy_plugins) -> None:
    metric = toy_plugins.metrics.get("haarpsi")
    built = []

    @functools.wraps(metric.build)
    def counting(device):
        built.append(device)
        return metric_build(device)

    metric_build = metric.build
    object.__setattr__(metric, "build", counting)
    try:
        do(toy_settings())
    finally:
        object.__setattr__(metric, "build", metric_build)
    assert len(built) == 1


def test_changed_weights_are_refused(do, toy_settings, toy_plugins, tmp_path) -> None:
    """A builder that fetches its own weights may get others tomorrow: never mixed with today's."""
    settings, whole = toy_settings(), tmp_path / "whole"
    do(settings)
    do(toy_settings(root=whole))
    spec = toy_plugins.model("toy-b")
    build = spec.build

    @functools.wraps(build)  # the code is where it was: the same key
    def other(weights):
        network = build(weights)
        torch.nn.init.zeros_(network[0].bias)
        return network

    object.__setattr__(spec, "build", other)
    try:
        next((settings.root / "parts" / "accuracy").glob("*.json")).unlink()
        for marker in (settings.root / "parts" / "accuracy").glob("*.json"):
            marker.unlink()
        result = do(settings)
        with pytest.raises(BenchError, match="weights of toy-b are no longer"):
            do(toy_settings(root=whole))
    finally:
        object.__setattr__(spec, "build", build)
    assert [f.title for f in result.failures] == ["accuracy toy-b"]
    assert "no longer those that this run began with" in result.failures[0].reason
