"""Results are there whole or not at all, and what changed is found."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError, ExitCode
from bench.store import files
from bench.store.files import DiskFull, StoreError, write_atomically, write_json
from bench.store.keys import as_folder, canonical, content_key
from bench.store.run_dir import DamagedResult, Place, RunDir

ROWS = pd.DataFrame({"id": ["a", "b"], "correct": [True, False]})
PLACE = Place("synthesis", "k" * 24, "timm:resnet50", "layer1")


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    found = RunDir(tmp_path / "run")
    arrays = {"stimuli": np.arange(6, dtype=np.float32).reshape(2, 3)}
    found.commit(PLACE, ROWS, arrays, {"seconds": 1.0})
    return found


def test_what_goes_in_comes_out(run_dir) -> None:
    assert run_dir.finished(PLACE)
    pd.testing.assert_frame_equal(run_dir.rows(PLACE), ROWS)
    np.testing.assert_array_equal(run_dir.arrays(PLACE)["stimuli"], [[0, 1, 2], [3, 4, 5]])
    assert run_dir.facts(PLACE)["seconds"] == 1.0


@pytest.mark.parametrize("suffix", [".safetensors", ".parquet"])
@pytest.mark.parametrize("damage", ["truncated", "edited", "gone", "empty"])
def test_damage_is_found(run_dir, suffix, damage) -> None:
    path = (run_dir.root / PLACE.marker).with_suffix(suffix)
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = {"truncated": data[:-1], "edited": data[:-1] + b"?", "empty": b""}[damage]
        path.write_bytes(changed)
    with pytest.raises(DamagedResult, match="changed or cut off"):
        run_dir.finished(PLACE)
    with pytest.raises(DamagedResult):
        run_dir.arrays(PLACE) if suffix == ".safetensors" else run_dir.rows(PLACE)
    assert run_dir.damaged_files(PLACE) == [path]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"files": [{"name": "x"}]}', b"\xff\xfe"])
def test_a_damaged_marker_is_found(run_dir, text) -> None:
    (run_dir.root / PLACE.marker).write_bytes(text)
    with pytest.raises(DamagedResult):
        run_dir.finished(PLACE)


def test_a_copied_directory_is_still_finished(run_dir, tmp_path) -> None:
    import shutil

    shutil.copytree(run_dir.root, tmp_path / "copy", copy_function=shutil.copyfile)
    assert RunDir(tmp_path / "copy").finished(PLACE)


def test_without_its_marker_a_result_does_not_exist(run_dir) -> None:
    run_dir.withdraw(PLACE)
    assert run_dir.finished(PLACE) is None


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, step) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"old": True})

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(files.os, "fsync", full)
    else:
        monkeypatch.setattr(Path, step, full)
    with pytest.raises(DiskFull, match=r"a\.json cannot be written: the disk is full") as caught:
        write_json(path, {"new": True})
    monkeypatch.undo()
    assert caught.value.exit_code == ExitCode.SOME_FAILED
    assert path.read_text() == '{\n "old": true\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX resource limits")
def test_a_really_full_disk(tmp_path) -> None:
    """The kernel itself refuses the bytes: a limit on file size stands for the disk's."""
    import subprocess
    import sys

    code = f"""
import resource, signal
from pathlib import Path
from bench.store.files import DiskFull, write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path({str(tmp_path / "big")!r}), b"x" * 5000)
except DiskFull as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "the disk is full" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_named(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file/a cannot be written"):
        write_atomically(tmp_path / "file" / "a", b"")


def test_foreign_and_damaged_directories(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="is a file, not a run directory"):
        RunDir(tmp_path / "file")
    with pytest.raises(BenchError, match=r"it has no run\.json"):
        RunDir.existing(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match=r"run\.json is not of format 1"):
        RunDir(tmp_path).read_record()
    (tmp_path / "run.json").write_text('{"form')
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        RunDir(tmp_path).read_record()


def test_keys_hang_on_content_alone() -> None:
    assert content_key({"a": 1, "b": [1, 2]}) == content_key({"b": [1, 2], "a": 1})
    assert content_key({"a": 1}) != content_key({"a": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})


def test_ids_become_folder_names() -> None:
    assert as_folder("timm:resnet50") == "timm%3Aresnet50"
    assert as_folder("CLIP_ViT-B_32") == "CLIP_ViT-B_32"
