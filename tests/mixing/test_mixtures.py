"""Mixtures beside their definition, and draws beside their distributions."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import soundfile

from bench.errors import BenchError, ItemError
from bench.mixing.backgrounds import Coloured
from bench.mixing.mixtures import EVALUATION, TRAINING, Conditions, generator_for, mixed
from bench.mixing.noisy import NoisySounds, in_noise
from bench.plugins import installed
from bench.stimuli.sets import Stimuli

RATE_HZ, N = 20_000, 20_000
T = np.arange(N) / RATE_HZ
SPEECH, NOISE = np.sin(2 * np.pi * 500 * T), np.sin(2 * np.pi * 3000 * T)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 3.0, 10.0, 40.0])
@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.003, 0.4), (50.0, -2.0)])
def test_the_ratio_is_that_of_the_powers(snr_db: float, gain: float, offset: float) -> None:
    """Two tones on bins of the transform, so that their powers can be read off."""
    x = mixed(0.3 * SPEECH + 0.1, gain * NOISE + offset, snr_db)
    power = np.abs(np.fft.rfft(x)) ** 2
    assert 10 * math.log10(power[500] / power[3000]) == pytest.approx(snr_db, abs=1e-6)
    assert x.mean() == pytest.approx(0, abs=1e-12)
    assert np.sqrt(np.mean(x**2)) == pytest.approx(0.1)


def test_each_alone() -> None:
    silent = np.zeros(N)
    for found, one in (
        (mixed(SPEECH, silent, math.inf), SPEECH),
        (mixed(silent, NOISE, -math.inf), NOISE),
    ):
        np.testing.assert_allclose(found, one * 0.1 / np.sqrt(0.5), atol=1e-12)


@pytest.mark.parametrize(
    ("speech", "noise", "why"),
    [
        (np.full(N, 0.3), NOISE, "speech is silent"),
        (SPEECH, np.zeros(N), "background is silent"),
        (SPEECH, np.full(N, np.nan), "background holds"),
        (np.full(N, np.inf), NOISE, "speech holds"),
    ],
)
def test_silence_has_no_ratio(speech: np.ndarray, noise: np.ndarray, why: str) -> None:
    with pytest.raises(ItemError, match=why):
        mixed(speech, noise, 0.0)


def test_draws_are_uniform_independent_of_others_and_repeatable() -> None:
    found = [EVALUATION.draw(0, f"s{k}") for k in range(3000)]
    assert {one.kind for one in found} == {"mixture"}
    uniform = scipy.stats.kstest([one.snr_db for one in found], "uniform", args=(-10, 20))
    assert uniform.pvalue > 0.01
    other = [EVALUATION.draw(1, f"s{k}").snr_db for k in range(3000)]
    assert abs(np.corrcoef([one.snr_db for one in found], other)[0, 1]) < 0.06
    assert EVALUATION.draw(0, "s17") == found[17]


def test_shares_of_speech_and_background_alone() -> None:
    some = Conditions(speech_alone=0.2, background_alone=0.1)
    kinds = [some.draw(5, str(k)).kind for k in range(5000)]
    for kind, share in (("speech", 0.2), ("background", 0.1), ("mixture", 0.7)):
        assert kinds.count(kind) / 5000 == pytest.approx(share, abs=0.02)
    assert TRAINING.speech_alone == pytest.approx(0.0105, abs=1e-4)
    assert Conditions(low_db=3, high_db=3).draw(0, "a").snr_db == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"low_db": 1.0, "high_db": 0.0},
        {"high_db": math.inf},
        {"low_db": math.nan},
        {"speech_alone": 0.6, "background_alone": 0.5},
        {"speech_alone": -0.1},
    ],
)
def test_conditions_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(BenchError):
        Conditions(**wrong)


def noisy(ids: tuple[str, ...], seed: int = 0, exponent: float = 1.0) -> NoisySounds:
    sounds = np.stack([0.1 * np.roll(SPEECH, 7 * int(name)) for name in ids]).astype(np.float32)
    return NoisySounds(sounds, ids, Coloured(exponent), EVALUATION, rate_hz=RATE_HZ, seed=seed)


def test_a_stimulus_is_the_same_alone_and_among_others() -> None:
    together, alone = noisy(("1", "2", "3")), noisy(("2",))
    np.testing.assert_array_equal(together[[0, 1, 2]][1], alone[[0]][0])
    np.testing.assert_array_equal(together[1], alone[0])
    assert together.digest_of(1) == alone.digest_of(0)
    assert together[[2, 0]].shape == (2, N)
    assert together[[0]].dtype == np.float32


def test_seed_and_background_change_the_sound_and_its_digest() -> None:
    first = noisy(("1",))
    for other in (noisy(("1",), seed=1), noisy(("1",), exponent=0.0)):
        assert not np.array_equal(first[0], other[0])
        assert first.digest_of(0) != other.digest_of(0)


def test_a_stimulus_has_the_ratio_that_it_drew() -> None:
    values = noisy(tuple(str(k) for k in range(6)))
    for k in range(6):
        x = values[k].astype(float)
        at_tone = np.fft.rfft(x)
        speech = np.zeros_like(at_tone)
        speech[500] = at_tone[500]  # the noise has next to nothing in this one bin
        own = np.fft.irfft(speech, N)
        ratio = 20 * math.log10(own.std() / (x - own).std())
        assert ratio == pytest.approx(values.draw(k).snr_db, abs=0.5)


def test_purposes_are_independent_streams() -> None:
    a, b = (generator_for(0, "x", purpose).normal(size=4000) for purpose in ("a", "b"))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.06


def test_a_background_alone_is_the_null_class() -> None:
    ids = tuple(str(k) for k in range(40))
    sounds = np.stack([SPEECH.astype(np.float32)] * 40)
    clean = Stimuli(ids, sounds, np.full(40, 5), "words")
    some = Conditions(background_alone=0.5)
    noisy = in_noise(clean, Coloured(0.0), some, rate_hz=RATE_HZ, null=0)
    heard = [abs(np.fft.rfft(noisy.values[k])[500]) > 100 for k in range(40)]
    assert 10 < sum(heard) < 30
    assert noisy.labels.tolist() == [5 if one else 0 for one in heard]
    assert noisy.digest != clean.digest
    with pytest.raises(BenchError, match="null="):
        in_noise(clean, Coloured(0.0), some, rate_hz=RATE_HZ)


def test_backgrounds_lie_beside_the_words(tmp_path: Path) -> None:
    t = np.arange(16_000) / 16_000
    for name in ("about/a.wav", "million/b.wav"):
        (tmp_path / name).parent.mkdir()
        soundfile.write(tmp_path / name, 0.3 * np.sin(2 * np.pi * 300 * t), 16_000)
    words = installed().stimuli.get("recorded-words-in-noise")
    made = words.load(None, tmp_path)
    assert "backgrounds are made" in made.notes[-1]
    assert made.values[[0, 1]].shape == (2, 40_000)
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    soundfile.write(
        folder / "hum.wav", 0.3 * np.sin(2 * np.pi * 50 * np.arange(48_000) / 16_000), 16_000
    )
    recorded = words.load(None, tmp_path)
    assert recorded.ids == made.ids
    assert not any("folders that name no word" in note for note in recorded.notes)
    lines = np.abs(np.fft.rfft(recorded.values[[0]][0]))
    assert set(np.argsort(lines)[-2:]) == {100, 600}  # 50 and 300 Hz in 2 s
    assert recorded.digest != made.digest
    (folder / "hum.wav").write_bytes(b"")
    with pytest.raises(BenchError, match="no background"):
        words.load(None, tmp_path)
