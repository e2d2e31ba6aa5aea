"""An experiment's folder: made of a run, opaque, whole or not at all; its answers are imported."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.cli import main
from bench.errors import BenchError
from bench.human.experiment_answers import join_answers
from bench.human.experiment_folder import Settings, build_experiment
from bench.human.experiment_pictures import enlargement, pink_noise
from bench.human.imported import read
from bench.human.sources import import_trials
from bench.human.trials import TrialColumns
from bench.plugins import installed
from bench.stimuli.sets import Stimuli
from bench.store.run_dir import Place, RunDir

N = 24
SET = "digits-scenes-test"
MODELS = ("net-a", 'b "<img src=x onerror=alert(1)>", =1')
STAGES = ("conv", "a,b\n<b>", "../final")
LOST = ("net-a", "conv", 3)  # a metamer that took another label
Make = Callable[..., Path]


@pytest.fixture(scope="session")
def natural() -> Any:
    return installed().stimuli.get(SET).load(N, None)


@pytest.fixture
def make(tmp_path: Path, natural: Any) -> Make:
    """Return a function that writes a run of made-up metamers, through the store."""

    def build(status: str = "finished", required: bool = False, **suite: Any) -> Path:
        run_dir = RunDir(tmp_path / "run")
        tasks, places = [], []
        for m, model in enumerate(MODELS):
            for s, stage in enumerate(STAGES):
                key = f"{m}{s}".ljust(24, "0")
                for kind in ("synthesis", "criterion") if required else ("synthesis",):
                    tasks.append({"kind": kind, "key": key, "model": model, "generator": model,
                                  "stage": stage, "title": stage})  # fmt: skip
                match = np.array([(model, stage, i) != LOST for i in range(N)])
                rows = pd.DataFrame({"id": natural.ids, "label_match": match})
                noise = np.random.default_rng([m, s]).random((N, 3, 32, 32), dtype=np.float32)
                places.append(Place("synthesis", key, model, stage))
                run_dir.commit(places[-1], rows, {"stimuli": noise})
                if required:  # nothing of the second stage is beyond the null
                    passed = match & (s != 1)
                    verdict = pd.DataFrame({"id": natural.ids, "passed": passed})
                    run_dir.commit(Place("criterion", key, model, stage), verdict)
        nulls = {"stimuli": SET, "required": True} if required else None
        record = {
            "status": status,
            "suite": {
                "id": "toy", "title": "Toy <b>suite</b>", "stimuli": SET, "limit": N,
                "label_space": "digits", "protocol": {"name": "fast"},
                "board": {"robustness_eps": 0.1}, "nulls": nulls, **suite,
            },
            "models": [{"id": m, "weights": "w", "stages": list(STAGES)} for m in MODELS],
            "stimuli": {f"{SET}[{N}]": {"sha256": natural.digest, "n": N, "license": "CC BY"}},
            "tasks": tasks,
        }  # fmt: skip
        run_dir.write_record(record)
        return run_dir.root

    return build


def lists(out: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(out.glob("participants/*"))]


def page(out: Path) -> dict[str, Any]:
    return json.loads((out / "experiment.json").read_text("utf-8"))["page"]


def answered(out: Path, number: int, right: Callable[[int], bool]) -> list[dict[str, Any]]:
    """Return the rows that the page makes of a participant who is right where ``right`` says."""
    classes = page(out)["classes"]
    rows = []
    for i, trial in enumerate(lists(out)[number - 1]["trials"]):
        answer = trial["answer"] if right(i) else (trial["answer"] + 1) % len(classes)
        measured = {
            "trial": i + 1, "response": classes[answer], "correct": int(right(i)), "rt_ms": 512.5,
            "click_x": 0.25, "click_y": 0.5, "blank_ms": 500, "fixation_ms": 300,
            "image_ms": 300.1, "mask_ms": 299.9, "frame_ms": 16.67, "hidden": 0,
            "file": trial["file"], "mask_file": trial["mask"],
            "started": "2025-01-01T00:00:00.000Z",
        }  # fmt: skip
        rows.append({**trial["row"], **measured})
    return rows


def as_csv(out: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, page(out)["table"], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def test_answers_come_back_as_trials(make: Make, tmp_path: Path) -> None:
    out = build_experiment(make(), tmp_path / "out", Settings(participants=3)).out
    folder = tmp_path / "answers"
    folder.mkdir()
    given = {n: answered(out, n, lambda i, n=n: i % (n + 1) > 0) for n in (1, 2, 3)}
    (folder / "one.csv").write_text(as_csv(out, given[1]), "utf-8")
    (folder / "one (1).csv").write_text(as_csv(out, given[1]), "utf-8")  # downloaded twice
    (folder / "two.csv").write_text(as_csv(out, given[2]), "utf-8")
    for name in ("two", "three"):  # the second was also sent
        rows = given[2 if name == "two" else 3]
        (folder / f"{name}.json").write_text(json.dumps({"rows": rows}), "utf-8")
    record = import_trials(folder, "pilot", TrialColumns(), root=tmp_path / "kept")
    assert (record.participants, record.models, record.experiments) == (3, 2, 1)
    data = read("pilot", tmp_path / "kept")
    wanted = {}
    for number, rows in given.items():
        for row in rows:
            if row["phase"] == "main":
                key = (number, row["model"], row["stage"])
                hits, n = wanted.get(key, (0, 0))
                wanted[key] = (hits + row["correct"], n + 1)
    stages = data.proportions[data.proportions["stage_index"] > 0]
    found = {
        (row.participant, row.model, row.stage): (row.proportion_correct, row.n_trials)
        for row in stages.itertuples()
    }
    assert found == {
        key: (pytest.approx(hits / n), n)
        for key, (hits, n) in wanted.items()
        if key[1] != "natural"
    }
    assert {key[1:] for key in found} == {(model, stage) for model in MODELS for stage in STAGES}
    naturals = data.proportions[data.proportions["stage_index"] == 0]
    assert set(naturals["n_trials"]) == {wanted[n, "natural", "natural"][1] for n in (1, 2, 3)}
    # demo trials screen: the first participant is right in every second trial, 6 of 12
    table = pd.DataFrame(given[1])
    assert table[table["phase"] == "demo"]["correct"].sum() == 6


def test_every_file_of_a_folder_is_read_or_named(make: Make, tmp_path: Path) -> None:
    out = build_experiment(make(), tmp_path / "out", Settings(participants=4)).out
    folder = tmp_path / "answers"
    (folder / "late").mkdir(parents=True)
    given = {n: answered(out, n, lambda i: i % 3 > 0) for n in (1, 2, 3, 4)}
    semicolons = {n: as_csv(out, given[n], ";") for n in (1, 2)}
    (folder / "ANSWERS-1.CSV").write_text(semicolons[1], "utf-8")
    (folder / "answers-2.csv.txt").write_text(semicolons[2], "utf-8")
    (folder / "Answers-3.JSON").write_text(json.dumps({"rows": given[3]}), "utf-8")
    (folder / "answers-4.json.TXT").write_text(json.dumps({"rows": given[4]}), "utf-8")
    for name in ("._ANSWERS-1.CSV", "notes.docx", "readme.txt"):
        (folder / name).write_bytes(b"\0")
    columns = TrialColumns(delimiter=";")
    for _ in range(2):  # the joined table, which has commas, is no answer
        record = import_trials(folder, "pilot", columns, root=tmp_path / "kept")
        assert record.participants == 4
        assert record.notes[0] == (
            "left out, neither CSV nor JSON: ._ANSWERS-1.CSV, late, notes.docx, readme.txt"
        )
    assert read("pilot", tmp_path / "kept").record.notes == record.notes


def test_different_answers_of_one_participant_are_refused(make: Make, tmp_path: Path) -> None:
    out = build_experiment(make(), tmp_path / "out", Settings(participants=1)).out
    folder = tmp_path / "answers"
    folder.mkdir()
    with pytest.raises(BenchError, match="holds no answers"):
        join_answers(folder)
    for name, right in (("a", True), ("b", False)):
        rows = answered(out, 1, lambda _, right=right: right)
        (folder / f"{name}.csv").write_text(as_csv(out, rows), "utf-8")
    with pytest.raises(BenchError, match=r"b\.csv and .*a\.csv are different answers of part.* 1"):
        join_answers(folder)


def test_between_models_each_model_is_an_experiment_of_its_own(make: Make, tmp_path: Path) -> None:
    settings = Settings(participants=4, between_models=True)
    out = build_experiment(make(), tmp_path / "out", settings).out
    folder = tmp_path / "answers"
    folder.mkdir()
    for n in range(1, 5):
        (folder / f"{n}.csv").write_text(
            as_csv(out, answered(out, n, lambda i: i % 3 > 0)), "utf-8"
        )
    record = import_trials(folder, "pilot", TrialColumns(), root=tmp_path / "kept")
    assert (record.participants, record.models, record.experiments) == (4, 2, 2)
    shown = read("pilot", tmp_path / "kept").proportions.groupby("model")["participant"].nunique()
    assert shown.to_dict() == dict.fromkeys(MODELS, 2)


def test_every_file_is_there_and_says_nothing(make: Make, natural: Any, tmp_path: Path) -> None:
    out = build_experiment(make(), tmp_path / "out", Settings(participants=4)).out
    named = {
        name
        for own in lists(out)
        for trial in own["trials"]
        for name in (trial["file"], trial["mask"])
    }
    there = {path.name for path in (out / "stimuli").iterdir()}
    assert named <= there
    assert len(there - named) <= 64  # masks that chance left out
    assert all(re.fullmatch(r"[0-9a-f]{20}\.png", name) for name in there)
    hidden = re.compile("|".join(re.escape(i) for i in natural.ids))
    assert not hidden.search((out / "experiment.json").read_text("utf-8"))


def test_pictures_are_cut_off_to_8_bits(make: Make, natural: Any, tmp_path: Path) -> None:
    out = build_experiment(make(), tmp_path / "out", Settings(participants=1)).out
    checked = set()
    for trial in lists(out)[0]["trials"]:
        row = trial["row"]
        if row["phase"] != "main":
            continue
        at = natural.ids.index(row["stimulus"])
        value = natural.values[[at]][0]
        if row["model"] != "natural":
            seed = [MODELS.index(row["model"]), STAGES.index(row["stage"])]
            draw = np.random.default_rng(seed)
            value = draw.random((N, 3, 32, 32), dtype=np.float32)[at]
        levels = np.floor(value * np.float32(255)).transpose(1, 2, 0)
        shown = np.asarray(Image.open(out / "stimuli" / trial["file"]))
        np.testing.assert_array_equal(shown, levels)
        assert trial["answer"] == natural.labels[at]
        checked.add(row["model"])
    assert checked == {"natural", *MODELS}
    assert page(out)["shown_px"] == [224, 224]


def test_a_lost_metamer_is_replaced_and_counted_as_natural(
    make: Make, natural: Any, tmp_path: Path
) -> None:
    built = build_experiment(make(), tmp_path / "out", Settings(participants=60))
    rows = [trial["row"] for own in lists(built.out) for trial in own["trials"]]
    lost = [
        row
        for row in rows
        if (row["assigned_model"], row["assigned_stage"]) == LOST[:2]
        and row["stimulus"] == natural.ids[LOST[2]]
    ]
    assert lost
    assert {(row["model"], row["stage"], row["stage_index"]) for row in lost} == {
        ("natural", "natural", 0)
    }
    assert "metamers missing: 1 of 144" in "\n".join(built.summary())


def test_required_nulls_decide_and_a_stage_without_metamers_is_left_out(
    make: Make, tmp_path: Path
) -> None:
    built = build_experiment(make(required=True), tmp_path / "out", Settings(participants=2))
    assert {condition.stage for condition in built.design.conditions} == {"conv", "../final"}
    assert {c.stage_index for c in built.design.conditions} == {1, 3}  # depths stay
    left_out = [line for line in built.summary() if line.startswith("left out")]
    assert len(left_out) == 2
    assert all("none of 24 metamers passed" in line for line in left_out)


def test_a_stage_that_failed_is_left_out_and_a_damaged_one_refused(
    make: Make, tmp_path: Path
) -> None:
    run = make("finished with failures")
    (marker,) = (path for path in run.rglob("00*.json") if path.parent.name == "conv")
    kept = marker.read_bytes()
    marker.unlink()
    RunDir(run).record_failure(marker.stem, "out of memory", "", {})
    built = build_experiment(run, tmp_path / "out", Settings(participants=1))
    assert len(built.design.conditions) == 5
    assert "left out: net-a, stage conv: failed: out of memory" in built.summary()
    marker.write_bytes(kept)
    RunDir(run).failure_path(marker.stem).unlink()
    marker.with_suffix(".safetensors").write_bytes(b"cut off")
    with pytest.raises(BenchError, match="was changed or cut off"):
        build_experiment(run, tmp_path / "other", Settings(participants=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


def test_the_same_call_gives_the_same_folder_and_more_people_the_same_lists(
    make: Make, tmp_path: Path
) -> None:
    run = make()
    outs = [
        build_experiment(run, tmp_path / name, Settings(participants=n)).out
        for name, n in (("a", 2), ("b", 2), ("c", 5))
    ]
    contents = [
        {p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()}
        for out in outs
    ]
    readme = "README.txt"  # names its own folder
    same = [{k: v for k, v in files.items() if k != readme} for files in contents]
    assert same[0] == same[1]
    for name, data in same[0].items():
        if name.startswith(("participants", "stimuli")):
            assert contents[2][name] == data
    other = build_experiment(run, tmp_path / "d", Settings(participants=2, seed=1)).out
    assert lists(other) != lists(outs[0])
    assert set((other / "stimuli").iterdir()).isdisjoint(
        other / "stimuli" / p.name for p in (outs[0] / "stimuli").iterdir()
    )


def test_hostile_names_stay_text(make: Make, tmp_path: Path) -> None:
    out = build_experiment(make(), tmp_path / "out", Settings(participants=1)).out
    html = (out / "index.html").read_text("utf-8")
    assert "<title>Toy &lt;b&gt;suite&lt;/b&gt;</title>" in html
    assert "onerror" not in html
    script = (out / "experiment.js").read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", script)
    assert not re.search(r"https?://(?!localhost)", html + script + (out / "style.css").read_text())


def test_the_page_fills_every_column(make: Make, tmp_path: Path) -> None:
    out = build_experiment(make(), tmp_path / "out", Settings(participants=1)).out
    script = (out / "experiment.js").read_text("utf-8")
    row = lists(out)[0]["trials"][0]["row"]
    steps = {f"{step}_ms" for step in page(out)["timing_ms"]["normal"]}
    assert steps == {"blank_ms", "fixation_ms", "image_ms", "mask_ms"}
    for name in set(page(out)["table"]) - set(row) - steps:
        assert re.search(rf"\b{name}\b", script), name


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_script_is_javascript(repository: Path) -> None:
    path = repository / "bench" / "human" / "experiment.js"
    done = subprocess.run(["node", "--check", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_answers_may_be_sent_to_one_server_only(make: Make, tmp_path: Path) -> None:
    url = "https://lab.example.org/answers?x=1"
    out = build_experiment(make(), tmp_path / "out", Settings(submit_url=url)).out
    assert page(out)["submit_url"] == url
    policy = "connect-src &#x27;self&#x27; https://lab.example.org; "
    assert policy in (out / "index.html").read_text("utf-8")
    addresses = "lab.example.org", "javascript:alert(1)", "https://a b", "https://a;script-src *"
    for bad in (*addresses, "http://a:port/x"):
        with pytest.raises(BenchError, match="not the address of a server"):
            build_experiment(make(), tmp_path / "other", Settings(submit_url=bad))


def test_own_icons_are_answers_and_catch_trials(make: Make, tmp_path: Path) -> None:
    icons = tmp_path / "icons"
    icons.mkdir()
    for i in range(10):
        Image.new("RGBA", (40, 20), (25 * i, 0, 0, 255)).save(icons / f"{i}.png")
    run = make()
    out = build_experiment(run, tmp_path / "out", Settings(participants=1, icons=icons)).out
    catch = [t for t in lists(out)[0]["trials"] if t["row"]["phase"] == "catch"]
    assert page(out)["icons"] == [t["file"] for t in sorted(catch, key=lambda t: t["answer"])]
    shown = np.asarray(Image.open(out / "stimuli" / page(out)["icons"][4]))
    assert shown.shape == (224, 224, 3)
    assert shown[112, 112].tolist() == [100, 0, 0]  # the icon, fitted into the middle
    assert shown[5, 112].tolist() == [255, 255, 255]
    (icons / "7.png").unlink()
    with pytest.raises(BenchError, match="no icon of '7'"):
        build_experiment(run, tmp_path / "other", Settings(icons=icons))


def test_masks_are_pink_and_as_contrasty_as_the_stimuli() -> None:
    like = np.random.default_rng(0).normal(0.5, 0.1, (8, 3, 64, 64))
    masks = np.stack([pink_noise(like, np.random.default_rng([1, i])) for i in range(60)])
    np.testing.assert_allclose(masks.mean(axis=(2, 3)), 0.5, atol=0.01)
    np.testing.assert_allclose(masks.std(axis=(2, 3)), 0.1, atol=0.01)
    power = (np.abs(np.fft.fft2(masks)) ** 2).mean(axis=(0, 1))
    # amplitude 1/f: power falls to a quarter when frequency doubles
    assert power[0, 4] / power[0, 8] == pytest.approx(4, rel=0.35)
    assert power[8, 0] / power[16, 0] == pytest.approx(4, rel=0.35)


@pytest.mark.parametrize(("size", "times"), [(32, 7), (28, 8), (96, 2), (224, 1), (250, 1)])
def test_small_stimuli_are_enlarged_by_whole_pixels(size: int, times: int) -> None:
    assert enlargement(size) == times


# -- the command


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leave:
            main(["humans", *map(str, words)])
        return (int(leave.value.code or 0), *capsys.readouterr())

    return run


def test_the_command_says_what_was_made_and_imports_what_comes_back(
    call: Any, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAMER_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    code, printed, _ = call("experiment", make(), "--out", "pilot", "--participants", "2",
                            "--models", "net-a", "--trials", "12")  # fmt: skip
    assert code == 0
    assert "2 participants" in printed
    assert "16 practice, 12 demo, 12 main, 10 catch" in printed
    command = printed.splitlines()[-1].partition("bench ")[2].split()
    assert " ".join(command) in Path("pilot/README.txt").read_text("utf-8")
    Path("answers").mkdir()
    for n in (1, 2):
        rows = answered(Path("pilot"), n, lambda i, n=n: n == 1 or i > 40)
        Path(f"answers/{n}.csv").write_text(as_csv(Path("pilot"), rows), "utf-8")
    code, printed, _ = call(*command[1:])
    assert code == 0
    assert "demo 0.000 (needed 0.580)" in printed  # the second failed the demo


@pytest.mark.parametrize(
    ("status", "options", "message"),
    [
        ("running", [], "is not finished: it is running"),
        ("shard finished", [], "is not finished: it is shard finished"),
        ("finished", ["--models", "net-b"], "no model 'net-b' (it has net-a)"),
        ("finished", ["--stages", "conv9"], "no stage 'conv9' (it has conv)"),
        ("finished", ["--trials", "25"], "25 trials need 25 stimuli, and the run has 24"),
        ("finished", ["--trials", "5"], "7 conditions"),
        ("finished", ["--out", "run"], "run holds something already"),
        ("finished", ["--out", "run/run.json"], "run/run.json is a file"),
        ("finished", ["--out", "run/run.json/x"], "run/run.json/x cannot be written"),
        ("finished", ["--participants", "0"], "--participants"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    call: Any, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    status: str, options: list[str], message: str,
) -> None:  # fmt: skip
    run = make(status)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, _, err = call("experiment", run, "--out", "new", *options)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_other_runs_and_other_stimuli_are_refused(call: Any, make: Make, tmp_path: Path) -> None:
    out = tmp_path / "new"
    assert "is not a run directory" in call("experiment", tmp_path, "--out", out)[2]
    run = make()
    record = json.loads((run / "run.json").read_text("utf-8"))
    other = {**record, "stimuli": {f"{SET}[{N}]": {"sha256": "0" * 64, "n": N}}}
    (run / "run.json").write_text(json.dumps(other), "utf-8")
    assert "are not those of the run" in call("experiment", run, "--out", out)[2]
    (run / "run.json").write_text(json.dumps({**record, "tasks": []}), "utf-8")
    assert "has no metamers" in call("experiment", run, "--out", out)[2]
    wide = {**record, "suite": {**record["suite"], "label_space": "imagenet1k"}}
    (run / "run.json").write_text(json.dumps(wide), "utf-8")
    assert "1000 classes of imagenet1k do not fit" in call("experiment", run, "--out", out)[2]
    assert not out.exists()


def test_sounds_are_refused(make: Make, tmp_path: Path) -> None:
    run = make()
    ids = tuple(f"s{i}" for i in range(N))
    sounds = Stimuli(ids, np.zeros((N, 100), np.float32), np.zeros(N, np.int64), "digits")
    record = json.loads((run / "run.json").read_text("utf-8"))
    record["stimuli"] = {f"{SET}[{N}]": {"sha256": sounds.digest, "n": N}}
    (run / "run.json").write_text(json.dumps(record), "utf-8")
    plugins: Any = SimpleNamespace(stimuli={SET: SimpleNamespace(load=lambda *_: sounds)})
    with pytest.raises(BenchError, match="experiments are made of images only"):
        build_experiment(run, tmp_path / "out", Settings(), plugins)


def test_practice_turns_to_other_sets_where_the_runs_own_is_used_up(
    make: Make, natural: Any, tmp_path: Path
) -> None:
    """As with all 400 of `imagenet-400`: then stimuli of the accuracy or null measure serve."""
    run = make(accuracy={"stimuli": "more"})
    more = Stimuli(
        ("a", "b", natural.ids[0], "c"), natural.values[:4], np.array([0, 1, 2, 3]), "digits"
    )
    sets = {SET: SimpleNamespace(load=lambda *_: natural), "more": SimpleNamespace(
        load=lambda *_: more)}  # fmt: skip
    plugins: Any = SimpleNamespace(stimuli=sets)
    built = build_experiment(run, tmp_path / "out", Settings(participants=1), plugins)
    assert built.design.warm_up == ("a", "b", "c")  # the third is in the main part
    assert {"a", "b", "c"} <= {t.stimulus for t in built.lists[1] if t.phase != "main"}
    assert any("come again in the main part" in line for line in built.summary())


def test_the_present_folder_will_do_where_it_is_empty(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    built = build_experiment(run, Path(), Settings())
    assert (built.out / "index.html").is_file()
    assert built.out == tmp_path / "here"
