"""The importer of Feather et al. (2023), on a clone with invented values."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from bench.errors import BenchError
from bench.human import feather2023
from bench.human.feather2023_experiments import EXPERIMENTS
from bench.human.imported import listing, read
from bench.human.sources import import_published, open_data

CORNET = EXPERIMENTS[0].matrix("cornet_s")


@pytest.fixture
def clone(pristine_clone: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine_clone, tmp_path / "clone"))


def rewrite(path: Path, **changes: object) -> None:
    content = {k: v for k, v in loadmat(path).items() if not k.startswith("__")}
    savemat(path, content | changes)


def test_every_cell_of_a_matrix_is_one_row(pristine_clone: Path) -> None:
    table = feather2023.load(pristine_clone)
    values = loadmat(pristine_clone / CORNET)["participant_data_matrix"]
    own = table[(table["experiment"] == "vision-1") & (table["model"] == "cornet_s")]
    assert len(own) == values.size == 22 * 6 * 2
    for (person, stage, observer), value in np.ndenumerate(values):
        row = own[
            (own["participant"] == person)
            & (own["stage_index"] == stage)
            & (own["observer"] == ("human", "model")[observer])
        ]
        assert row["proportion_correct"].item() == value
    assert list(own["stage"].unique()) == ["natural", "conv1", "conv2", "conv3", "conv4", "final"]


def test_counts_are_those_of_the_paper(pristine_clone: Path) -> None:
    table = feather2023.load(pristine_clone)
    assert len(table) == 21_302
    assert table[["experiment", "model"]].drop_duplicates().shape[0] == 59
    assert table["experiment"].nunique() == 15
    assert table.groupby("modality")["model"].nunique().to_dict() == {"vision": 30, "audio": 18}
    # Supplementary Tables 5 and 6
    people = table.groupby("experiment")["participant"].nunique()
    assert people.loc[["vision-1", "vision-2", "vision-3", "vision-4", "vision-5"]].tolist() == [
        22, 21, 21, 23, 21,
    ]  # fmt: skip
    assert set(people.drop(["vision-1", "vision-2", "vision-3", "vision-4", "vision-5"])) == {20}


def test_a_tidy_csv_gives_the_same_table_and_bytes(pristine_clone: Path, tmp_path: Path) -> None:
    table = feather2023.load(pristine_clone)
    csv = table.rename(columns={"experiment": "paper_experiment"}).drop(columns="n_trials")
    csv["paper_experiment"] = csv["paper_experiment"].str.split("-").str[1]
    csv.sample(frac=1, random_state=0).to_csv(tmp_path / "human_recognition.csv", index=False)
    first = import_published("feather2023", pristine_clone, tmp_path / "a")
    again = import_published("feather2023", pristine_clone, tmp_path / "a")
    other = import_published("FEATHER2023", tmp_path, tmp_path / "b")
    assert first == again == other
    file = first.tables["proportions"].file
    assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert (first.experiments, first.models, first.participants) == (15, 48, 308)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999])
def test_a_truncated_matrix_is_named_and_nothing_is_kept(
    share: float, clone: Path, tmp_path: Path
) -> None:
    raw = (clone / CORNET).read_bytes()
    (clone / CORNET).write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(BenchError, match=CORNET.name) as caught:
        import_published("feather2023", clone, tmp_path / "kept")
    assert "\n" not in str(caught.value)
    assert listing(tmp_path / "kept") == ([], [])
    assert not list(tmp_path.glob("kept/*"))


@pytest.mark.parametrize("at", range(3, 100, 8))
def test_a_damaged_matrix_is_named(at: int, clone: Path) -> None:
    raw = bytearray((clone / CORNET).read_bytes())
    position = 128 + (len(raw) - 128) * at // 100  # the first 128 bytes are free text
    raw[position : position + 8] = bytes(255 - byte for byte in raw[position : position + 8])
    (clone / CORNET).write_bytes(raw)
    with pytest.raises(BenchError, match=CORNET.name) as caught:
        feather2023.load(clone)
    assert "\n" not in str(caught.value)


def test_a_missing_matrix_is_named(clone: Path) -> None:
    (clone / CORNET).unlink()
    with pytest.raises(BenchError, match=rf"{CORNET.name} is missing: 1 of 59 matrices are"):
        feather2023.load(clone)


@pytest.mark.parametrize("value", [1.2, -0.1, np.nan])
def test_a_proportion_outside_0_and_1_is_named(value: float, clone: Path) -> None:
    values = loadmat(clone / CORNET)["participant_data_matrix"]
    values[3, 2, 1] = value
    rewrite(clone / CORNET, participant_data_matrix=values)
    with pytest.raises(BenchError, match=rf"participant 3, stage conv2, model: {value} is not"):
        feather2023.load(clone)


def test_a_participant_less_is_noticed(clone: Path) -> None:
    content = loadmat(clone / CORNET)
    rewrite(
        clone / CORNET,
        participant_data_matrix=content["participant_data_matrix"][:-1],
        participants=content["participants"][:-1],
    )
    with pytest.raises(BenchError, match=r"participant 21 \(human\).*no row for model cornet_s"):
        feather2023.load(clone)


def test_a_stage_less_is_noticed(clone: Path) -> None:
    content = loadmat(clone / CORNET)
    rewrite(
        clone / CORNET,
        participant_data_matrix=content["participant_data_matrix"][:, :-1],
        model_layers=content["model_layers"][:-1],
    )
    with pytest.raises(BenchError, match="22 participants x 5 stages, where 22 x 6 were published"):
        feather2023.load(clone)


def test_natural_must_be_shared_by_the_models_of_an_experiment(clone: Path) -> None:
    values = loadmat(clone / CORNET)["participant_data_matrix"]
    values[5, 0, 0] = 0.123
    rewrite(clone / CORNET, participant_data_matrix=values)
    with pytest.raises(BenchError, match=r"participant 5 \(human\), vision-1.*with another model"):
        feather2023.load(clone)


def test_shape_and_axes_must_be_the_published_ones(clone: Path) -> None:
    content = loadmat(clone / CORNET)
    rewrite(clone / CORNET, conditions=["Network", "Human"])
    with pytest.raises(BenchError, match="not the published ones"):
        feather2023.load(clone)
    rewrite(
        clone / CORNET,
        conditions=["Human", "Network"],
        participant_data_matrix=content["participant_data_matrix"][..., 0],
    )
    with pytest.raises(BenchError, match=r"a matrix of shape \(22, 6\), not \(22, 6, 2\)"):
        feather2023.load(clone)


@pytest.mark.parametrize("name", ["", "empty", "missing", "notes.csv"])
def test_a_path_without_the_data_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BenchError, match=name or "holds no data") as caught:
        feather2023.load(tmp_path / name)
    assert "\n" not in str(caught.value)


NETWORK = "modality,generation_model,stage,stage_index,recognition_model,n_stimuli,n_correct\n"
GOOD = "vision,a,conv,1,b,40,20\n"


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("vision,a,conv,2,b,40,41\n", "row 3, column 'n_correct': 41 is not at most"),
        ("vision,a,conv,2,b,forty,4\n", "row 3, column 'n_stimuli': 'forty' is not a whole"),
        ("vision,a,conv,2,b,40,1.5\n", "row 3, column 'n_correct': '1.5' is not a whole"),
        ("vision,a,conv,2,b,0,0\n", "row 3, column 'n_stimuli': 0 is not 1 or more"),
        (GOOD, "row 3, column 'recognition_model': 'b' is not given once"),
    ],
)
def test_recognition_by_models_is_checked(bad: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "network_recognition.csv"
    path.write_text(NETWORK + GOOD + bad)
    with pytest.raises(BenchError) as caught:
        feather2023.load_recognition(tmp_path)
    assert said in str(caught.value)


def test_recognition_is_kept_where_it_lies_beside(clone: Path, tmp_path: Path) -> None:
    (clone / "network_recognition.csv").write_text(NETWORK + GOOD)
    import_published("feather2023", clone, tmp_path / "kept")
    data = read("feather2023", tmp_path / "kept")
    assert data.recognition is not None
    assert data.recognition["n_correct"].tolist() == [20]
    assert open_data(str(clone)).recognition is not None
