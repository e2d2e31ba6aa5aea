"""What holds of the network, whoever changes it."""

import bench
from bench.testing import check_model


def test_it_passes_the_checks(bench_model):
    assert check_model(bench_model).problems == []


def test_its_readout_has_learnt_digits():
    model = bench.load("random-features", device="cpu")
    shown = bench.load_stimuli("digits-scenes-test", limit=200)
    answers = bench.recognize(model, shown.values, shown.labels)
    assert answers["correct"].mean() > 0.5  # a guess is right in 0.1 of the cases
