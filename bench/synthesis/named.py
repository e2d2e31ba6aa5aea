"""The named protocols: the published ones to the letter, and a fast one of our own."""

from __future__ import annotations

import dataclasses

from bench.synthesis.parts import EarlyStop, NoiseStart, Regulariser, SubsetSchedule, Transforms
from bench.synthesis.protocols import IMAGE_START, SOUND_START, Protocol

FEATHER = Protocol(name="feather2023", source="Feather et al. 2023, Methods, 'Metamer generation'")

# HMAX is fed with 0..255: its step of 255 and its noise of 10 are 1 and 10/255 of our [0, 1].
HMAX = dataclasses.replace(
    FEATHER,
    name="feather2023-hmax",
    image_start=dataclasses.replace(IMAGE_START, std=10 / 255),
    subsets=SubsetSchedule(kind="random", every=50, until=2000),
    source="Feather et al. 2023, Supplement, 'HMAX vision model'",
)
SPECTEMP = dataclasses.replace(
    FEATHER,
    name="feather2023-spectemp",
    sound_start=dataclasses.replace(SOUND_START, std=1e-5),
    subsets=SubsetSchedule(kind="coarse-to-fine", every=400),
    source="Feather et al. 2023, Supplement, 'Spectemp model'",
)

# The paper names neither a number of steps nor where stimuli are clipped: 5,000 steps and [0, 1]
# are what the authors' code has.
NANDA = Protocol(
    name="nanda2023",
    steps=5000,
    repetitions=1,
    step_size=0.1,
    optimizer="sgd",
    image_start=NoiseStart(mean=0.0, std=1.0, low=0.0, high=1.0, clipped=False),
    noise_targets=True,
    source="Nanda et al. 2023, eq. 2, regularizer-free",
)
# Weights as in the authors' code, where the match has weight 10: 0.0005 / 10 and 0.00005 / 10.
TV_WEIGHT, LP_WEIGHT, BLUR_WEIGHT = 5e-5, 5e-6, 2.5e-5


def _nanda(suffix: str, source: str, **changes: object) -> Protocol:
    fields = {"name": f"nanda2023-{suffix}", "source": f"Nanda et al. 2023, {source}", **changes}
    return dataclasses.replace(NANDA, **fields)  # type: ignore[arg-type]


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        FEATHER,
        dataclasses.replace(
            FEATHER,
            name="feather2023-short",
            steps=25,
            repetitions=5,
            source="The rule of Feather et al. 2023 with 125 steps instead of 24,000",
        ),
        HMAX,
        dataclasses.replace(
            HMAX,
            name="feather2023-hmax-code",
            subsets=SubsetSchedule(kind="random", every=50, until=400, in_last_repetition=False),
            source="Feather et al. 2023, HMAX as in the published code",
        ),
        SPECTEMP,
        dataclasses.replace(
            SPECTEMP,
            name="feather2023-spectemp-code",
            subsets=SubsetSchedule(kind="coarse-to-fine", every=400, in_last_repetition=False),
            source="Feather et al. 2023, Spectemp as in the published code",
        ),
        Protocol(
            name="feather2023-adam",
            steps=1000,
            repetitions=15,
            step_size=0.001,
            step_decay=0.95,
            optimizer="adam",
            source="Feather et al. 2023, Supplementary Figure 1",
        ),
        NANDA,
        _nanda(
            "frequency",
            "A.4: R = TV(x) + ||x||_1",
            regulariser=Regulariser(tv=TV_WEIGHT, lp=LP_WEIGHT),
        ),
        _nanda(
            "blur",
            "A.4: R = ||x - StopGradient(blur(x))||^2",
            regulariser=Regulariser(blur=BLUR_WEIGHT),
        ),
        _nanda("fourier", "A.4: pre-conditioning in the Fourier domain", precondition=2.0),
        _nanda(
            "transform",
            "A.4: transformation robustness, their human-leaning results",
            transforms=Transforms(),
        ),
        _nanda(
            "adversarial",
            "section 2.2: R = -LPIPS(x, x_t)",
            regulariser=Regulariser(perceptual="lpips-alex"),
        ),
        _nanda(
            "code",
            "regularizer-free as in the authors' code: normalised steps of length 1, best loss",
            optimizer="normalized",
            step_size=1.0,
            keep="best",
        ),
        Protocol(
            name="fast-1",
            steps=400,
            repetitions=1,
            step_size=0.015,
            rate_shape="cosine",
            optimizer="adam",
            betas=(0.8, 0.9),
            log_loss=True,
            stop=EarlyStop(spearman=0.999, snr_db=30.0),
            exact=False,
            source="ours, replaced by fast-2: the objective of Feather et al. 2023 by Adam",
        ),
        Protocol(
            name="fast-2",
            steps=800,
            repetitions=1,
            polish=400,
            stop=EarlyStop(spearman=0.9999, snr_db=66.0),
            exact=False,
            source="ours: the steps of Feather et al. 2023, then L-BFGS; docs/protocols.md has "
            "what it reaches",
        ),
        Protocol(
            name="quick-1",
            steps=200,
            repetitions=1,
            step_size=3.0,
            step_decay=1 / 6,
            rate_shape="smooth",
            polish=200,
            stop=EarlyStop(spearman=0.9999, snr_db=66.0),
            exact=False,
            source="ours, for a first look: long steps, then L-BFGS; docs/protocols.md has how far "
            "it is from feather2023",
        ),
    )
}

# A name whose meaning may grow better: what is recorded is what it stood for.
NEWEST = {"fast": "fast-2", "quick": "quick-1"}


def add_protocol(new: Protocol) -> None:
    """Make a protocol known by its name."""
    PROTOCOLS[new.name] = new
