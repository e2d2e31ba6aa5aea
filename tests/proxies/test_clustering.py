"""Clustering in threes and its summary, on cases whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from bench.errors import BenchError
from bench.proxies.clustering import CHANCE, clustering
from bench.proxies.summary import mean_and_deviation
from bench.proxies.triples import hard_triples, random_triples, read_similarity, similarity_by


def by_mean(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.mean(dim=(1, 2, 3)) - b.mean(dim=(1, 2, 3))).abs()


def greys(*values: float) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1).expand(-1, 3, 4, 4).contiguous()


THREES = np.array([[0, 1, 2], [3, 4, 5]])
TARGETS = greys(0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def test_identity_is_all_correct() -> None:
    found = clustering(TARGETS, TARGETS, THREES, by_mean)
    assert found["correct"].mean() == 1
    assert list(found["chosen"]) == list(found["id"])
    assert list(found["trial"]) == [0, 0, 0, 1, 1, 1]


def test_stimuli_permuted_within_their_three_are_all_wrong() -> None:
    found = clustering(TARGETS[[1, 2, 0, 4, 5, 3]], TARGETS, THREES, by_mean)
    assert found["correct"].sum() == 0
    assert list(found["chosen"]) == ["1", "2", "0", "4", "5", "3"]


def test_two_rows_may_take_one_column_and_a_tie_is_wrong() -> None:
    targets = greys(0.0, 0.25, 0.5)
    stimuli = greys(0.2, 0.3, 0.375)  # the third is as near to its own as to another
    found = clustering(stimuli, targets, THREES[:1], by_mean, ids=["a", "b", "c"])
    assert list(found["chosen"]) == ["b", "b", "b"]
    assert list(found["correct"]) == [False, True, False]
    assert list(found["id"]) == ["a", "b", "c"]


def test_a_distance_that_sees_nothing_scores_chance_or_less() -> None:
    generator = torch.Generator().manual_seed(0)

    def guess(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.rand(len(a), generator=generator)

    images = torch.rand(900, 3, 2, 2, generator=generator)
    share = clustering(images, images, random_triples(900, 0), guess)["correct"].mean()
    assert share == pytest.approx(CHANCE, abs=4 * np.sqrt(2 / 9 / 900))
    flat = clustering(images, images, random_triples(900, 0), lambda a, b: torch.zeros(len(a)))
    assert flat["correct"].sum() == 0


def test_batches_and_repeated_pairs_change_nothing() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.rand(9, 3, 4, 4, generator=generator) for _ in range(2))
    threes = np.vstack([random_triples(9, 0), random_triples(9, 1)])
    once = clustering(a, b, threes, by_mean, batch_size=1)
    pd.testing.assert_frame_equal(once, clustering(a, b, threes, by_mean))


def test_wrong_ranges_and_triples_are_refused() -> None:
    with pytest.raises(BenchError, match=r"stimuli has values in \[-1, 1\]"):
        clustering(TARGETS * 2 - 1, TARGETS, THREES, by_mean)
    with pytest.raises(BenchError, match="do not fit 6 targets"):
        clustering(TARGETS, TARGETS, THREES + 1, by_mean)


@pytest.mark.parametrize("n", [3, 9, 10, 11])
def test_random_threes_hold_every_target_and_none_twice_in_one(n: int) -> None:
    threes = random_triples(n, seed=5)
    assert threes.shape == (-(-n // 3), 3)
    assert set(threes.ravel()) == set(range(n))
    assert all(len(set(three)) == 3 for three in threes)
    assert np.array_equal(threes, random_triples(n, seed=5))
    assert n == 3 or not np.array_equal(threes, random_triples(n, seed=6))


def test_hard_threes_are_the_most_similar() -> None:
    similarity = np.array(
        [[9, 1, 3, 2], [0, 9, 5, 4], [7, 7, 9, 8], [1, 2, 3, 9]]  # not symmetric
    )
    assert hard_triples(similarity).tolist() == [[0, 2, 3], [1, 2, 3], [2, 3, 0], [3, 2, 1]]
    with pytest.raises(BenchError, match="NaN"):
        hard_triples(np.full((3, 3), np.nan))
    with pytest.raises(BenchError, match="2 targets make no three"):
        hard_triples(np.eye(2))
    with pytest.raises(BenchError, match=r"shape \(2, 3\)"):
        hard_triples(np.zeros((2, 3)))


def test_a_distance_builds_similarities() -> None:
    found = similarity_by(greys(0.0, 0.25, 1.0), by_mean, batch_size=1)
    np.testing.assert_allclose(found, -np.array([[0, 0.25, 1], [0.25, 0, 0.75], [1, 0.75, 0]]))


def test_a_similarity_file_is_read_in_the_order_of_the_stimuli(tmp_path: Path) -> None:
    path = tmp_path / "hsj.npz"
    np.savez(path, ids=np.array(["x", "y", "z"]), similarity=np.arange(9.0).reshape(3, 3))
    assert read_similarity(path, ["z", "x"]).tolist() == [[8, 6], [2, 0]]
    with pytest.raises(BenchError, match="lacks 1 of 2 stimuli: the first is 'w'"):
        read_similarity(path, ["x", "w"])


def test_similarity_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    with pytest.raises(BenchError, match="cannot be read"):
        read_similarity(path, ["x"])
    path.write_bytes(b"no such format")
    with pytest.raises(BenchError, match=r"cannot be read.*want a \.npz file"):
        read_similarity(path, ["x"])
    np.savez(path, names=np.array(["x"]))
    with pytest.raises(BenchError, match="no array ids"):
        read_similarity(path, ["x"])
    np.savez(path, ids=np.array(["x"]), similarity=np.zeros((2, 2)))
    with pytest.raises(BenchError, match=r"1 ids, but similarities of shape \(2, 2\)"):
        read_similarity(path, ["x"])


def test_mean_and_deviation_over_backbones_are_the_authors() -> None:
    """The shares 93, 1, 81 and 56 of 100 that four backbones found, with NumPy's default std."""
    rows = pd.DataFrame(
        [
            {"model": "m", "stage": "s", "metric": metric, "id": str(i), "aligned": i < hits}
            for metric, hits in {"a": 93, "b": 1, "c": 81, "d": 56}.items()
            for i in range(100)
        ]
    )
    (found,) = mean_and_deviation(rows).to_dict("records")
    assert found["mean"] == pytest.approx(0.5775)
    assert found["deviation"] == pytest.approx(0.353792, abs=1e-6)  # sqrt(5006.75 / 4) / 100
    assert (found["observers"], found["n"]) == (4, 100)
    single = mean_and_deviation(rows[rows["metric"] == "a"])
    assert single["deviation"].isna().all()
    with pytest.raises(BenchError, match="no choices with columns"):
        mean_and_deviation(rows.drop(columns="metric"))
