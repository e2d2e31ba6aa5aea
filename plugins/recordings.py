"""Recorded words in the user's folder, as stimuli."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import bench

OWN = "your own recordings, read in place"


def _recorded(set_id: str, labels: str, limit: int | None, data: Path | None) -> bench.Stimuli:
    from bench.stimuli.sounds import WORD_CLIP
    from bench.stimuli.word_clips import recorded_stimuli

    return recorded_stimuli(set_id, labels, WORD_CLIP, limit, data)


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
            id="speech-commands",
            label_space="speech-commands",
            load=partial(_recorded, "speech-commands", "speech-commands"),
            description="Speech Commands 0.02 as it is unpacked, its test list: 2 s at 20 kHz",
            reference="Warden 2018, arXiv 1804.03209",
            license="CC BY 4.0; your own copy is read in place",
        )
    )
