"""Raw trials: columns found or named, participants left out, proportions counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.human.allocation import allocate_trials, chance_level
from bench.human.exclusion import FEATHER2023_SCREENS, ExclusionRule, exclude, excluded
from bench.human.imported import listing, read
from bench.human.sources import import_trials
from bench.human.tidy import proportions
from bench.human.trials import TrialColumns, read_trials

HEADER = "subject,network,layer,trial_type,choice,category\n"
ROWS = [
    "anna,net,natural_image,main,dog,dog",
    "anna,net,natural_image,main,cat,dog",
    "anna,other,natural_image,main,dog,dog",
    "anna,net,conv,main,cat,cat",
    "anna,net,conv,main,cat,dog",
    "anna,net,final,main,dog,cat",
    "anna,other,conv,main,cat,cat",
    "anna,,icon,catch,cat,cat",
    "bert,net,natural_image,main,dog,dog",
    "bert,net,conv,main,cat,cat",
    "bert,net,final,main,cat,cat",
    "bert,other,conv,main,dog,cat",
    "bert,,icon,catch,cat,dog",
]
COLUMNS = TrialColumns(modality="vision", experiment="pilot", stage_order=("conv", "final"))


def file(tmp_path: Path, rows: list[str] = ROWS, header: str = HEADER) -> Path:
    path = tmp_path / "raw.csv"
    path.write_text(header + "\n".join(rows) + "\n")
    return path


def test_columns_are_detected_and_proportions_counted(tmp_path: Path) -> None:
    trials, notes = read_trials(file(tmp_path), COLUMNS)
    table = proportions(trials)
    values = table[["stage_index", "n_trials", "proportion_correct"]].itertuples(index=False)
    keys = table[["participant", "model", "stage"]].itertuples(index=False)
    cells = {tuple(key): tuple(value) for key, value in zip(keys, values, strict=True)}
    third = pytest.approx(2 / 3)
    assert cells == {
        # natural trials belong to no model: anna's three are pooled and given to both
        (0, "net", "natural"): (0, 3, third),
        (0, "other", "natural"): (0, 3, third),
        (0, "net", "conv"): (1, 2, 0.5),
        (0, "net", "final"): (2, 1, 0.0),
        (0, "other", "conv"): (1, 1, 1.0),
        (1, "net", "natural"): (0, 1, 1.0),
        (1, "other", "natural"): (0, 1, 1.0),
        (1, "net", "conv"): (1, 1, 1.0),
        (1, "net", "final"): (2, 1, 1.0),
        (1, "other", "conv"): (1, 1, 0.0),
    }
    assert set(table["observer"]) == {"human"}
    assert notes == [
        "columns found by their names: participant=subject, model=network, stage=layer, "
        "response=choice, label=category, phase=trial_type",
        "stages taken for natural: natural_image",
        "trials by phase: main 11, catch 2; only main counts",
    ]


def test_columns_may_be_named_and_values_spelt_otherwise(tmp_path: Path) -> None:
    header = "who;net;layer;depth;hit;modality;study\n"
    rows = [
        f"{who};a;{layer};{depth};{hit};audio;s1"
        for who in (7, 9)
        for layer, depth, hit in (("natural", 0, "TRUE"), ("x", 1, "0"), ("y", 2, "false"))
    ]
    columns = TrialColumns(
        named={
            "participant": "who", "model": "net", "stage_index": "depth", "correct": "hit",
            "experiment": "study",
        },
        delimiter=";",
    )  # fmt: skip
    table, _ = read_trials(file(tmp_path, rows, header), columns)
    assert table["participant"].unique().tolist() == [7, 9]
    assert table["correct"].tolist() == [1, 0, 0] * 2
    assert table["stage_index"].tolist() == [0, 1, 2] * 2
    assert set(table["experiment"]) == {"s1"}


def change(row: int, old: str, new: str) -> list[str]:
    rows = list(ROWS)
    assert old in rows[row - 2]
    rows[row - 2] = rows[row - 2].replace(old, new)
    return rows


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        (change(5, "anna", " "), COLUMNS, "row 5, column 'participant' is empty"),
        (change(5, "conv", "conv7"), COLUMNS, "row 5, column 'stage': 'conv7' is not in the stage"),
        (change(5, "net,", ","), COLUMNS, "row 5, column 'model': nothing is not given"),
        (ROWS, TrialColumns(experiment="p"), "no column for 'modality'"),
        (ROWS, TrialColumns(modality="vision"), "no column for 'experiment'"),
        (ROWS, TrialColumns(modality="vision", experiment="p"), "in which order stages come"),
        (ROWS, TrialColumns(named={"colour": "x"}), "'colour' is no column of trials"),
        (ROWS, TrialColumns(named={"model": "x"}), "has no column 'x' (it has: subject"),
        (change(2, "main", "catch")[:1], COLUMNS, "no row's phase is 'main'"),
        # anna never saw `final`: her data cannot be analysed, and nothing is kept
        (
            ROWS[:5] + ROWS[6:],
            COLUMNS,
            "participant 0 (human) of vision experiment pilot",
        ),
    ],
)
def test_a_mistake_in_trials_is_named_and_nothing_is_kept(
    rows: list[str], columns: TrialColumns, said: str, tmp_path: Path
) -> None:
    path = file(tmp_path, rows)
    with pytest.raises(BenchError) as caught:
        import_trials(path, "pilot", columns, root=tmp_path / "kept")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert listing(tmp_path / "kept") == ([], [])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["1,a,x,1,maybe"], "row 2, column 'correct': 'maybe' is not 0, 1, true or false"),
        (["1,a,x,1,1", "1,a,y,0,1"], "row 3, column 'stage_index': '0' is not a whole number"),
        (["1,a,x,one,1"], "row 2, column 'stage_index': 'one' is not a whole number from 1"),
        (["1,a,x,1,1", "1,a,x,2,1"], "row 3, column 'stage_index': stage x of model a is 2"),
    ],
)
def test_a_mistake_in_numbers_is_named(rows: list[str], said: str, tmp_path: Path) -> None:
    path = file(tmp_path, rows, "participant,model,stage,stage_index,correct\n")
    with pytest.raises(BenchError) as caught:
        read_trials(path, TrialColumns(modality="vision", experiment="1"))
    assert said in str(caught.value)


def test_participants_are_left_out_and_the_record_says_why(tmp_path: Path) -> None:
    rules = [ExclusionRule("catch", 0.75)]
    record = import_trials(file(tmp_path), "pilot", COLUMNS, rules=rules, chance=0.5, root=tmp_path)
    assert record.excluded == ("participant 1 of pilot: catch 0.000 (needed 0.750)",)
    data = read("pilot", tmp_path)
    assert data.trials is not None
    assert set(data.trials["participant"]) == {0}
    assert data.proportions["participant"].nunique() == 1
    assert data.record.chance == {"vision": 0.5}
    assert data.record.models == 2


def screens(scores: dict[int, tuple[str, int, int]]) -> pd.DataFrame:
    """Return trials: participant to (phase, right, of)."""
    rows = [
        ("e", who, phase, int(i < right))
        for who, (phase, right, n) in scores.items()
        for i in range(n)
    ]
    return pd.DataFrame(rows, columns=["experiment", "participant", "phase", "correct"])


def test_the_papers_screens_are_at_least_7_and_5_of_12() -> None:
    trials = screens({0: ("demo", 7, 12), 1: ("demo", 6, 12), 2: ("demo", 5, 12)})
    (vision,) = FEATHER2023_SCREENS["vision"]
    audio = FEATHER2023_SCREENS["audio"][0]
    assert excluded(trials, [vision])["participant"].tolist() == [1, 2]
    assert excluded(trials, [audio])["participant"].tolist() == []
    assert FEATHER2023_SCREENS["audio"][1] == ExclusionRule("headphones", 5 / 6)
    assert set(exclude(trials, [vision])["participant"]) == {0}


def test_who_took_no_screen_did_not_pass_it() -> None:
    trials = screens({0: ("catch", 9, 10), 1: ("main", 10, 10)})
    (row,) = excluded(trials, [ExclusionRule("catch", 0.5)]).to_dict("records")
    assert (row["participant"], row["n_trials"]) == (1, 0)
    assert np.isnan(row["proportion_correct"])


def test_impossible_rules_are_refused() -> None:
    trials = screens({0: ("catch", 1, 10)})
    with pytest.raises(BenchError, match="leave no participant"):
        exclude(trials, [ExclusionRule("catch", 0.5)])
    with pytest.raises(BenchError, match="no trial is of phase 'demo'"):
        exclude(trials, [ExclusionRule("demo", 0.5)])
    with pytest.raises(BenchError, match="not between 0 and 1"):
        ExclusionRule("catch", 75)
    assert len(exclude(trials, [])) == 10


STIMULI = [f"image{i}" for i in range(400)]


@pytest.mark.parametrize("k", [2, 6, 18, 27, 46])
def test_each_stimulus_is_seen_once_and_conditions_at_most_ceil_400_over_k(k: int) -> None:
    conditions = ["natural", *(f"stage{i}" for i in range(1, k))]
    trials = allocate_trials(conditions, STIMULI, np.random.default_rng(0))
    assert sorted(trials["stimulus"]) == sorted(STIMULI)
    counts = trials["condition"].value_counts()
    most = -(-400 // k)
    assert counts.max() <= most
    assert counts.sum() == 400
    # cutting the surplus takes at most k x ceil(400 / k) - 400 trials from one condition
    assert counts.reindex(conditions, fill_value=0).min() >= most - (k * most - 400)
    assert (trials["shown"] == trials["condition"]).all()
    assert list(trials["stimulus"]) != STIMULI


def test_allocation_is_seeded_and_pairs_stimuli_anew_for_each_participant() -> None:
    conditions = ["natural", "a", "b"]
    first, again, other = (
        allocate_trials(conditions, STIMULI, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    pairs, others = (set(zip(t["stimulus"], t["condition"], strict=True)) for t in (first, other))
    # a third of the pairs agree by chance
    assert 80 < len(pairs & others) < 190


@pytest.mark.parametrize(("modality", "analysed"), [("vision", "natural"), ("audio", None)])
def test_natural_stands_in_for_a_missing_metamer(modality: str, analysed: str | None) -> None:
    missing = {("a", stimulus) for stimulus in STIMULI[:200]}
    trials = allocate_trials(
        ["natural", "a"], STIMULI, np.random.default_rng(0), missing=missing, modality=modality
    )
    replaced = (trials["condition"] == "a") & trials["stimulus"].isin(STIMULI[:200])
    assert 50 < replaced.sum() < 150
    assert set(trials.loc[replaced, "shown"]) == {"natural"}
    assert set(trials.loc[replaced, "analysed_as"]) == {analysed}
    kept = trials[~replaced]
    assert (kept["shown"] == kept["condition"]).all()
    assert (kept["analysed_as"] == kept["condition"]).all()


@pytest.mark.parametrize(
    ("conditions", "stimuli", "modality", "said"),
    [
        (["a"], STIMULI, "vision", "no condition is called 'natural'"),
        (["natural", "natural"], STIMULI, "vision", "condition 'natural' is given twice"),
        (["natural"], [], "vision", "without a stimulus"),
        (["natural"], ["x", "x"], "vision", "stimulus 'x' is given twice"),
        (["natural"], STIMULI, "touch", "modality 'touch' is unknown"),
    ],
)
def test_impossible_allocations_are_refused(
    conditions: list[str], stimuli: list[str], modality: str, said: str
) -> None:
    with pytest.raises(BenchError, match=said):
        allocate_trials(conditions, stimuli, np.random.default_rng(0), modality=modality)


def test_chance_levels() -> None:
    assert chance_level(16) == 0.0625
    assert chance_level(793) * 793 == pytest.approx(1)
    with pytest.raises(BenchError, match="make no chance level"):
        chance_level(1)


PLAIN = "participant,model,stage,stage_index,response,label\n"
ONE = TrialColumns(modality="vision", experiment="1")


def judged(
    tmp_path: Path, pairs: list[tuple[str, str]], **how: bool
) -> tuple[list[int], list[str]]:
    """Return what ``correct`` is of pairs of response and label, and the notes."""
    rows = [f'1,a,conv,1,"{response}","{label}"' for response, label in pairs]
    columns = TrialColumns(modality="vision", experiment="1", **how)
    table, notes = read_trials(file(tmp_path, rows, PLAIN), columns)
    return table["correct"].tolist(), notes


def test_a_response_is_right_however_it_is_spelt(tmp_path: Path) -> None:
    alike = [
        ("Dog", "dog"), ("dog ", "dog"), ("polar  bear", "Polar bear"), ("3.0", "3"), ("3", "3.0"),
        ("+7", "7"), ("e\u0301lan", "\u00c9lan"), ("STRASSE", "stra\u00dfe"),
    ]  # fmt: skip
    same = [("dog", "dog"), ("3", "3")]
    other = [("dog", "dogs"), ("", "dog"), (" ", "dog"), ("3.1", "3"), ("1_0", "10"), ("nan", "x")]
    correct, notes = judged(tmp_path, [*alike, *same, *other])
    assert correct == [1] * (len(alike) + len(same)) + [0] * len(other)
    assert notes[0].startswith("8 of 16 responses are right because case, spaces at the ends and")
    assert "'Dog' for 'dog'" in notes[0]
    assert notes[1] == "2 of 16 responses are empty and count as wrong"
    exactly, silent = judged(tmp_path, [*alike, *same, *other], exact=True)
    assert exactly == [0] * len(alike) + [1] * len(same) + [0] * len(other)
    assert silent == []
    assert judged(tmp_path, same) == ([1, 1], [])


def test_no_response_to_no_label_is_not_right(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="row 3, column 'label' is empty"):
        judged(tmp_path, [("dog", "dog"), ("", "")])
    rows = ["1,a,conv,1,dog,dog,main", "1,a,,,,,instructions", "1,a,,,cat,cat,catch"]
    path = file(tmp_path, rows, PLAIN.strip() + ",phase\n")
    table, notes = read_trials(path, ONE)
    assert table["phase"].tolist() == ["main", "catch"]
    assert "1 rows of other phases have no label and are left out" in notes


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["1", "01", "2"], [1, 0, 2]),  # in the order of names: 01, 1, 2
        (["1", "\u0661"], [0, 1]),  # an Arabic 1
        (["7", "10"], [7, 10]),
        (["anna", "anna ", "Anna"], [1, 1, 0]),
    ],
)
def test_people_stay_apart(names: list[str], numbers: list[int], tmp_path: Path) -> None:
    rows = [f"{name},a,conv,1,dog,dog" for name in names]
    table, notes = read_trials(file(tmp_path, rows, PLAIN), ONE)
    assert table["participant"].tolist() == numbers
    said = " ".join(notes)
    assert ("count as different people" in said) == (names[0] == "1")
    assert ("differ in case only count as different: rows 2, 4" in said) == (names[0] == "anna")
    assert ("which do not count: participant 1" in said) == (names[0] == "anna")


def test_a_guessed_phase_is_said_and_can_be_undone(tmp_path: Path) -> None:
    rows = ["1,a,conv,1,dog,dog,1", "1,a,conv,1,cat,dog,2"]
    path = file(tmp_path, rows, PLAIN.strip() + ",block\n")
    with pytest.raises(BenchError) as caught:
        read_trials(path, ONE)
    assert "column 'block' was taken for the phase: '1', '2'" in str(caught.value)
    assert "--column phase=" in str(caught.value)
    without = TrialColumns(named={"phase": ""}, modality="vision", experiment="1")
    assert read_trials(path, without)[0]["phase"].tolist() == ["main", "main"]
    with pytest.raises(BenchError, match="no column for 'model'"):
        read_trials(path, TrialColumns(named={"model": ""}, modality="vision", experiment="1"))


def test_phases_may_be_spelt_in_capitals(tmp_path: Path) -> None:
    rows = [f"1,a,conv,1,dog,dog,{phase}" for phase in ("Main", "main ", "MAIN", "Catch")]
    table, _ = read_trials(file(tmp_path, rows, PLAIN.strip() + ",phase\n"), ONE)
    assert table["phase"].tolist() == ["main"] * 3 + ["catch"]


def test_which_stage_is_natural_can_be_said(tmp_path: Path) -> None:
    rows = ["1,a,naturalistic,2,dog,dog", "1,a,photo,9,dog,dog", "1,a,conv,1,dog,dog"]
    path = file(tmp_path, rows, PLAIN)
    columns = TrialColumns(modality="vision", experiment="1", natural=("photo",))
    table, notes = read_trials(path, columns)
    assert table["stage_index"].tolist() == [2, 0, 1]
    assert table["stage"].tolist() == ["naturalistic", "natural", "conv"]
    assert notes == []
    with pytest.raises(BenchError, match="no row's stage is 'image'"):
        read_trials(path, TrialColumns(modality="vision", experiment="1", natural=("image",)))


@pytest.mark.parametrize("delimiter", ["", ";;", "\n", '"', "\u20ac\u20ac"])
def test_an_impossible_delimiter_is_refused(delimiter: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="cannot separate values"):
        read_trials(file(tmp_path), TrialColumns(delimiter=delimiter))
