"""The pictures of an experiment that are no stimuli: masks, and the images of catch trials."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError

SHOWN_PX = 224  # Feather et al. 2023, the published experiment page
PAPER, INK = 255, 20  # grey levels of a catch trial's image
ICON_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
Images = NDArray[np.floating]


def enlargement(size_px: int) -> int:
    """Return how many times a stimulus is enlarged: as far as 224 px hold it whole."""
    return max(1, SHOWN_PX // size_px)


def pink_noise(like: Images, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return noise with amplitudes of 1/f, as contrasty as natural stimuli.

    Supplementary Figure 1 of Feather et al. (2023) names pink noise as the mask of the experiment
    in the laboratory.

    Parameters
    ----------
    like
        Natural stimuli ``(N, C, H, W)``, whose mean and standard deviation each channel gets.

    Returns
    -------
    ``(C, H, W)``, clipped to [0, 1].
    """
    channels, height, width = like.shape[1:]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf  # no constant: the mean is set below
    white = generator.standard_normal((channels, height, width))
    pink = np.fft.irfft2(np.fft.rfft2(white) / frequency, s=(height, width))
    pink /= pink.std(axis=(1, 2), keepdims=True)
    mean, deviation = like.mean(axis=(0, 2, 3)), like.std(axis=(0, 2, 3))
    levels = mean[:, None, None] + deviation[:, None, None] * pink
    return np.asarray(np.clip(levels, 0, 1), dtype=np.float32)


def name_image(name: str, width: int, height: int) -> bytes:
    """Return a class's name as a PNG file, the text as large as it fits."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    image = Image.new("L", (width, height), PAPER)
    draw = ImageDraw.Draw(image)
    for size in range(height // 2, 7, -1):
        drawn = ImageFont.truetype(str(font), size)
        left, top, right, bottom = draw.textbbox((0, 0), name, font=drawn)
        if right - left <= 0.9 * width and bottom - top <= 0.9 * height:
            break
    draw.text((width / 2, height / 2), name, fill=INK, font=drawn, anchor="mm")
    return _png(image)


def icons(folder: Path, classes: tuple[str, ...], width: int, height: int) -> list[bytes]:
    """Return a user's response icons as PNG files, fitted on white, in the order of the classes.

    Raises
    ------
    BenchError
        If a class has no file of its name in the folder, or it is no picture.
    """
    from PIL import Image, ImageOps

    found = []
    for name in classes:
        path = next((p for s in ICON_SUFFIXES if (p := folder / f"{name}{s}").is_file()), None)
        if path is None:
            raise BenchError(
                f"{folder} has no icon of {name!r}",
                fix=f"every class needs one, named {name}.png, say",
            )
        try:
            with Image.open(path) as opened:
                icon = ImageOps.contain(opened.convert("RGBA"), (width, height))
        except (OSError, Image.DecompressionBombError) as error:
            raise BenchError(f"{path} is no picture", why=str(error)) from None
        canvas = Image.new("RGBA", (width, height), "white")
        canvas.alpha_composite(icon, ((width - icon.width) // 2, (height - icon.height) // 2))
        found.append(_png(canvas.convert("RGB")))
    return found


def _png(image: object) -> bytes:
    from PIL import Image

    assert isinstance(image, Image.Image)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
