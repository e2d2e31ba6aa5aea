"""What boards and pages say of how far a protocol is from the paper's rule is the table's."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from bench.suites.suite import ProtocolChoice
from bench.synthesis.fidelity import in_words
from bench.synthesis.protocols import Protocol

TABLE = pd.read_csv(str(files("bench.synthesis") / "fidelity.csv"))
LATE = TABLE[TABLE["stage"].isin(["conv4", "pool", "logits"])]


@pytest.mark.parametrize("name", sorted(set(TABLE["protocol"])))
def test_the_sentence_is_that_of_the_table(name: str) -> None:
    assert Protocol.named(name).name == name
    rows = LATE[LATE["protocol"] == name]
    text = in_words(name)
    assert f"by {rows['difference'].mean():+.2f} on average" in text
    worst = rows.iloc[int(np.argmax(rows["difference"].abs()))]
    assert f"most by {worst['difference']:+.2f} ({worst['model']}, {worst['stage']})" in text
    reached = ((1 - rows["loss"]) / (1 - rows["full_loss"])).min()
    assert f"reaches at least {min(1, reached):.0%}" in text


def test_the_table_is_of_one_set_of_stimuli_a_stage() -> None:
    assert (TABLE.groupby(["model", "stage"])["full_recognised"].nunique() == 1).all()
    assert set(TABLE["model"]) == {
        "digits-standard-seed0", "digits-l2-adversarial", "digits-lowpass"
    }  # fmt: skip


def test_fast_is_said_to_be_nearer_than_the_short_rule() -> None:
    """The reason for a fast protocol of our own, and for what the embedded suite takes."""
    bias = LATE.groupby("protocol")["difference"].mean().abs()
    assert bias["fast-2"] < bias["feather2023-short"]
    assert bias["quick-1"] < bias["feather2023-short"]


def test_what_was_not_measured_is_not_claimed() -> None:
    assert "was not compared" in in_words("fast-2+steps=100")
    assert "was not compared" in in_words("nanda2023")
    assert "whole" in in_words("feather2023")


def test_a_suite_records_the_version_of_fast() -> None:
    assert ProtocolChoice(name="fast").name == "fast-2"
    assert ProtocolChoice(name="feather2023").name == "feather2023"
