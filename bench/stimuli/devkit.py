"""What ImageNet's validation images show, where they lie in one flat folder."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

from bench.errors import BenchError
from bench.labels.imagenet import classes

GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
META = "meta.mat"
ARCHIVE = "ILSVRC2012_devkit_t12.tar.gz"
KAGGLE = "LOC_val_solution.csv"
TRUTHS = f"the devkit (folder, or {ARCHIVE}) or Kaggle's {KAGGLE}"
# Below the folder with the images, or below those in which it lies.
INSIDE = ("", "ILSVRC2012_devkit_t12/data", "devkit/data", "data")


def validation_truths(data: Path) -> dict[int, int] | None:
    """Return image number to class number (0 to 999), None where nothing tells them.

    Raises
    ------
    BenchError
        If the devkit or the solution is there but damaged.
    """
    bases = (data, *data.resolve().parents[:4])
    for folder in (base / inside for base in bases for inside in INSIDE):
        if (folder / GROUND_TRUTH).is_file() and (folder / META).is_file():
            return _devkit(
                (folder / GROUND_TRUTH).read_bytes(), (folder / META).read_bytes(), folder
            )
        if (folder / ARCHIVE).is_file():
            return _archive(folder / ARCHIVE)
        if (folder / KAGGLE).is_file():
            return _kaggle(folder / KAGGLE)
    return None


def _archive(path: Path) -> dict[int, int]:
    try:
        with tarfile.open(path) as archive:
            parts = {Path(member.name).name: member for member in archive if member.isfile()}
            truth, meta = (archive.extractfile(parts[name]) for name in (GROUND_TRUTH, META))
            assert truth is not None  # extractfile returns None for folders only
            assert meta is not None
            return _devkit(truth.read(), meta.read(), path)
    except (tarfile.TarError, KeyError, OSError, EOFError) as error:
        raise BenchError(f"devkit {path} cannot be read", why=str(error)) from None


def _devkit(truth: bytes, meta: bytes, origin: Path) -> dict[int, int]:
    """Read the devkit: line k is the ILSVRC id of image k, `meta` says which class that is."""
    from scipy.io import loadmat

    numbers = _numbers()
    try:
        synsets = loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
        wnid = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in synsets}
        return {
            k: numbers[wnid[int(line)]]
            for k, line in enumerate(truth.decode("utf-8-sig").split(), start=1)
        }
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise BenchError(f"devkit {origin} is damaged", why=repr(error)) from None


def _kaggle(path: Path) -> dict[int, int]:
    """Read Kaggle's table: image name, then the class and box of each object, the class first."""
    numbers = _numbers()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        return {
            int(row["ImageId"].removeprefix("ILSVRC2012_val_")): numbers[
                row["PredictionString"].split()[0]
            ]
            for row in rows
        }
    except (OSError, csv.Error, KeyError, ValueError, AttributeError, IndexError) as error:
        raise BenchError(f"{path} is not Kaggle's table of truths", why=repr(error)) from None


def _numbers() -> dict[str, int]:
    return {one.wnid: number for number, one in enumerate(classes())}
