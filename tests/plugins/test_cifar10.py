"""CIFAR-10: both of its layouts, the order of the sets, what is refused, and the suite."""

from __future__ import annotations

import io
import pickle
import tarfile
from importlib.metadata import EntryPoint
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import bench
from bench.errors import BenchError, ExitCode
from bench.plugins import Plugins
from bench.runner.backends import Workers
from bench.runner.run import run
from bench.runner.selection import select
from bench.store.run_dir import RunDir
from bench.suites.suite import Suite
from bench.tasks.task import RunSettings

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
INSIDE = "cifar-10-batches-bin/test_batch.bin"


def label_of(k: int) -> int:
    """Classes come in blocks of unequal length here: 0 once, 1 twice ... then again."""
    return int((8 * (k % 55) + 1) ** 0.5 - 1) // 2


def made_up_batch() -> bytearray:
    """10,000 records, by the description at https://www.cs.toronto.edu/~kriz/cifar.html.

    Image k: pixel (0, 0) is red k % 256, pixel (0, 1) green 7, pixel (31, 31) blue 255.
    """
    content = bytearray(10_000 * 3073)
    for k in range(10_000):
        start = 3073 * k
        content[start] = label_of(k)
        content[start + 1] = k % 256
        content[start + 1 + 1024 + 1] = 7
        content[start + 1 + 3071] = 255
    return content


@pytest.fixture(scope="module")
def batch() -> bytes:
    return bytes(made_up_batch())


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory, batch) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    (folder / INSIDE).parent.mkdir()
    (folder / INSIDE).write_bytes(batch)
    return folder


def pack(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(scope="module")
def packed(tmp_path_factory, batch) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    members = {"cifar-10-batches-bin/data_batch_1.bin": b"not read", INSIDE: batch}
    pack(folder / "cifar-10-binary.tar.gz", **members)
    return folder


@pytest.fixture(scope="module")
def plugins(family) -> Plugins:
    return family("cifar10")


@pytest.fixture(scope="module")
def load(plugins):
    return lambda name, limit, data: plugins.stimuli.get(f"cifar10-{name}").load(limit, data)


def test_the_test_images_are_those_of_the_file(load, unpacked) -> None:
    stimuli = load("test", None, unpacked)
    assert len(stimuli) == 10_000
    assert stimuli.labels.tolist() == [label_of(k) for k in range(10_000)]
    image = np.zeros((3, 32, 32))
    image[0, 0, 0], image[1, 0, 1], image[2, 31, 31] = 200 / 255, 7 / 255, 1
    found = stimuli.values[[256 + 200]]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, image[None], atol=1e-7)
    assert stimuli.ids[456] == "test-00456"
    first = load("test", 30, unpacked)
    assert first.ids == stimuli.ids[:30]
    np.testing.assert_array_equal(first.values[:], stimuli.values[:30])


def test_metamers_are_made_from_a_balanced_sample(load, unpacked) -> None:
    stimuli = load("balanced", 30, unpacked)
    assert stimuli.labels.tolist() == [*range(10)] * 3
    # The first of each class in the file: 1 + 2 + ... images stand before it.
    assert stimuli.ids[:4] == ("test-00000", "test-00001", "test-00003", "test-00006")
    reds = (255 * stimuli.values[:, 0, 0, 0]).round().astype(int).tolist()
    assert reds == [int(name[-5:]) % 256 for name in stimuli.ids]
    whole = load("balanced", None, unpacked)
    assert whole.ids[:30] == stimuli.ids
    # 181 whole blocks of 55 and 45 more: airplanes are rarest, 182 of them.
    assert np.bincount(whole.labels).tolist() == [182] * 10


def test_the_archive_holds_the_same(load, unpacked, packed) -> None:
    for name in ("test", "balanced"):
        expected = load(name, 50, unpacked).digest
        assert load(name, 50, packed).digest == expected
        assert load(name, 50, packed / "cifar-10-binary.tar.gz").digest == expected
        assert load(name, 50, unpacked / INSIDE).digest == expected


@pytest.fixture
def folders(tmp_path) -> Path:
    for label, name in enumerate(CLASSES):
        (tmp_path / "test" / name).mkdir(parents=True)
        for k in range(2 + (name == "cat")):
            image = Image.new("RGB", (32, 32), (10 * label, k, 255))
            image.save(tmp_path / "test" / name / f"{k}.png")
    return tmp_path


def test_class_folders_are_read_in_turn(load, folders) -> None:
    stimuli = load("test", None, folders)
    assert stimuli.labels.tolist() == [*range(10), *range(10), 3]
    assert stimuli.ids[:2] == ("airplane/0.png", "automobile/0.png")
    expected = np.array([[10 * label, k // 10, 255] for k, label in enumerate(stimuli.labels)])
    for corner in (0, 31):
        found = 255 * stimuli.values[:][:, :, corner, corner]
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert load("balanced", None, folders).labels.tolist() == [*range(10)] * 2
    assert load("balanced", 12, folders / "test").ids == stimuli.ids[:12]


def test_class_folders_that_do_not_fit_are_named(load, folders) -> None:
    Image.new("RGB", (96, 96)).save(folders / "test/dog/0.png")
    with pytest.raises(BenchError, match=r"dog/0\.png is not of CIFAR-10: it has 96 x 96 px"):
        load("test", None, folders)
    (folders / "test/dog/0.png").write_bytes(b"no image")
    with pytest.raises(BenchError, match=r"dog/0\.png cannot be read: not an image") as raised:
        load("test", None, folders)
    assert raised.value.exit_code == ExitCode.USAGE
    for path in (folders / "test/dog").iterdir():
        path.unlink()
    (folders / "test/ship").rename(folders / "test/boat")
    with pytest.raises(BenchError, match=r"no images of dog, ship"):
        load("test", None, folders)


def refused(load, data: Path | None) -> str:
    with pytest.raises(BenchError) as raised:
        load("test", 10, data)
    line = str(raised.value)
    assert "\n" not in line
    return line


def test_a_damaged_batch_is_named(load, tmp_path, batch) -> None:
    path = tmp_path / "test_batch.bin"
    path.write_bytes(batch[:-1])
    assert f"{path} is cut off" in refused(load, tmp_path)
    assert "30,729,999 bytes, not 30,730,000" in refused(load, tmp_path)
    strange = bytearray(batch)
    strange[3073 * 6] = 10
    path.write_bytes(strange)
    line = refused(load, tmp_path)
    assert f"{path} is damaged" in line
    assert "the label of image 6 is 10" in line
    path.write_bytes(batch)  # mended: what was read before is not remembered
    assert len(load("test", 10, tmp_path)) == 10


def test_a_damaged_archive_is_named(load, packed, tmp_path) -> None:
    path = tmp_path / "cifar-10-binary.tar.gz"
    whole = (packed / path.name).read_bytes()
    for content, what in (
        (whole[: len(whole) // 2], "cannot be read"),
        (b"<html>not found</html>", "cannot be read"),
    ):
        path.write_bytes(content)
        assert f"{path} {what}" in refused(load, tmp_path)
    pack(path, **{"cifar-100-binary/test.bin": b"other"})
    assert f"{path} holds no test_batch.bin" in refused(load, tmp_path)
    pack(path, **{INSIDE: bytes(3073)})
    assert "3,073 bytes, not 30,730,000" in refused(load, tmp_path)


@pytest.mark.parametrize("name", ["cifar-10-batches-py/test_batch", "cifar-10-python.tar.gz"])
def test_pickles_are_refused_and_never_read(load, tmp_path, name) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(pickle.dumps({"data": b""}))
    for data in {tmp_path, (tmp_path / name).parent, tmp_path / name}:
        line = refused(load, data)
        assert "is pickled" in line
        assert "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz" in line


def test_what_is_not_there_is_explained(load, tmp_path) -> None:
    assert "--data DIR" in refused(load, None)
    assert "there is no " in refused(load, tmp_path / "nowhere")
    assert "holds no CIFAR-10: neither test_batch.bin" in refused(load, tmp_path)
    (tmp_path / "data_batch_1.bin").write_bytes(bytes(3073))  # training images
    assert "holds no CIFAR-10" in refused(load, tmp_path / "data_batch_1.bin")


def plugins_of(**modules: str) -> Plugins:
    """Load what the suite needs besides models, and further plugins by their modules."""
    named = {
        name: f"bench_plugins.{name}" for name in ("cifar10", "attacks", "metrics", "tasks")
    } | modules
    return Plugins([EntryPoint(name, value, "bench") for name, value in named.items()])


def test_the_suite_is_robustbenchs(plugins) -> None:
    suite = plugins.suites.get("cifar10")
    assert (suite.protocol.name, suite.models, suite.limit) == ("feather2023", ("all",), 400)
    for set_id in (suite.stimuli, suite.accuracy.stimuli, suite.nulls.stimuli):
        assert plugins.stimuli.get(set_id).label_space == suite.label_space == "cifar10"
    assert suite.accuracy.n is None  # all of them
    # RobustBench's boards (Croce et al. 2021, section 3): Linf 8/255 and L2 0.5.
    assert suite.robustness.eps == {"linf": (pytest.approx(8 / 255),), "l2": (0.5,)}
    assert suite.board.robustness_eps == suite.robustness.eps["linf"][0]


def test_the_suite_takes_all_of_robustbenchs_networks(monkeypatch) -> None:
    plugins = plugins_of(robust="bench_plugins.robust")
    ten = [spec.id for spec in plugins.models if spec.labels == "cifar10"]
    monkeypatch.setattr(bench.ModelSpec, "missing_packages", lambda spec: [])
    chosen = select(plugins, plugins.suites.get("cifar10"))
    assert [model.spec.id for model in chosen.models] == ten
    assert len(ten) == 114


def test_without_robustbench_the_suite_says_what_to_install(monkeypatch) -> None:
    plugins = plugins_of(robust="bench_plugins.robust")
    needed = ["metamer-bench[robustbench]"]
    monkeypatch.setattr(bench.ModelSpec, "missing_packages", lambda spec: needed)
    with pytest.raises(BenchError) as raised:
        select(plugins, plugins.suites.get("cifar10"))
    line = str(raised.value)
    assert line.startswith("suite cifar10: no model is left to run")
    assert "pip install metamer-bench[robustbench]" in line
    assert "\n" not in line


def build(weights: str | None):
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 10 * 10, 10)
    )


@bench.hookimpl
def bench_register_models(register) -> None:
    """Two small networks: this module is a plugin, too."""
    for name in ("cifar-a", "cifar-b"):
        register(
            bench.ModelSpec(
                id=name,
                family="toy",
                build=build,
                input=bench.ImageInput(size_px=32),
                labels="cifar10",
                stages={"conv": "1", "final": ""},
            )
        )


def test_the_suite_runs(tmp_path, unpacked) -> None:
    plugins = plugins_of(toy=__name__)
    suite = plugins.suites.get("cifar10").model_dump()
    suite["protocol"]["replace"] = {"steps": 2, "repetitions": 1}
    suite["accuracy"]["n"] = 40
    suite["nulls"]["n"] = 20
    suite["robustness"] |= {"steps": 1}
    small = Suite.model_validate(suite).limited(10)
    settings = RunSettings(root=tmp_path / "run", suite=small, data=unpacked, device="cpu")
    result = run(plugins, settings, Workers(count=1), None, Console(file=StringIO()))
    assert result.exit_code == ExitCode.DONE
    tables = {kind: RunDir(settings.root).table(kind) for kind in ("accuracy", "robustness")}
    assert tables["accuracy"].groupby("model").size().to_dict() == {"cifar-a": 40, "cifar-b": 40}
    attacked = tables["robustness"].groupby(["model", "norm"]).size()
    assert attacked.to_dict() == {
        (m, n): 10 for m in ("cifar-a", "cifar-b") for n in ("linf", "l2")
    }
    shown = RunDir(settings.root).table("recognition")
    metamers = shown[(shown["stage"] == "conv") & (shown["generation_model"] == "cifar-a")]
    assert set(metamers["recognition_model"]) == {"cifar-a", "cifar-b"}
    assert sorted(metamers.groupby("id")["label"].first()) == [*range(10)]
