"""Image files: found readable, decoded whatever their kind, prepared as a protocol wants them."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from bench import config
from bench.errors import ItemError

SUFFIXES = frozenset(
    {".jpeg", ".jpg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
    | {".jfif", ".jpe"}
)
# What Pillow raises for files whose pixels or metadata are damaged, that are no images, or that
# unpack to too much.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
# Formats whose integers, where Pillow unpacks them to 32 bits, are 16 bits wide in the file.
SIXTEEN_BITS = ("PNG", "PPM")
# Longer side by shorter: of a still longer strip, resizing would make billions of pixels.
MOST_ELONGATED = 100
A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Preparation:
    """From an image of any size to a square of ``size_px``.

    Parameters
    ----------
    shorter_px
        The shorter side is resized to this, then the centre is cut out as torchvision does. None:
        the centre square of the whole image is resized; its edges may lie between pixels, and
        Pillow rounds each by itself, as in the published code (of 500x375, 376x375 are left).
    """

    size_px: int
    shorter_px: int | None
    interpolation: Image.Resampling

    def apply(self, image: Image.Image) -> Image.Image:
        """Return the square."""
        if self.shorter_px is None:
            square = image.crop(_centre_edges(image, min(image.size)))
            return square.resize((self.size_px, self.size_px), self.interpolation)
        shorter = min(image.size)
        width, height = (int(self.shorter_px * side / shorter) for side in image.size)
        resized = image.resize((width, height), self.interpolation)
        left, top = (round(edge) for edge in _centre_edges(resized, self.size_px)[:2])
        return resized.crop((left, top, left + self.size_px, top + self.size_px))


def _centre_edges(image: Image.Image, side: int) -> tuple[float, float, float, float]:
    width, height = image.size
    return (width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2


# Feather et al. 2023, code (input_helpers.py): images from which metamers are made.
METAMER = Preparation(size_px=224, shorter_px=None, interpolation=Image.Resampling.BICUBIC)
# Feather et al. 2023, supplement: images on which accuracy is measured, as is usual on ImageNet.
ACCURACY = Preparation(size_px=224, shorter_px=256, interpolation=Image.Resampling.BILINEAR)


@dataclass(frozen=True)
class ImageFile:
    """An image on disk that was read once.

    ``upright`` says whether it is turned as its EXIF data want. ``mode`` and ``size`` (width,
    height) are the file's own, before that.
    """

    path: Path
    id: str
    sha256: str
    mode: str
    size: tuple[int, int]
    upright: bool = True


def inspect(path: Path, name: str, *, upright: bool = True) -> ImageFile:
    """Read a file through once, exactly as `decode` will.

    Raises
    ------
    ItemError
        If it is not an image, not a whole one, or of a kind that cannot be shown.
    """
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            mode, size = image.mode, image.size
            if max(size) > MOST_ELONGATED * min(size):
                raise ValueError(f"{size[0]}x{size[1]} px have no square that shows anything")
            _as_rgb(image, upright)
    except UNREADABLE as error:
        raise ItemError(f"image {path} cannot be read", why=_reason(error)) from None
    return ImageFile(path, name, hashlib.sha256(content).hexdigest(), mode, size, upright)


def decode(file: ImageFile) -> Image.Image:
    """Return an image as RGB: grey, palette, CMYK and 16-bit files too; transparency on white.

    Raises
    ------
    ItemError
        If the file changed since it was found readable.
    """
    try:
        with Image.open(file.path) as opened:
            return _as_rgb(opened, file.upright)
    except UNREADABLE as error:
        raise ItemError(
            f"image {file.path} can no longer be read",
            why=_reason(error),
            fix="run again without it",
        ) from None


def _as_rgb(opened: Image.Image, upright: bool) -> Image.Image:
    """Return what an opened file shows; raises one of `UNREADABLE`."""
    sixteen = opened.mode.startswith("I;16") or (
        opened.mode == "I" and opened.format in SIXTEEN_BITS
    )
    image: Image.Image = ImageOps.exif_transpose(opened) if upright else opened
    if sixteen:  # Pillow would cut off what exceeds 8 bits
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(
            "its pixels are signed, of 32 bits or floating point: no value of them is white; "
            "save it with 8 or 16 bits"
        )
    if "A" in image.getbands() or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def _reason(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class ImageFiles:
    """Images that are read when they are indexed: `bench.stimuli.sets.Values` of files."""

    def __init__(self, files: Sequence[ImageFile], preparation: Preparation) -> None:
        self.files = tuple(files)
        self.preparation = preparation

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, positions: Any, /) -> NDArray[np.float32]:
        chosen = np.arange(len(self))[positions]
        if chosen.ndim == 0:
            return self._read(self.files[int(chosen)])
        size = self.preparation.size_px
        images = np.empty((len(chosen), 3, size, size), dtype=np.float32)
        for place, image in enumerate(in_threads(self._read, (self.files[i] for i in chosen))):
            images[place] = image
        return images

    def _read(self, file: ImageFile) -> NDArray[np.float32]:
        square = np.asarray(self.preparation.apply(decode(file)), dtype=np.float32)
        return square.transpose(2, 0, 1) / np.float32(255)

    def digest_of(self, position: int) -> bytes:
        """Return what stands for one image in a digest: its file's SHA-256, how it is prepared."""
        file, prepared = self.files[position], self.preparation
        cut = prepared.shorter_px or "edges rounded each"  # not the exact square of older runs
        how = (file.upright, prepared.size_px, cut, int(prepared.interpolation))
        return f"{file.sha256} {how}".encode()


def in_threads(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """Yield ``function(item)`` in order; Pillow decodes without holding Python's lock."""
    with ThreadPoolExecutor(config.cpu_count()) as pool:
        yield from pool.map(function, items)
