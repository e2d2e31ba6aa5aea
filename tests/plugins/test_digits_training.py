"""The training of the digits networks, each part against a closed form or another library."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from bench_plugins.digits import adversary, readout, simclr
from bench_plugins.digits.recipe import Recipe, Scenes, cross_entropy, fit


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _linear() -> tuple[nn.Module, Tensor]:
    """Return a linear classifier of two classes, and the direction from class 0 to class 1."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    weight = 0.01 * torch.randn(2, 3 * 32 * 32, generator=_generator())
    with torch.no_grad():
        network[1].weight.copy_(weight)
        network[1].bias.zero_()
    return network, (weight[1] - weight[0]).view(3, 32, 32)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("norm", "eps"), [("l2", 1.0), ("linf", 8 / 255)])
def test_the_worst_perturbation_of_a_linear_classifier(label: int, norm: str, eps: float) -> None:
    """Its gradient is the same everywhere, so the ball's best point is known."""
    network, direction = _linear()
    away = direction if label == 0 else -direction
    images = torch.full((2, 3, 32, 32), 0.5)
    labels = torch.tensor([label, label])
    delta = adversary.perturb(network, images, labels, norm, eps) - images
    expected = eps * (away / away.norm() if norm == "l2" else away.sign())
    torch.testing.assert_close(delta, expected.expand(2, -1, -1, -1), atol=1e-6, rtol=1e-4)


def test_adversarial_images_stay_images() -> None:
    network, _ = _linear()
    images = torch.rand(4, 3, 32, 32, generator=_generator()).round()
    attacked = adversary.perturb(network, images, torch.zeros(4, dtype=torch.int64), "linf", 0.1)
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert not torch.equal(attacked, images)


def test_the_control_perturbs_by_eps_in_a_direction_that_does_not_depend_on_the_network() -> None:
    images = torch.full((3, 3, 32, 32), 0.5)
    labels = torch.zeros(3, dtype=torch.int64)
    seen: list[Tensor] = []

    class Witness(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return torch.zeros(len(x), 2)

    for _ in range(2):
        adversary.random_perturbation(1.0, _generator(5))(Witness(), images, labels)
    shift = seen[0] * 0.25  # the door divides by 0.25, and maps 0.5 to 0
    torch.testing.assert_close(shift.flatten(1).norm(dim=1), torch.ones(3))
    torch.testing.assert_close(seen[0], seen[1], atol=0, rtol=0)


def test_contrast_loss_of_two_orthogonal_pairs() -> None:
    """Each row's partner is at cosine 1, the two others at 0: log(exp(1 / T) + 2) - 1 / T."""
    a = torch.tensor([[2.0, 0.0], [0.0, 3.0]])  # lengths do not matter
    loss = simclr.contrast_loss(a, a.clone(), temperature=0.5)
    assert loss.item() == pytest.approx(math.log(math.exp(2) + 2) - 2, abs=1e-6)


def test_views_differ_from_each_other_and_follow_from_their_generator() -> None:
    images = torch.rand(8, 3, 32, 32, generator=_generator())
    one, again, other = (simclr.view(images, _generator(seed)) for seed in (1, 1, 2))
    torch.testing.assert_close(one, again, atol=0, rtol=0)
    assert (one - other).abs().mean() > 0.05
    assert one.shape == images.shape
    assert one.min() >= 0
    assert one.max() <= 1


class _Toy(nn.Module):
    """Seven features of an image, and a readout."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Linear(7, 10)

    def features(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, 40:47] * torch.arange(1.0, 8.0) + 3

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(self.features(x))


@pytest.mark.filterwarnings("ignore:scipy.optimize:DeprecationWarning")  # of older scikit-learns
def test_the_readout_is_scikit_learns_logistic_regression_on_standardised_features() -> None:
    values = torch.randint(0, 256, (400, 3, 32, 32), generator=_generator(), dtype=torch.uint8)
    labels = torch.randint(0, 10, (400,), generator=_generator(1))
    network = _Toy()
    readout.fit_readout(network, Scenes(values, labels), penalty=2.0)
    x = (values.float() / 255 - 0.5) / 0.25
    features = network.features(x).numpy()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=2000))
    pipeline.fit(features, labels.numpy())
    found = network(x).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(found, pipeline.predict_proba(features), atol=2e-3)


def test_batches_go_through_every_scene_once_a_pass_in_an_order_of_the_generator() -> None:
    values = torch.arange(10, dtype=torch.uint8)[:, None, None, None].expand(10, 3, 32, 32)
    data = Scenes(values, torch.arange(10))
    batches = list(data.batches(5, 2, _generator()))
    first, second = (torch.cat([y for _, y in batches[k : k + 2]]) for k in (0, 2))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(10))
    assert first.tolist() != second.tolist()
    for images, labels in batches:
        torch.testing.assert_close(images[:, 0, 0, 0] * 255, labels.float())


def test_fitting_separates_what_can_be_separated_and_depends_on_the_seed_alone() -> None:
    values = torch.zeros(256, 3, 32, 32, dtype=torch.uint8)
    labels = torch.arange(256) % 2
    values[labels == 1] = 255
    state = []
    for _ in range(2):
        network, _ = _linear()
        fit(network, Scenes(values, labels), Recipe(passes=4), _generator(7))
        assert cross_entropy(network, values.float() / 255, labels) < 0.05
        state.append(network[1].weight.detach().clone())
    torch.testing.assert_close(state[0], state[1], atol=0, rtol=0)
