"""CLIP's visual encoders as classifiers: features, then a head of class directions."""

from __future__ import annotations

import math

import open_clip
import torch
from torch import nn
from torch.nn.functional import normalize

CLASSES = 1000
# The temperature at which CLIP's training ends (Radford et al. 2021, section 2.5: clipped to 100).
LOGIT_SCALE = math.log(100)


class ZeroShot(nn.Module):
    """A visual encoder and one direction a class.

    Parameters
    ----------
    visual
        open_clip's encoder: images to features ``(N, dim)``.
    head
        Class directions ``(classes, dim)`` of length 1.
    """

    head: torch.Tensor

    def __init__(self, visual: nn.Module, head: torch.Tensor) -> None:
        super().__init__()
        self.visual = visual
        self.logit_scale = nn.Parameter(torch.tensor(LOGIT_SCALE))
        self.register_buffer("head", head)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the image's features ``(N, dim)``."""
        features: torch.Tensor = self.visual(x)
        return features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return scaled cosines between the image's features and the classes ``(N, classes)``."""
        return self.logit_scale.exp() * normalize(self.features(x), dim=-1) @ self.head.T


class ZeroShotTransformer(ZeroShot):
    """The same for open_clip's vision transformer.

    Its steps are spelt out, because the tokens before their positions are added
    (``class_embedding_cat``) and the features (``linear_end``) are the output of no module.
    """

    def __init__(self, visual: nn.Module, head: torch.Tensor) -> None:
        super().__init__(visual, head)
        self.class_embedding_cat = nn.Identity()
        self.linear_end = nn.Identity()

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the projected class token ``(N, dim)``."""
        vit = self.visual
        patches = vit.conv1(x).flatten(2).transpose(1, 2)
        token = vit.class_embedding.expand(len(x), 1, -1)
        tokens = self.class_embedding_cat(torch.cat([token, patches], dim=1))
        tokens = vit.transformer(vit.ln_pre(tokens + vit.positional_embedding))
        features: torch.Tensor = self.linear_end(vit.ln_post(tokens[:, 0]) @ vit.proj)
        return features


def empty_clip(architecture: str) -> nn.Module:
    """Build open_clip's whole model of this name with random weights."""
    model: nn.Module = open_clip.CLIP(**open_clip.get_model_config(architecture))
    return model


def untrained(architecture: str) -> ZeroShot:
    """Build an encoder of open_clip's name with random weights and random class directions."""
    whole = empty_clip(architecture)
    dim = whole.text_projection.shape[1]
    head = normalize(torch.randn(CLASSES, dim), dim=-1)
    kind = ZeroShotTransformer if hasattr(whole.visual, "transformer") else ZeroShot
    return kind(whole.visual, head)
