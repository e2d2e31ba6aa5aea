"""Perturbed training: adversarial in L2 or Linf, and the random control."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench_plugins.digits.recipe import Loss, cross_entropy, door

L2_EPS = 1.0
LINF_EPS = 8 / 255
STEPS = 3  # of eps / 2 each; Feather et al. 2023 took 7 of eps / 2 for their AlexNets


def _per_image(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def _unit_l2(x: Tensor) -> Tensor:
    return x / _per_image(x.flatten(1).norm(dim=1)).clamp_min(1e-12)


def step_l2(delta: Tensor, gradient: Tensor, eps: float) -> Tensor:
    """Move ``delta`` by eps / 2 up the gradient, within the L2 ball of radius ``eps``."""
    delta = delta + eps / 2 * _unit_l2(gradient)
    norm = _per_image(delta.flatten(1).norm(dim=1))
    return delta * (eps / norm.clamp_min(eps))


def step_linf(delta: Tensor, gradient: Tensor, eps: float) -> Tensor:
    """Move ``delta`` by eps / 2 up the gradient's sign, within the Linf ball of ``eps``."""
    return (delta + eps / 2 * gradient.sign()).clamp(-eps, eps)


def perturb(network: nn.Module, images: Tensor, labels: Tensor, norm: str, eps: float) -> Tensor:
    """Return adversarial images in [0, 1]: projected gradient ascent on the cross-entropy.

    The network is attacked as it is in evaluation, so that the attack leaves its batch-norm
    statistics alone; there is no random start.
    """
    advance = {"l2": step_l2, "linf": step_linf}[norm]
    network.eval()
    delta = torch.zeros_like(images)
    for _ in range(STEPS):
        attacked = (images + delta).detach().requires_grad_()
        loss = F.cross_entropy(network(door(attacked)), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, attacked)
        delta = advance(delta, gradient, eps)
        delta = (images + delta).clamp(0, 1) - images
    return images + delta


def adversarial(norm: str, eps: float) -> Loss:
    """Return the loss of adversarial training."""

    def loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        attacked = perturb(network, images, labels, norm, eps)
        network.train()
        return cross_entropy(network, attacked, labels)

    return loss


def random_perturbation(eps: float, generator: torch.Generator) -> Loss:
    """Return the loss of the control: a random direction of L2 norm ``eps`` on every image."""

    def loss(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        noise = torch.randn(images.shape, generator=generator)
        return cross_entropy(network, (images + eps * _unit_l2(noise)).clamp(0, 1), labels)

    return loss
