"""The layouts in which people keep recordings of words, and folders that hold none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.errors import BenchError, ItemError
from bench.labels.spaces import space
from bench.stimuli.alignments import read_alignment, read_textgrid
from bench.stimuli.recordings import recordings, split_of
from bench.stimuli.sounds import WORD_CLIP
from bench.stimuli.word_clips import recorded_stimuli

WORDS = space("words").classes


def record(path: Path, seconds: float = 1.0, hz: float = 300.0, rate_hz: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * hz * t), rate_hz)
    return path


def load(data: Path | None, limit: int | None = None, labels: str = "words"):
    return recorded_stimuli("words/recordings", labels, WORD_CLIP, limit, data)


def test_folders_named_by_words(tmp_path: Path) -> None:
    record(tmp_path / "about" / "b" / "1.wav")
    record(tmp_path / "About" / "2.flac")
    record(tmp_path / "million" / "a.wav", seconds=3.0)
    record(tmp_path / "unheard-of" / "a.wav")
    record(tmp_path / ".hidden" / "about" / "a.wav")
    (tmp_path / "about" / "notes.txt").write_text("no sound")
    stimuli = load(tmp_path)
    assert {i: WORDS[k] for i, k in zip(stimuli.ids, stimuli.labels, strict=True)} == {
        "about/b/1.wav": "about",
        "About/2.flac": "about",
        "million/a.wav": "million",
    }
    assert stimuli.values[[0, 1, 2]].shape == (3, 40_000)
    assert "unheard-of" in stimuli.notes[0]
    assert "2 recordings are shorter" in stimuli.notes[1]


def test_every_prefix_is_a_fair_sample(tmp_path: Path) -> None:
    for word in ("about", "above", "ability"):
        for k in range(3):
            record(tmp_path / word / f"{k}.wav", hz=200 + 50 * k)
    first = load(tmp_path, limit=3)
    assert {WORDS[k] for k in first.labels} == {"about", "above", "ability"}
    assert load(tmp_path).ids[:3] == first.ids


def test_a_table_with_times_speakers_and_splits(tmp_path: Path) -> None:
    record(tmp_path / "long" / "talk.wav", seconds=6.0)
    record(tmp_path / "b.wav")
    (tmp_path / "labels.csv").write_text(
        "file,word,speaker,split,start,end\n"
        "long/talk.wav,about,anna,test,1.5,2.1\n"
        "long/talk.wav,Million,anna,test,3.0,3.5\n"
        "long/talk.wav,Million,anna,test,3.0,3.5\n"
        "b.wav,above,ben,train,,\n"
        "long/talk.wav,zzz,anna,test,4,5\n"
        "missing.wav,about,,,,\n"
        "b.wav,about,,,0.1,\n"
        "b.wav,about,,,x,y\n"
        "b.wav,about,,dev,,\n"
        "b.wav,,,,,\n",
        encoding="utf-8",
    )
    found, notes = recordings(tmp_path, "words")
    assert [(r.id, WORDS[r.number], r.speaker, r.split, r.word_s) for r in found] == [
        ("long/talk.wav@1.500", "about", "anna", "test", (1.5, 2.1)),
        ("long/talk.wav@3.000", "million", "anna", "test", (3.0, 3.5)),
        ("b.wav", "above", "ben", "train", None),
    ]
    text = " | ".join(notes)
    for reason in ("zzz", "none, line 11", "missing.wav", "go together", "not numbers", "'dev'"):
        assert reason in text, reason
    assert "1 recordings that are listed twice" in text
    assert load(tmp_path).ids == tuple(sorted(load(tmp_path).ids, key=load(tmp_path).ids.index))
    assert set(load(tmp_path).ids) == {"long/talk.wav@1.500", "long/talk.wav@3.000"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "columns"),
        (b"file;word\n", "columns"),
        (b"file,wort\na,b\n", "columns"),
        (b"\xff\xfe\xff", "read"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(BenchError, match=why):
        load(tmp_path)


def test_speech_commands(tmp_path: Path) -> None:
    for name in ("yes/a1_nohash_0", "yes/b2_nohash_0", "no/a1_nohash_1", "tree/c3_nohash_0"):
        record(tmp_path / f"{name}.wav", seconds=0.9)
    record(tmp_path / "_background_noise_" / "dishes.wav", seconds=3.0)
    (tmp_path / "testing_list.txt").write_text("yes/a1_nohash_0.wav\nno/a1_nohash_1.wav\n")
    (tmp_path / "validation_list.txt").write_text("yes/b2_nohash_0.wav\n")
    found, notes = recordings(tmp_path, "speech-commands")
    assert {r.id: (r.speaker, r.split) for r in found} == {
        "yes/a1_nohash_0.wav": ("a1", "test"),
        "yes/b2_nohash_0.wav": ("b2", "valid"),
        "no/a1_nohash_1.wav": ("a1", "test"),
        "tree/c3_nohash_0.wav": ("c3", "train"),
    }
    assert notes == []
    assert set(load(tmp_path, labels="speech-commands").ids) == {
        "yes/a1_nohash_0.wav",
        "no/a1_nohash_1.wav",
    }


ALIGNED = (
    '84-121-0000 ",ABOUT,,MILLION,THE,ABOVE," "1.2,1.8,2.0,2.6,2.8,3.4,4.0"\n'
    '84-121-0001 "ABILITY,ABOUT" "0.5,1.0"\n'
)


def test_librispeech_with_alignments(tmp_path: Path) -> None:
    folder = tmp_path / "test-clean" / "84" / "121"
    record(folder / "84-121-0000.flac", seconds=4.0)
    (folder / "84-121.alignment.txt").write_text(ALIGNED)
    found, notes = recordings(tmp_path, "words")
    assert [(r.id, WORDS[r.number], r.speaker, r.split, r.word_s) for r in found] == [
        ("84-121-0000@1.200", "about", "84", "test", (1.2, 1.8)),
        ("84-121-0000@2.000", "million", "84", "test", (2.0, 2.6)),
    ]  # above: 0.9 s are left behind it; the second utterance is shorter than a clip
    assert notes == []
    assert len(load(tmp_path)) == 2
    (folder / "84-121.alignment.txt").write_text(ALIGNED.replace("0000", "0009"))
    with pytest.raises(BenchError, match="84-121-0009"):
        load(tmp_path)


@pytest.mark.parametrize(
    "line", ["nonsense", 'u "A,B" "1.0"', 'u "A" "soon"', "u A 1.0", 'u "A" ""']
)
def test_a_damaged_alignment_is_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "1-2.alignment.txt"
    path.write_text(f'1-2-0000 "ABOUT" "1.0"\n\n{line}\n')
    with pytest.raises(ItemError, match="line 3"):
        read_alignment(path)


TEXTGRID = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 4
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 4
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 4
            text = "AH"
    item [2]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 4
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1.25
            text = ""
        intervals [2]:
            xmin = 1.25
            xmax = 1.75
            text = "Million"
        intervals [3]:
            xmin = 1.75
            xmax = 4
            text = "say ""about"""
'''


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_textgrids(tmp_path: Path, encoding: str) -> None:
    record(tmp_path / "dev-clean" / "1-2-0003.flac", seconds=4.0)
    grid = tmp_path / "grids" / "1-2-0003.TextGrid"
    grid.parent.mkdir()
    grid.write_text(TEXTGRID, encoding=encoding)
    words = read_textgrid(grid)
    assert [(w.word, w.start_s, w.end_s, w.seconds) for w in words] == [
        ("million", 1.25, 1.75, 4),
        ('say "about"', 1.75, 4, 4),
    ]
    (one,), _ = recordings(tmp_path, "words")
    assert (one.id, one.split, one.word_s) == ("1-2-0003@1.250", "valid", (1.25, 1.75))
    grid.write_text(TEXTGRID.replace('"words"', '"syllables"'))
    with pytest.raises(ItemError, match="no tier"):
        read_textgrid(grid)


def test_splits_are_by_speaker_and_a_tenth_each(tmp_path: Path) -> None:
    from bench.stimuli.recordings import Recording

    def one(k: int, speaker: str) -> Recording:
        return Recording(Path(f"{k}.wav"), f"{k}.wav", 0, speaker)

    assert len({split_of(one(k, "anna")) for k in range(20)}) == 1
    shares = [split_of(one(k, f"s{k}")) for k in range(4000)]
    for split, share in (("test", 0.1), ("valid", 0.1), ("train", 0.8)):
        assert shares.count(split) / 4000 == pytest.approx(share, abs=0.02)
    assert split_of(Recording(Path("a"), "a", 0, "anna", "valid")) == "valid"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("word_WSJ_validation.pckl", "can run code.*labels.csv"),
        ("photo.png", "holds images"),
        ("readme.txt", "no file that ends in"),
        ("elsewhere/a.wav", "elsewhere.*folders named by their words"),
    ],
)
def test_folders_without_words_say_what_they_hold(tmp_path: Path, name: str, why: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"content")
    with pytest.raises(BenchError, match=why):
        load(tmp_path)


def test_no_folder_and_no_test_recordings(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--data DIR"):
        load(None)
    with pytest.raises(BenchError, match="no folder"):
        load(tmp_path / "none")
    record(tmp_path / "a.wav")
    (tmp_path / "labels.csv").write_text("file,word,split\na.wav,about,train\n")
    with pytest.raises(BenchError, match="for training"):
        load(tmp_path)


def test_unfit_recordings_are_listed_and_the_others_used(tmp_path: Path) -> None:
    record(tmp_path / "about" / "fit.wav")
    soundfile.write(tmp_path / "about" / "silent.wav", np.zeros(16_000), 16_000)
    (tmp_path / "about" / "torn.wav").write_bytes(b"RIFF")
    stimuli = load(tmp_path)
    assert stimuli.ids == ("about/fit.wav",)
    assert "2 recordings left out" in stimuli.notes[0]
    assert "silent" in stimuli.notes[0]
    (tmp_path / "about" / "fit.wav").unlink()
    with pytest.raises(BenchError, match="no recording could be used"):
        load(tmp_path)


def test_a_changed_file_changes_the_digest(tmp_path: Path) -> None:
    path = record(tmp_path / "about" / "a.wav")
    before = load(tmp_path).digest
    assert load(tmp_path).digest == before
    record(path, hz=310)
    assert load(tmp_path).digest != before
