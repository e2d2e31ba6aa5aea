"""Image files: every kind decodes, damaged ones are named, squares are those of torchvision."""

import io
import json
import os
import zlib

import numpy as np
import pytest
from PIL import Image

from bench.errors import BenchError, ItemError
from bench.stimuli.folders import folder_stimuli
from bench.stimuli.images import ACCURACY, METAMER, ImageFiles, Preparation, decode, inspect
from bench.stimuli.sets import Stimuli

EXIF_ORIENTATION = 0x0112


def picture(width=60, height=40, seed=0):
    generator = np.random.default_rng(seed)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def read(path, **options):
    return np.asarray(decode(inspect(path, path.name, **options)))


def test_grey_palette_cmyk_and_sixteen_bits_become_rgb(tmp_path):
    grey = picture().convert("L")
    expected = np.repeat(np.asarray(grey)[..., None], 3, axis=2)
    np.testing.assert_array_equal(read(save(grey, tmp_path / "grey.png")), expected)
    palette = grey.convert("P")
    np.testing.assert_array_equal(read(save(palette, tmp_path / "palette.png")), expected)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    np.testing.assert_array_equal(read(save(deep, tmp_path / "deep.png")), expected)
    flat = Image.new("CMYK", (20, 10), (0, 255, 255, 0))  # magenta and yellow ink make red
    red = read(save(flat, tmp_path / "cmyk.jpg", quality=95))
    np.testing.assert_allclose(red, np.broadcast_to([255, 0, 0], (10, 20, 3)), atol=3)


def test_transparency_is_white(tmp_path):
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0, :, 0] = 200
    pixels[0, :, 3] = [0, 255, 51]  # clear, opaque, a fifth
    found = read(save(Image.fromarray(pixels), tmp_path / "clear.png"))
    white = np.array([255.0, 255.0, 255.0])
    paint = np.array([200.0, 0.0, 0.0])
    np.testing.assert_allclose(found[0], [white, paint, 0.2 * paint + 0.8 * white], atol=1)


def test_exif_turns_a_users_photograph_but_not_imagenets(tmp_path):
    image = picture(30, 20)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6  # the camera was turned: show it a quarter turn clockwise
    path = save(image, tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read(path), np.rot90(np.asarray(image), -1))
    np.testing.assert_array_equal(read(path, upright=False), np.asarray(image))

    save(image, tmp_path / "cls/n02123045/turned.png", exif=exif)
    save(image, tmp_path / "cls/n02123045/ILSVRC2012_val_00000001.png", exif=exif)
    stimuli = folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path / "cls")
    turned = {file.id: file.upright for file in stimuli.values.files}
    assert turned == {"n02123045/turned.png": True, "ILSVRC2012_val_00000001": False}


@pytest.mark.parametrize("size", [(500, 375), (375, 501), (224, 224), (257, 900), (640, 256)])
def test_accuracy_images_are_torchvisions(size):
    transforms = pytest.importorskip("torchvision.transforms")
    expected = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    image = picture(*size)
    np.testing.assert_array_equal(np.asarray(ACCURACY.apply(image)), np.asarray(expected(image)))


# The published crop's edges ((w - s) / 2, (h - s) / 2, (w + s) / 2, (h + s) / 2), each rounded by
# itself, halves to even: of 62.5 and 437.5 remain 62 and 438.
@pytest.mark.parametrize(
    ("size", "edges"),
    [
        ((301, 200), (50, 0, 250, 200)),
        ((500, 375), (62, 0, 438, 375)),
        ((375, 500), (0, 62, 375, 438)),
        ((500, 333), (84, 0, 416, 333)),
        ((224, 224), (0, 0, 224, 224)),
    ],
)
def test_metamer_images_are_the_published_crop_resized(size, edges):
    image = picture(*size)
    expected = image.crop(edges).resize((224, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(np.asarray(METAMER.apply(image)), np.asarray(expected))


def test_values_are_read_when_indexed(tmp_path):
    paths = [save(picture(seed=k), tmp_path / f"{k}.png") for k in range(3)]
    files = [inspect(path, path.name) for path in paths]
    values = ImageFiles(files, Preparation(8, None, Image.Resampling.BICUBIC))
    one_by_one = np.stack([values[[k]][0] for k in range(3)])
    assert one_by_one.shape == (3, 3, 8, 8)
    assert one_by_one.dtype == np.float32
    assert 0 <= one_by_one.min() < one_by_one.max() <= 1
    np.testing.assert_array_equal(values[:], one_by_one)
    np.testing.assert_array_equal(values[[2, 0]], one_by_one[[2, 0]])
    np.testing.assert_array_equal(values[1], one_by_one[1])


def test_damaged_files_are_listed_and_skipped(tmp_path):
    folder = tmp_path / "tabby"
    whole = save(picture(300, 300), folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes(whole.read_bytes()[:-3000])
    (folder / "page.jpg").write_text("<html>not found</html>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image at all")
    (tmp_path / "holiday").mkdir()
    stimuli = folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)
    assert stimuli.ids == ("tabby/whole.jpg",)
    assert stimuli.labels.tolist() == [281]
    strange, others, left_out = stimuli.notes
    assert "holiday" in strange
    assert others == "1 files that are no images by their suffix: tabby/notes.txt"
    assert left_out.startswith("3 files left out")
    assert all(name in left_out for name in ("cut.jpg", "page.jpg", "empty.png"))


@pytest.mark.parametrize(
    ("values", "suffix"),
    [
        (np.array([[0, 255], [70000, 2**31 - 1]], dtype=np.int32), "tif"),
        (np.array([[0, 1], [0.25, 0.5]], dtype=np.float32), "tiff"),
    ],
)
def test_pixels_without_a_white_are_refused(tmp_path, values, suffix):
    """Pillow would cut 32-bit values off, or wrap them: black, or noise."""
    path = save(Image.fromarray(values), tmp_path / f"deep.{suffix}")
    with pytest.raises(
        ItemError, match=r"deep\.tiff? cannot be read: its pixels are signed, of 32"
    ):
        inspect(path, "deep")


@pytest.mark.parametrize("suffix", ["tif", "png", "pgm"])
def test_sixteen_bits_are_read_whatever_the_format(tmp_path, suffix):
    values = np.array([[0, 257], [32896, 65535]], dtype=np.uint16)
    found = read(save(Image.fromarray(values), tmp_path / f"deep.{suffix}"))
    np.testing.assert_array_equal(found[..., 0], [[0, 1], [128, 255]])
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def turned_but_damaged(form):
    """Return an image of whole pixels whose EXIF data are damaged."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    buffer = io.BytesIO()
    picture().save(buffer, form, exif=exif)
    content = buffer.getvalue()
    for mark in (b"MM\0*", b"II*\0"):
        if mark in content:
            damaged = content.replace(mark, b"XXXX", 1)
    if form == "png":  # a chunk's checksum would tell
        at = damaged.index(b"eXIf")
        length = int.from_bytes(damaged[at - 4 : at], "big")
        crc = zlib.crc32(damaged[at : at + 4 + length]).to_bytes(4, "big")
        damaged = damaged[: at + 4 + length] + crc + damaged[at + 8 + length :]
    return damaged


@pytest.mark.parametrize("form", ["png", "webp"])
def test_a_file_of_damaged_metadata_is_left_out_not_the_set(tmp_path, form):
    (tmp_path / "tabby").mkdir()
    save(picture(), tmp_path / "tabby/a.png")
    (tmp_path / f"tabby/b.{form}").write_bytes(turned_but_damaged(form))
    stimuli = folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)
    assert stimuli.ids == ("tabby/a.png",)
    assert f"b.{form} cannot be read" in stimuli.notes[0]
    assert stimuli.values[:].shape == (1, 3, 224, 224)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of many damages before it fails
def test_what_is_inspected_can_be_decoded(tmp_path):
    """Images with bytes changed anywhere are refused when they are found, or read."""
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    refused = 0
    for form in ("png", "webp", "jpeg", "tiff", "gif", "bmp"):
        buffer = io.BytesIO()
        picture(12, 9).save(buffer, form, **({} if form in ("gif", "bmp") else {"exif": exif}))
        path = tmp_path / f"changed.{form}"
        for _ in range(250):
            content = bytearray(buffer.getvalue())
            for place in rng.integers(0, len(content), size=rng.integers(1, 5)):
                content[place] = rng.integers(0, 256)
            path.write_bytes(content)
            try:
                file = inspect(path, "changed")
            except ItemError:
                refused += 1
                continue
            assert METAMER.apply(decode(file)).size == (224, 224)
    assert 100 < refused < 1400


def test_a_strip_is_refused(tmp_path):
    path = save(Image.new("RGB", (20_000, 10)), tmp_path / "strip.png")
    with pytest.raises(ItemError, match="20000x10 px have no square"):
        inspect(path, "strip")
    assert inspect(save(Image.new("RGB", (1000, 10)), tmp_path / "long.png"), "long")


def test_names_that_are_not_utf8_and_hidden_folders(tmp_path):
    folder = tmp_path / "tabby"
    save(picture(seed=1), folder / "a.png")
    for hidden in (".ipynb_checkpoints", ".thumbnails", "@eaDir", "__MACOSX"):
        save(picture(), folder / hidden / "a-checkpoint.png")
        save(picture(), tmp_path / hidden / "b.png")
    save(picture(), folder / "._a.png")
    (folder / "Thumbs.db").write_bytes(b"x")
    (folder / "b.heic").write_bytes(b"x")
    save(picture(seed=2), tmp_path / "loose.png")
    save(picture(seed=3), folder / "c.jfif", format="jpeg")
    latin = folder / os.fsdecode(b"caf\xe9\n.png")
    try:
        latin.write_bytes((folder / "a.png").read_bytes())
    except OSError:
        pytest.skip("this file system wants UTF-8")
    stimuli = folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)
    assert sorted(stimuli.ids) == ["tabby/a.png", "tabby/c.jfif", "tabby/caf\\xe9\\n.png"]
    assert stimuli.values[:].shape == (3, 3, 224, 224)
    assert stimuli.digest
    assert stimuli.notes == (
        "1 images in no class folder: loose.png",
        "1 files that are no images by their suffix: tabby/b.heic",
    )
    assert json.dumps(stimuli.notes, ensure_ascii=False).encode()
    latin.write_bytes(b"no image")
    again = folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)
    assert "caf\\xe9" in again.notes[-1]


def test_two_files_of_one_name_do_not_stop_the_set(tmp_path):
    for folder in ("tabby", "tench"):
        save(picture(), tmp_path / folder / "ILSVRC2012_val_00000001.png")
    stimuli = folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)
    assert len(stimuli) == 1
    assert stimuli.notes[0].startswith("1 files left out, whose ids others have: ")


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    save(picture(), tmp_path / "tabby/a.png")

    def denied(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(type(tmp_path), "iterdir", denied)
    with pytest.raises(BenchError, match="cannot be read: Permission denied"):
        folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)


def test_a_file_that_vanishes_is_named(tmp_path):
    path = save(picture(), tmp_path / "a.png")
    values = ImageFiles([inspect(path, "a")], METAMER)
    path.unlink()
    with pytest.raises(ItemError, match=r"a\.png can no longer be read"):
        values[[0]]


def test_the_digest_follows_files_labels_and_preparation(tmp_path):
    paths = [save(picture(seed=k), tmp_path / f"{k}.png") for k in range(2)]

    def digest(order=(0, 1), labels=(5, 6), preparation=METAMER):
        files = [inspect(paths[k], "ab"[place]) for place, k in enumerate(order)]
        values = ImageFiles(files, preparation)
        return Stimuli(("a", "b"), values, np.array(labels), "imagenet1k").digest

    same = digest()
    assert digest() == same
    others = {digest(order=(1, 0)), digest(labels=(5, 7)), digest(preparation=ACCURACY)}
    assert len(others | {same}) == 4
    buffer = io.BytesIO()
    picture(seed=9).save(buffer, "png")
    paths[0].write_bytes(buffer.getvalue())
    assert digest() != same


def test_folders_that_do_not_fit_are_explained(tmp_path):
    with pytest.raises(BenchError, match="--data DIR"):
        folder_stimuli("images", "imagenet1k", METAMER, None, None)
    with pytest.raises(BenchError, match="there is no folder"):
        folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path / "nowhere")
    with pytest.raises(BenchError, match="holds no images of imagenet1k"):
        folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)
    (tmp_path / "tabby").mkdir()
    (tmp_path / "tabby" / "bad.png").write_bytes(b"bad")
    with pytest.raises(BenchError, match=r"no image could be read.*bad\.png"):
        folder_stimuli("images", "imagenet1k", METAMER, None, tmp_path)
