"""timm finds the model hub: a wrong pair of versions fails as if no client was installed."""

from __future__ import annotations

from timm.models._hub import has_hf_hub


def test_timm_finds_the_hub():
    # What timm asks before it fetches with `pretrained=True`; it raises where it finds no client.
    assert has_hf_hub(necessary=True)
