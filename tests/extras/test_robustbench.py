"""The extra `robustbench`: it imports neither as published nor with a recent setuptools."""

from __future__ import annotations

import sys
from collections import defaultdict

import pytest

from bench.compat.robustbench import import_robustbench
from bench.errors import BenchError

pytestmark = pytest.mark.extra("robustbench")


def test_it_imports_and_its_attack_is_the_installed_one():
    robustbench = import_robustbench()
    import pyautoattack.state

    assert robustbench.eval.AutoAttack is pyautoattack.AutoAttack
    assert robustbench.eval.EvaluationState is pyautoattack.state.EvaluationState


def test_importing_it_again_returns_the_same_module():
    assert import_robustbench() is import_robustbench()


def test_the_list_of_test_images_is_found_through_pkg_resources():
    import_robustbench()
    from robustbench.loaders import make_custom_dataset

    class_of = defaultdict(int)
    images = make_custom_dataset("val", "helper_files/imagenet_test_image_ids.txt", class_of)
    # RobustBench evaluates ImageNet on 5,000 images (Croce et al. 2021, section 3).
    assert len(images) == 5000


def test_without_it_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "robustbench", None)
    with pytest.raises(BenchError, match=r"pip install .metamer-bench\[robustbench\]"):
        import_robustbench()
