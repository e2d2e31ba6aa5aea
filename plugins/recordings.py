"""Recorded words in the user's folder, as stimuli."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import bench

OWN = "your own recordings, read in place"


def _recorded(set_id: str, labels: str, limit: int | None, data: Path | None) -> bench.Stimuli:
    from bench.stimuli.sounds import WORD_CLIP
    from bench.stimuli.word_clips import recorded_stimuli

    return recorded_stimuli(set_id, labels, WORD_CLIP, limit, data)


def _in_noise(set_id: str, labels: str, limit: int | None, data: Path | None) -> bench.Stimuli:
    from bench.mixing.mixtures import EVALUATION
    from bench.mixing.noisy import backgrounds_beside, in_noise
    from bench.stimuli.sounds import WORD_CLIP

    clean = _recorded(set_id, labels, limit, data)
    assert data is not None  # or there were no recordings
    background, notes = backgrounds_beside(data)
    noisy = in_noise(clean, background, EVALUATION, rate_hz=WORD_CLIP.rate_hz)
    return replace(noisy, notes=(*noisy.notes, *notes))


@bench.hookimpl
def bench_register_stimuli(register: Any) -> None:
    """Register the sets that are read from the user's folder."""
    register(
        bench.StimulusSet(
            id="recorded-words",
            label_space="words",
            load=partial(_recorded, "recorded-words", "words"),
            description="any recordings of the paper's words: 2 s at 20 kHz round the word",
            reference="Feather et al. 2023",
            license=OWN,
        )
    )
    register(
        bench.StimulusSet(
            id="recorded-words-in-noise",
            label_space="words",
            load=partial(_in_noise, "recorded-words-in-noise", "words"),
            description="the same in backgrounds, -10 to 10 dB: of a folder backgrounds, or made",
            reference="Feather et al. 2023",
            license=OWN,
        )
    )
    register(
        bench.StimulusSet(
            id="speech-commands",
            label_space="speech-commands",
            load=partial(_recorded, "speech-commands", "speech-commands"),
            description="Speech Commands 0.02 as it is unpacked, its test list: 2 s at 20 kHz",
            reference="Warden 2018, arXiv 1804.03209",
            license="CC BY 4.0; your own copy is read in place",
        )
    )
