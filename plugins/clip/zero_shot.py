"""The zero-shot head: what CLIP's text encoder makes of the names of ImageNet's classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import open_clip
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.functional import normalize

from bench import config
from bench.errors import BenchError
from bench.models.load import pick_device
from bench.models.weights import state_sha256
from bench_plugins.clip.networks import empty_clip

CLASSES_AT_ONCE = 4
# What OpenAI's own files tell beside their parameters.
SIZES = ("input_resolution", "context_length", "vocab_size")


def encoder_and_head(architecture: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the state of a `ZeroShot` from that of a whole CLIP model of open_clip.

    The head takes 80,000 sentences (about twenty minutes on one processor core) and is kept in
    the cache.

    Raises
    ------
    BenchError
        If the state is not that of this architecture.
    """
    if "head" in state:
        return state
    whole = empty_clip(architecture).eval().requires_grad_(False)
    state = {name: value for name, value in state.items() if name not in SIZES}
    try:
        whole.load_state_dict(state)
    except RuntimeError as error:
        raise BenchError(
            f"the checkpoint is not one of open_clip's {architecture}", why=str(error)[:200]
        ) from None
    texts = sentences(open_clip.IMAGENET_CLASSNAMES, open_clip.OPENAI_IMAGENET_TEMPLATES)
    head = _kept_head(whole, texts)
    encoder = {k: v for k, v in whole.state_dict().items() if k.startswith("visual.")}
    return {**encoder, "logit_scale": whole.logit_scale.detach(), "head": head}


def sentences(names: Sequence[str], templates: Sequence[object]) -> list[list[str]]:
    """Return each class's sentences."""
    return [[template(name) for template in templates] for name in names]  # type: ignore[operator]


def _kept_head(whole: nn.Module, texts: list[list[str]]) -> torch.Tensor:
    path = _cache_path(whole, texts)
    if path.is_file():
        return load_file(path)["head"]
    head = class_directions(whole.to(pick_device("auto")), texts)
    whole.to("cpu")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({"head": head}, part)
    part.replace(path)
    return head


def _cache_path(whole: nn.Module, texts: list[list[str]]) -> Path:
    key = hashlib.sha256(f"{state_sha256(whole)} {texts}".encode()).hexdigest()
    return config.cache_dir() / "zero-shot" / f"{key[:16]}.safetensors"


def class_directions(whole: nn.Module, texts: list[list[str]]) -> torch.Tensor:
    """Return the mean of each class's normalised sentences, of length 1: ``(classes, dim)``.

    Source: Radford et al. 2021, section 3.1.4.
    """
    device = whole.positional_embedding.device
    rows = []
    with torch.no_grad():
        for start in range(0, len(texts), CLASSES_AT_ONCE):
            part = texts[start : start + CLASSES_AT_ONCE]
            tokens = open_clip.tokenize([text for one in part for text in one]).to(device)
            embedded = normalize(_encode(whole, tokens), dim=-1)
            means = embedded.view(len(part), -1, embedded.shape[-1]).mean(dim=1)
            rows.append(normalize(means, dim=-1))
    return torch.cat(rows).cpu()


def _encode(whole: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Embed texts ``(N, context)``.

    Attention looks back only, so what follows a text's end changes nothing: the padding is left
    out, which makes this several times faster than ``encode_text``.
    """
    ends = tokens.argmax(dim=-1)  # the end mark has the highest number
    length = int(ends.max()) + 1
    x = whole.token_embedding(tokens[:, :length]) + whole.positional_embedding[:length]
    x = whole.transformer(x, attn_mask=whole.attn_mask[:length, :length])
    x = whole.ln_final(x)[torch.arange(len(x), device=x.device), ends]
    embedded: torch.Tensor = x @ whole.text_projection
    return embedded
