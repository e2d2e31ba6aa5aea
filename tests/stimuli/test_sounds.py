"""Sound files beside closed forms: formats, rates, windows, levels, and files that are unfit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.errors import BenchError, ItemError
from bench.stimuli.sounds import WORD_CLIP, SoundFiles, SoundPreparation, inspect, window

SHORT = SoundPreparation(rate_hz=20_000, samples=4000)


def sine(rate_hz: int, seconds: float, hz: float = 440.0, start_s: float = 0.0) -> np.ndarray:
    t = start_s + np.arange(round(rate_hz * seconds)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * hz * t)


@pytest.mark.parametrize(
    ("suffix", "subtype", "tolerance"),
    [
        ("wav", "PCM_U8", 8e-3),
        ("wav", "PCM_16", 3e-4),
        ("wav", "PCM_24", 2e-4),
        ("wav", "PCM_32", 2e-4),
        ("wav", "FLOAT", 2e-4),
        ("wav", "DOUBLE", 2e-4),
        ("flac", "PCM_16", 3e-4),
        ("flac", "PCM_24", 2e-4),
        ("ogg", "VORBIS", 3e-2),
        ("mp3", "MPEG_LAYER_III", 3e-2),
    ],
)
def test_every_kind_of_file_gives_the_same_sound(
    tmp_path: Path, suffix: str, subtype: str, tolerance: float
) -> None:
    path = tmp_path / f"a.{suffix}"
    mono = sine(44_100, 1.0)
    soundfile.write(path, np.stack([1.5 * mono, 0.5 * mono], axis=1), 44_100, subtype=subtype)
    found = window(path, 0.5, SHORT)
    expected = sine(20_000, 0.2, start_s=0.4)
    if suffix == "mp3":  # its encoder delays the sound by a little: compare the spectrum
        found, expected = (
            np.abs(np.fft.rfft(x * np.hanning(4000))) / 1000 for x in (found, expected)
        )
    np.testing.assert_allclose(found, expected, atol=tolerance)


@pytest.mark.parametrize("rate_hz", [8000, 16_000, 20_000, 22_050, 44_100, 48_000])
def test_rates_are_converted_without_shift_or_alias(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a.wav"
    above = sine(rate_hz, 1.0, hz=11_000) if rate_hz > 30_000 else 0  # cannot be at 20 kHz
    soundfile.write(path, sine(rate_hz, 1.0, hz=1000) + 0.5 * above, rate_hz, subtype="DOUBLE")
    np.testing.assert_allclose(
        window(path, 0.5, SHORT), sine(20_000, 0.2, hz=1000, start_s=0.4), atol=2e-4
    )


def test_a_stretch_does_not_depend_on_where_others_were_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 44_100), 44_100)
    one, other = window(path, 0.5, SHORT), window(path, 0.55, SHORT)
    np.testing.assert_allclose(one[1000:], other[:-1000], atol=1e-12)


@pytest.mark.parametrize("centre_s", [0.02, 0.5, 0.98])
def test_silence_stands_beyond_the_ends(tmp_path: Path, centre_s: float) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(20_000, 1.0), 20_000, subtype="DOUBLE")
    whole = np.pad(sine(20_000, 1.0), 10_000)
    first = round(centre_s * 20_000) - 2000 + 10_000
    np.testing.assert_allclose(
        window(path, centre_s, SHORT), whole[first : first + 4000], atol=1e-9
    )


def test_sounds_are_equally_loud_without_their_mean(tmp_path: Path) -> None:
    for name, gain in (("quiet", 0.01), ("loud", 0.9)):
        soundfile.write(tmp_path / f"{name}.wav", gain * sine(16_000, 3.0) + 0.05, 16_000)
    files = [inspect(tmp_path / f"{n}.wav", n, WORD_CLIP) for n in ("quiet", "loud")]
    values = SoundFiles(files, WORD_CLIP)
    x = values[[0, 1]]
    assert x.shape == (2, 40_000)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.mean(axis=1), 0, atol=1e-7)
    np.testing.assert_allclose(np.sqrt((x**2).mean(axis=1)), 0.1, rtol=1e-5)
    np.testing.assert_array_equal(values[1], x[1])
    assert values.digest_of(0) != values.digest_of(1)


def test_a_peak_beyond_the_models_range_is_clipped(tmp_path: Path) -> None:
    click = np.zeros(4000)
    click[2000] = 0.5
    x = SHORT.apply(click)
    assert x.max() == 1
    assert x.min() > -0.01


def test_the_word_is_in_the_middle(tmp_path: Path) -> None:
    x = np.zeros(60_000)
    x[40_000:41_000] = sine(20_000, 0.05)
    path = tmp_path / "a.wav"
    soundfile.write(path, x, 20_000)
    file = inspect(path, "a", SHORT, (2.0, 2.05))
    assert file.centre_s == pytest.approx(2.025)
    heard = np.flatnonzero(np.abs(window(path, file.centre_s, SHORT)) > 1e-3)
    assert abs((heard[0] + heard[-1]) / 2 - 2000) < 5


def write_unfit(folder: Path) -> dict[str, str]:
    """Write a file for each reason, and return what is said of it."""
    tone = sine(16_000, 1.0)
    clipped = np.clip(4 * tone, -1, 1)
    broken = tone.copy()
    broken[100] = np.nan
    soundfile.write(folder / "clipped.wav", clipped, 16_000)
    soundfile.write(folder / "nan.wav", broken, 16_000, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "constant.wav", np.full(16_000, 0.2), 16_000)
    soundfile.write(folder / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(folder / "whole.flac", tone, 16_000)
    (folder / "text.wav").write_text("no sound")
    (folder / "none.wav").write_bytes(b"")
    content = (folder / "whole.flac").read_bytes()
    (folder / "torn.flac").write_bytes(content[: len(content) // 2])
    return {
        "clipped.wav": "cut off",
        "nan.wav": "not finite",
        "silent.wav": "silent",
        "constant.wav": "silent",
        "empty.wav": "empty",
        "text.wav": "cannot be read",
        "none.wav": "cannot be read",
        "torn.flac": "damaged",
    }


def test_unfit_files_say_why(tmp_path: Path) -> None:
    for name, why in write_unfit(tmp_path).items():
        with pytest.raises(ItemError, match=why) as caught:
            inspect(tmp_path / name, name, WORD_CLIP)
        assert name in str(caught.value)
    assert inspect(tmp_path / "whole.flac", "whole", WORD_CLIP).seconds == 1


def test_a_torn_wav_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(16_000, 1.0), 16_000)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ItemError, match=r"a\.wav is damaged.*23044 bytes"):
        inspect(path, "a", WORD_CLIP)
    endless = bytearray(path.read_bytes())
    endless[4:8] = b"\xff\xff\xff\xff"  # as from a pipe
    path.write_bytes(endless)
    assert inspect(path, "a", WORD_CLIP).seconds < 1


def test_a_loud_sound_that_only_touches_full_scale_is_fit(tmp_path: Path) -> None:
    x = sine(16_000, 1.0) * 2
    x /= np.abs(x).max()
    soundfile.write(tmp_path / "a.wav", x, 16_000)
    assert inspect(tmp_path / "a.wav", "a", WORD_CLIP).rate_hz == 16_000


@pytest.mark.parametrize("word_s", [(-0.1, 0.5), (0.5, 0.5), (0.8, 1.2), (2.0, 3.0)])
def test_a_word_beyond_the_file_is_refused(tmp_path: Path, word_s: tuple[float, float]) -> None:
    soundfile.write(tmp_path / "a.wav", sine(16_000, 1.0), 16_000)
    with pytest.raises(ItemError, match="does not hold its word"):
        inspect(tmp_path / "a.wav", "a", WORD_CLIP, word_s)


def test_preparations_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BenchError, match="rate_hz"):
        SoundPreparation(rate_hz=0, samples=1)
    with pytest.raises(BenchError, match="rms"):
        SoundPreparation(rate_hz=1, samples=1, rms=2.0)
