"""CIFAR-10's test images from the user's own copy: its binary version, or ten class folders.

The version for Python is pickled, and a pickle may run anything when it is read: it is refused.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bench

SPACE = "cifar10"
CLASSES = 10
TEST_SIZE = 10_000
SIZE_PX = 32
# https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version": a label, then three planes.
RECORD_BYTES = 1 + 3 * SIZE_PX**2
BATCH = "test_batch.bin"
ARCHIVE = "cifar-10-binary.tar.gz"
PICKLED = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "test_batch")
FETCH = f"fetch https://www.cs.toronto.edu/~kriz/{ARCHIVE} (162 MB) and name its folder: --data DIR"


@dataclass(frozen=True)
class Copy:
    """One copy of the test images.

    ``read`` returns those at the positions given, as `bench.stimuli.sets.Values`.
    """

    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    read: Callable[[NDArray[np.int64]], Any]


class EightBit:
    """Images ``(N, 3, H, W)`` of bytes, float32 in [0, 1] when they are indexed."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, positions: Any, /) -> NDArray[np.float32]:
        return self.pixels[positions].astype(np.float32) / np.float32(255)


def load(limit: int | None, data: Path | None, *, balanced: bool) -> bench.Stimuli:
    """Load the first ``limit`` test images, in the order of the file or class by class in turn.

    Parameters
    ----------
    balanced
        Take the first image of each class, then the second of each, and so on, as long as every
        class has one.

    Raises
    ------
    bench.BenchError
        If there is no copy in ``data``, or it is not CIFAR-10's.
    """
    copy = find(data)
    order = np.arange(len(copy.ids))
    if balanced:
        rounds = np.bincount(copy.labels, minlength=CLASSES).min()
        order = in_turns(copy.labels)[: rounds * CLASSES]
    chosen = order[:limit]
    ids = tuple(copy.ids[k] for k in chosen)
    return bench.Stimuli(ids, copy.read(chosen), copy.labels[chosen], SPACE)


def in_turns(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions: the first of each class, then the second of each, and so on."""
    turn = np.zeros_like(labels)
    for label in np.unique(labels):
        own = labels == label
        turn[own] = np.arange(own.sum())
    return np.lexsort((labels, turn))


def find(data: Path | None) -> Copy:
    """Find a copy: `test_batch.bin`, the archive that holds it, or folders named by classes."""
    if data is None:
        raise bench.BenchError("CIFAR-10 is read from a copy of your own", fix=FETCH)
    if not data.exists():
        raise bench.BenchError(f"there is no {data}", fix="check --data")
    for place in (data, data / BATCH, data / "cifar-10-batches-bin" / BATCH, data / ARCHIVE):
        is_known = place.name == BATCH or (place.suffix == ".gz" and place.name not in PICKLED)
        if is_known and place.is_file():
            facts = place.stat()
            return _batch(place, (facts.st_size, facts.st_mtime_ns))
    for folder in (data / "test", data):
        if classes := _class_folders(folder):
            return _from_folders(folder, classes)
    for pickled in (data, *(data / name for name in PICKLED)):
        if pickled.name in PICKLED and pickled.exists():
            raise bench.BenchError(
                f"{pickled} is not read",
                why="this version of CIFAR-10 is pickled, and a pickle may run anything",
                fix=FETCH,
            )
    raise bench.BenchError(
        f"{data} holds no CIFAR-10",
        why=f"neither {BATCH}, nor {ARCHIVE}, nor folders named airplane to truck",
        fix=FETCH,
    )


@lru_cache(maxsize=1)  # a run asks for several sets of one copy, and unpacking takes seconds
def _batch(path: Path, stamp: tuple[int, int]) -> Copy:
    try:
        content = path.read_bytes() if path.name == BATCH else _unpacked(path)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise bench.BenchError(f"{path} cannot be read", why=str(error), fix=FETCH) from None
    if len(content) != TEST_SIZE * RECORD_BYTES:
        raise _wrong_size(path, len(content))
    records = np.frombuffer(content, dtype=np.uint8).reshape(TEST_SIZE, RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        first = int(np.flatnonzero(labels >= CLASSES)[0])
        raise bench.BenchError(
            f"{path} is damaged, or not CIFAR-10",
            why=f"the label of image {first} is {labels[first]}, not 0 to 9",
            fix=FETCH,
        )
    pixels = records[:, 1:].reshape(TEST_SIZE, 3, SIZE_PX, SIZE_PX)
    ids = tuple(f"test-{k:05d}" for k in range(TEST_SIZE))
    return Copy(ids, labels, lambda chosen: EightBit(pixels[chosen]))


def _unpacked(path: Path) -> bytes:
    """Return the batch in an archive; nothing is written, and no more read than it should have."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and Path(member.name).name == BATCH:
                if member.size != TEST_SIZE * RECORD_BYTES:
                    raise _wrong_size(path, member.size)
                file = archive.extractfile(member)
                assert file is not None  # only folders and the like have none
                return file.read()
    raise bench.BenchError(f"{path} holds no {BATCH}", fix=FETCH)


def _wrong_size(path: Path, size: int) -> bench.BenchError:
    return bench.BenchError(
        f"{path} is cut off, or not CIFAR-10",
        why=f"{BATCH} has {size:,} bytes, not {TEST_SIZE * RECORD_BYTES:,}",
        fix=FETCH,
    )


def _class_folders(folder: Path) -> dict[str, Path]:
    """Return class to its folder, for the classes that have one."""
    from bench.labels.spaces import space
    from bench.stimuli.files import folders_in

    found = {}
    if folder.is_dir():
        named = {path.name.casefold(): path for path in folders_in(folder)}
        found = {name: named[name] for name in space(SPACE).classes if name in named}
    return found


def _from_folders(root: Path, folders: dict[str, Path]) -> Copy:
    """Read class folders: all ten, 32 px, since other images would not be CIFAR-10's."""
    from PIL import Image

    from bench.labels.spaces import space
    from bench.legible import legible
    from bench.stimuli.files import image_paths
    from bench.stimuli.images import ImageFiles, Preparation, in_threads

    classes = space(SPACE).classes
    files = {name: list(image_paths(folder)) for name, folder in folders.items()}
    if empty := [name for name in classes if not files.get(name)]:
        raise bench.BenchError(
            f"{root} is not all of CIFAR-10", why=f"it has no images of {', '.join(empty)}"
        )
    labels = np.repeat(np.arange(len(classes)), [len(files[name]) for name in classes])
    order = in_turns(labels)  # so that every prefix is a fair sample
    everything = [path for name in classes for path in files[name]]
    paths = [everything[k] for k in order]
    as_it_is = Preparation(SIZE_PX, None, Image.Resampling.NEAREST)

    def read(chosen: NDArray[np.int64]) -> ImageFiles:
        look = partial(_inspect, root)
        return ImageFiles(list(in_threads(look, (paths[k] for k in chosen))), as_it_is)

    ids = tuple(legible(path.relative_to(root).as_posix()) for path in paths)
    return Copy(ids, labels[order], read)


def _inspect(root: Path, path: Path) -> Any:
    from bench.errors import ItemError
    from bench.legible import legible
    from bench.stimuli.images import inspect

    try:
        file = inspect(path, legible(path.relative_to(root).as_posix()), upright=False)
    except ItemError as error:
        raise bench.BenchError(error.what, why=error.why, fix="mend or remove it") from None
    if file.size != (SIZE_PX, SIZE_PX):
        raise bench.BenchError(
            f"{path} is not of CIFAR-10",
            why=f"it has {file.size[0]} x {file.size[1]} px, not {SIZE_PX} x {SIZE_PX}",
            fix="resized images would be other stimuli: give those that were published",
        )
    return file


@bench.hookimpl
def bench_register_stimuli(register: Any) -> None:
    """Register the test images in the order of the file, and class by class in turn."""
    for set_id, balanced, description in (
        ("cifar10-test", False, "all test images in their published order, 32 px"),
        ("cifar10-balanced", True, "the test images, one of each of 10 classes in turn, 32 px"),
    ):
        register(
            bench.StimulusSet(
                id=set_id,
                label_space=SPACE,
                load=partial(load, balanced=balanced),
                description=description,
                size=TEST_SIZE,
                reference="Krizhevsky 2009, Learning multiple layers of features from tiny images",
                license="none stated; your own copy is read in place",
            )
        )
