"""Backgrounds: spectra, modulations and voices as they are promised, and folders of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from bench.errors import BenchError, ItemError
from bench.mixing.backgrounds import Babble, Coloured, Modulated, OneOf, recorded_backgrounds

RATE_HZ, N = 20_000, 40_000


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_power_falls_as_the_exponent_says(exponent: float) -> None:
    x = Coloured(exponent).draw(generator(), 2**18, RATE_HZ)
    hz, power = scipy.signal.welch(x, RATE_HZ, nperseg=4096)
    inside = (hz > 50) & (hz < 9000)
    slope = np.polyfit(np.log(hz[inside]), np.log(power[inside]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.05)
    assert (x.mean(), x.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))


def test_modulated_noise_swells_at_its_rate() -> None:
    noise = Modulated(slowest_hz=4, fastest_hz=4, depth=1.0, exponent=0.0)
    x = noise.draw(generator(), 20 * RATE_HZ, RATE_HZ)
    envelope = np.abs(np.fft.rfft(x**2 - np.mean(x**2)))
    assert np.argmax(envelope[: 20 * 100]) / 20 == pytest.approx(4)
    steady = Modulated(depth=0.0, exponent=0.0).draw(generator(), N, RATE_HZ)
    np.testing.assert_allclose(steady, Coloured(0.0).draw(generator(), N, RATE_HZ))


def test_babble_is_a_sum_of_equally_loud_voices() -> None:
    t = np.arange(5000) / RATE_HZ
    voices = [gain * np.sin(2 * np.pi * hz * t) for gain, hz in ((1, 400), (9, 800), (0.1, 1200))]
    x = Babble(voices, talkers=3).draw(generator(), N, RATE_HZ)
    power = np.abs(np.fft.rfft(x)) ** 2
    lines = power[[800, 1600, 2400]]  # 2 s: bins of half a Hz
    np.testing.assert_allclose(lines, lines[0], rtol=1e-6)
    assert lines.sum() == pytest.approx(power.sum())
    assert x.std() == pytest.approx(1)
    assert len({Babble(voices, 1).draw(generator(k), N, RATE_HZ).tobytes() for k in range(5)}) == 5
    assert Babble(voices).draw(generator(), N, RATE_HZ).shape == (N,)  # more talkers than voices
    assert Babble(voices).describe() != Babble(voices[:2]).describe()


def test_one_of_several() -> None:
    some = OneOf((Coloured(0.0), Coloured(2.0)))
    rough = [np.abs(np.diff(some.draw(generator(k), 4000, RATE_HZ))).mean() for k in range(40)]
    assert 8 < sum(value > 0.5 for value in rough) < 32


def write(folder: Path, name: str, x: np.ndarray, rate_hz: int = RATE_HZ) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / name, x, rate_hz, subtype="FLOAT")
    return folder / name


def test_stretches_of_recordings_are_from_anywhere_in_them(tmp_path: Path) -> None:
    ramp = np.linspace(-0.5, 0.5, 100_000)
    write(tmp_path, "long.wav", ramp)
    background, notes = recorded_backgrounds(tmp_path)
    assert notes == []
    starts = []
    for k in range(200):
        x = background.draw(generator(k), N, RATE_HZ)
        np.testing.assert_allclose(np.diff(x), ramp[1] - ramp[0], atol=1e-7)
        starts.append(round((x[0] + 0.5) * 99_999))
    assert min(starts) < 2000
    assert max(starts) > 58_000
    assert max(starts) <= 60_000


def test_short_recordings_are_repeated_and_files_are_equally_probable(tmp_path: Path) -> None:
    t = np.arange(1000) / RATE_HZ
    write(tmp_path / "a", "one.wav", 0.2 * np.sin(2 * np.pi * 1000 * t))
    write(tmp_path / "b", "two.wav", 0.2 * np.sin(2 * np.pi * 100 * np.arange(90_000) / RATE_HZ))
    background, _ = recorded_backgrounds(tmp_path)
    found = [background.draw(generator(k), N, RATE_HZ) for k in range(60)]
    high = [x for x in found if np.abs(np.fft.rfft(x)).argmax() == 2000]
    assert 15 < len(high) < 45
    np.testing.assert_allclose(high[0][:1000], high[0][1000:2000], atol=1e-6)


def test_silent_stretches_are_passed_over(tmp_path: Path) -> None:
    x = np.zeros(200_000)
    x[90_000:] = 0.1 * generator().normal(size=110_000)
    write(tmp_path, "a.wav", x)
    background, _ = recorded_backgrounds(tmp_path)
    assert all(background.draw(generator(k), 4000, RATE_HZ).std() > 1e-5 for k in range(30))
    x[90_050:] = 0
    write(tmp_path, "a.wav", x)
    background, _ = recorded_backgrounds(tmp_path)
    with pytest.raises(ItemError, match="to be heard"):
        background.draw(generator(), 100, RATE_HZ)


def test_folders_without_a_readable_background(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no background.*no sound file"):
        recorded_backgrounds(tmp_path / "none")
    write(tmp_path, "silent.wav", np.zeros(1000))
    (tmp_path / "torn.wav").write_bytes(b"RIFFx")
    with pytest.raises(BenchError, match="2 files left out"):
        recorded_backgrounds(tmp_path)
    write(tmp_path, "fit.wav", 0.1 * generator().normal(size=1000))
    _, notes = recorded_backgrounds(tmp_path)
    assert "2 backgrounds left out" in notes[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Babble([]),
        lambda: Babble([np.ones(3)], talkers=0),
        lambda: Modulated(slowest_hz=3, fastest_hz=2),
        lambda: Modulated(depth=1.5),
    ],
)
def test_backgrounds_that_make_no_sense_are_refused(make) -> None:
    with pytest.raises(BenchError):
        make()
