"""ImageNet's stimulus sets: layouts, the published 400, the order, the suite."""

import csv
import io
import tarfile
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from bench.errors import BenchError
from bench.labels.imagenet import CATEGORIES, classes
from bench.stimuli.imagenet400 import candidates

TABBY, TENCH, AIRLINER = 281, 0, 404


@pytest.fixture(scope="module")
def plugins(family):
    return family("imagenet")


def image_bytes(width=230, height=230, mode="RGB", value=128):
    buffer = io.BytesIO()
    Image.new(mode, (width, height), value).save(buffer, "jpeg")
    return buffer.getvalue()


def validation_name(number):
    return f"ILSVRC2012_val_{number:08d}.JPEG"


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """Three validation images in a flat folder."""
    folder = tmp_path_factory.mktemp("flat")
    for number in (1, 2, 3):
        (folder / validation_name(number)).write_bytes(image_bytes(value=number))
    return folder


TRUE_CLASSES = {1: TABBY, 2: TENCH, 3: AIRLINER}


def devkit():
    """A devkit whose own numbering of the classes runs backwards, as any but sorted order may."""
    dtype = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O")]
    rows = [(1000 - k, one.wnid, ", ".join(one.names)) for k, one in enumerate(classes())]
    meta = io.BytesIO()
    savemat(meta, {"synsets": np.array(rows, dtype=dtype).reshape(-1, 1)})
    truth = "\n".join(str(1000 - TRUE_CLASSES[k]) for k in (1, 2, 3)).encode()
    return {"meta.mat": meta.getvalue(), "ILSVRC2012_validation_ground_truth.txt": truth}


def lay_devkit(folder):
    place = folder / "ILSVRC2012_devkit_t12" / "data"
    place.mkdir(parents=True)
    for name, content in devkit().items():
        (place / name).write_bytes(content)


def lay_archive(folder):
    with tarfile.open(folder / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
        for name, content in devkit().items():
            member = tarfile.TarInfo(f"ILSVRC2012_devkit_t12/data/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def lay_kaggle(folder):
    rows = [
        f"ILSVRC2012_val_{k:08d},{classes()[c].wnid} 1 2 3 4 {classes()[c].wnid} 5 6 7 8 "
        for k, c in TRUE_CLASSES.items()
    ]
    table = "\n".join(["ImageId,PredictionString", *rows])
    (folder / "LOC_val_solution.csv").write_text(table, encoding="utf-8")


@pytest.mark.parametrize("lay", [lay_devkit, lay_archive, lay_kaggle])
@pytest.mark.parametrize("inside", ["", "val", "ILSVRC/Data/CLS-LOC/val"])
def test_the_flat_folder_is_labelled(plugins, flat, tmp_path, lay, inside):
    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    for path in flat.iterdir():
        (tmp_path / inside / path.name).write_bytes(path.read_bytes())
    lay(tmp_path)
    for data in {tmp_path, tmp_path / inside}:
        stimuli = plugins.stimuli.get("imagenet-val").load(None, data)
        found = dict(zip(stimuli.ids, stimuli.labels.tolist(), strict=True))
        assert found == {f"ILSVRC2012_val_{k:08d}": c for k, c in TRUE_CLASSES.items()}


def lay_kaggle_of_windows(folder):
    lay_kaggle(folder)
    path = folder / "LOC_val_solution.csv"
    text = path.read_text(encoding="utf-8").replace("\n", "\r\n")
    path.write_bytes(text.encode("utf-8-sig"))


def lay_devkit_of_windows(folder):
    lay_devkit(folder)
    path = folder / "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-8-sig"))


@pytest.mark.parametrize("lay", [lay_kaggle_of_windows, lay_devkit_of_windows])
def test_truths_may_begin_with_a_byte_order_mark(plugins, flat, tmp_path, lay):
    for path in flat.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lay(tmp_path)
    stimuli = plugins.stimuli.get("imagenet-val").load(None, tmp_path)
    assert dict(zip(stimuli.ids, stimuli.labels.tolist(), strict=True)) == {
        f"ILSVRC2012_val_{k:08d}": c for k, c in TRUE_CLASSES.items()
    }


def test_damaged_truths_are_named(plugins, flat, tmp_path):
    for path in flat.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "LOC_val_solution.csv").write_bytes("ImageId,PredictionString".encode("utf-16"))
    with pytest.raises(BenchError, match=r"LOC_val_solution\.csv is not Kaggle's table"):
        plugins.stimuli.get("imagenet-val").load(None, tmp_path)


def test_an_image_without_a_truth_is_named(plugins, flat, tmp_path):
    for path in flat.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / validation_name(4)).write_bytes(image_bytes())
    (tmp_path / "holiday.jpg").write_bytes(image_bytes())
    lay_kaggle(tmp_path)
    stimuli = plugins.stimuli.get("imagenet-val").load(None, tmp_path)
    assert len(stimuli) == 3
    assert stimuli.notes == (
        f"1 validation images of which no list says what they show: {validation_name(4)}",
        "1 images that nothing labels: holiday.jpg",
    )


@pytest.mark.parametrize("inside", ["", "val"])
def test_the_class_in_a_flat_files_name_is_its_label(plugins, tmp_path, inside):
    """Names of Hugging Face's archives: validation images, and training images laid flat."""
    (tmp_path / inside).mkdir(exist_ok=True)
    for number, label in TRUE_CLASSES.items():
        name = f"ILSVRC2012_val_{number:08d}_{classes()[label].wnid}.JPEG"
        (tmp_path / inside / name).write_bytes(image_bytes(value=number))
    for name in ("n01440764_10026.JPEG", "n02123045_7_n02123045.JPEG", "n99999999_1.JPEG"):
        (tmp_path / inside / name).write_bytes(image_bytes())
    stimuli = plugins.stimuli.get("imagenet-val").load(None, tmp_path)
    assert dict(zip(stimuli.ids, stimuli.labels.tolist(), strict=True)) == {
        **{f"ILSVRC2012_val_{k:08d}": c for k, c in TRUE_CLASSES.items()},
        "n01440764_10026.JPEG": TENCH,
        "n02123045_7_n02123045.JPEG": TABBY,
    }
    assert stimuli.notes == ("1 images that nothing labels: n99999999_1.JPEG",)


def lay_imagewoof(folder):
    """A few files of dogs keep their validation names, as in Imagewoof."""
    number = candidates()["dog"][0][0]
    for wnid in ("n02086240", "n02087394"):
        for part in ("train", "val"):
            place = folder / part / wnid
            place.mkdir(parents=True)
            for k in range(4):
                (place / f"{wnid}_{k}.JPEG").write_bytes(image_bytes(value=k))
    (folder / "val" / "n02086240" / validation_name(number)).write_bytes(image_bytes())
    (folder / "noisy_imagewoof.csv").write_text("path\n")
    return number


def test_sets_made_from_imagenet_are_taken_whole(plugins, tmp_path):
    number = lay_imagewoof(tmp_path)
    for name in ("imagenet-400", "imagenet-val"):
        stimuli = plugins.stimuli.get(name).load(None, tmp_path)
        assert len(stimuli) == 9
        assert f"ILSVRC2012_val_{number:08d}" in stimuli.ids
    dogs = plugins.stimuli.get("imagenet-400").load(None, tmp_path)
    assert {CATEGORIES[label] for label in dogs.labels} == {"dog"}
    assert "9 images in the 16 categories stands in for the published 400" in dogs.notes[0]
    assert "no images of airplane, bear" in dogs.notes[1]


def lay_categories(folder):
    for name, count in {"cat": 2, "Dog": 1, "notes": 1}.items():
        (folder / name).mkdir()
        for k in range(count):
            (folder / name / f"{k}.jpg").write_bytes(image_bytes(value=k))


@pytest.mark.parametrize("name", ["imagenet-400", "imagenet-val", "images"])
def test_folders_named_by_categories_serve_every_set(plugins, tmp_path, name):
    lay_categories(tmp_path)
    stimuli = plugins.stimuli.get(name).load(None, tmp_path)
    assert stimuli.label_space == "imagenet16"
    labels = {
        file: CATEGORIES[label] for file, label in zip(stimuli.ids, stimuli.labels, strict=True)
    }
    assert labels == {"Dog/0.jpg": "dog", "cat/0.jpg": "cat", "cat/1.jpg": "cat"}
    said = "only the 16 categories name the folders: answers are counted in imagenet16"
    assert (said in stimuli.notes) == (name != "imagenet-400")


def test_a_category_beside_classes_is_named(plugins, tmp_path):
    lay_categories(tmp_path)
    (tmp_path / "tabby").mkdir()
    (tmp_path / "tabby" / "0.jpg").write_bytes(image_bytes())
    stimuli = plugins.stimuli.get("imagenet-val").load(None, tmp_path)
    assert stimuli.ids == ("tabby/0.jpg",)
    assert (
        "2 folders that name a category, which is no class of the 1000: Dog; cat" in stimuli.notes
    )


def test_a_flat_folder_without_truths_is_explained(plugins, flat):
    with pytest.raises(BenchError, match=r"devkit.*LOC_val_solution"):
        plugins.stimuli.get("imagenet-val").load(None, flat)


def test_a_damaged_devkit_is_named(plugins, flat, tmp_path):
    for path in flat.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(b"not a tar file")
    with pytest.raises(BenchError, match=r"devkit_t12\.tar\.gz cannot be read"):
        plugins.stimuli.get("imagenet-val").load(None, tmp_path)


def test_both_layouts_give_the_same_stimuli(plugins, flat, tmp_path):
    lay_kaggle(tmp_path)
    for path in flat.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    by_class = tmp_path / "elsewhere"
    for number, label in TRUE_CLASSES.items():
        folder = by_class / "val" / classes()[label].wnid
        folder.mkdir(parents=True)
        content = (flat / validation_name(number)).read_bytes()
        (folder / validation_name(number)).write_bytes(content)
    load = plugins.stimuli.get("imagenet-val").load
    assert load(None, by_class).digest == load(None, tmp_path).digest


@pytest.fixture(scope="module")
def drawn_lists(shared):
    """Category to its candidates in draw order, from the shared table: (number, excluded)."""
    path = shared / "data/feather2023/imagenet400_candidates.csv"
    lists = {name: [] for name in CATEGORIES}
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            number = int(row["imagenet_val_file"].removesuffix(".JPEG").rsplit("_", 1)[1])
            lists[row["category"]].append((number, row["excluded_by_hand"] == "1"))
    return lists


def test_the_candidates_are_the_published_ones(drawn_lists):
    assert {name: list(drawn) for name, drawn in candidates().items()} == drawn_lists


def test_the_400_are_rebuilt_by_the_rule(plugins, tmp_path, drawn_lists):
    good = image_bytes()
    for drawn in drawn_lists.values():
        for number, _ in drawn[:45]:
            (tmp_path / validation_name(number)).write_bytes(good)
    truck = [number for number, excluded in drawn_lists["truck"] if not excluded]
    spoilt = {
        truck[0]: image_bytes(mode="L"),
        truck[1]: image_bytes(width=223),
        truck[2]: good[:400],
    }
    for number, content in spoilt.items():
        (tmp_path / validation_name(number)).write_bytes(content)
    expected = {
        name: [n for n, out in drawn if not out][:25] for name, drawn in drawn_lists.items()
    }
    expected["truck"] = truck[3:28]

    stimuli = plugins.stimuli.get("imagenet-400").load(None, tmp_path)
    found = {name: [] for name in CATEGORIES}
    for name, label in zip(stimuli.ids, stimuli.labels, strict=True):
        found[CATEGORIES[label]].append(int(name.rsplit("_", 1)[1]))
    assert found == expected
    assert stimuli.labels[:32].tolist() == [*range(16)] * 2
    (report,) = stimuli.notes
    assert report.startswith("400 of 400")
    assert "1 not RGB" in report
    assert "1 under 224 px" in report
    assert "1 unreadable" in report

    (tmp_path / validation_name(truck[5])).unlink()
    first = plugins.stimuli.get("imagenet-400").load(20, tmp_path)
    assert len(first) == 20
    assert first.ids == stimuli.ids[:20]  # what is missing comes later
    assert "1 missing" in first.notes[0]
    assert "not exactly the published stimuli" in first.notes[1]


def test_the_reconstructed_list_agrees_with_the_rule(shared):
    # Independent of our code: the table of most probable stimuli takes candidates in draw order.
    with (shared / "data/feather2023/imagenet400_stimuli.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ours = {number for drawn in candidates().values() for number, out in drawn if not out}
    theirs = {int(row["imagenet_val_file"][15:23]) for row in rows}
    assert Counter(row["category"] for row in rows) == dict.fromkeys(CATEGORIES, 25)
    assert theirs <= ours


def test_other_images_stand_in_for_the_400(plugins, tmp_path):
    for folder, count in {"tabby": 3, "n02690373": 1, "Dog": 2, "tench": 2, "junk": 1}.items():
        (tmp_path / folder).mkdir()
        for k in range(count):
            (tmp_path / folder / f"{k}.jpg").write_bytes(image_bytes(value=k))
    stimuli = plugins.stimuli.get("imagenet-400").load(None, tmp_path)
    names = [CATEGORIES[label] for label in stimuli.labels]
    assert sorted(names[:3]) == ["airplane", "cat", "dog"]  # each category in turn
    assert sorted(names[3:]) == ["cat", "cat", "dog"]
    assert stimuli.values[:].shape == (6, 3, 224, 224)
    assert "stands in for the published 400" in stimuli.notes[0]
    assert stimuli.notes[1].startswith("no images of bear, bicycle, bird")
    assert "junk" in stimuli.notes[2]
    assert "tench" not in stimuli.notes[2]
    assert plugins.stimuli.get("imagenet-400").load(2, tmp_path).ids == stimuli.ids[:2]


def test_the_sample_of_photographs_loads(plugins, shared):
    sample = shared / "data/imagenet-sample"
    with (sample / "labels.csv").open(encoding="utf-8") as file:
        truth = {row["file"]: row for row in csv.DictReader(file)}
    in_1000 = plugins.stimuli.get("images").load(None, sample)
    assert {name: int(truth[name]["class_index"]) for name in in_1000.ids} == dict(
        zip(in_1000.ids, in_1000.labels.tolist(), strict=True)
    )
    in_16 = plugins.stimuli.get("imagenet-400").load(None, sample)
    assert {name: CATEGORIES.index(truth[name]["category16"]) for name in in_16.ids} == dict(
        zip(in_16.ids, in_16.labels.tolist(), strict=True)
    )
    assert len(in_1000) == len(in_16) == len(truth) == 207


def test_the_suite_is_the_papers(plugins, published):
    suite = plugins.suites.get("imagenet")
    vision = [name for name, entry in published.items() if entry["modality"] == "vision"]
    assert list(suite.models) == [*vision, *(f"efficientnet_lite{k}" for k in range(3))]
    assert (suite.protocol.name, suite.limit) == ("feather2023", 400)
    stimuli = plugins.stimuli.get(suite.stimuli)
    assert (stimuli.label_space, stimuli.size) == (suite.label_space, suite.limit)
    assert suite.accuracy.stimuli == suite.robustness.stimuli == "imagenet-val"
    assert (suite.robustness.n, suite.robustness.subsets, suite.robustness.steps) == (5120, 5, 64)
    assert suite.robustness.eps == {"linf": (pytest.approx(4 / 255),), "l2": (3.0,)}
