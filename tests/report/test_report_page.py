"""The page: whole without a network, safe with hostile text, honest about what is missing."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench.pages.markup import element, html, linked
from bench.report import page as page_module
from bench.report.drawing import COLOURS
from bench.report.gallery_table import stimuli_shown
from bench.report.page import write_page
from bench.report.pictures import draw_all
from bench.store.tables import write_tables

HOSTILE = '<script>alert("1")</script>'
STAGE = '$x$ & "</td><img src=x onerror=alert(1)>'
VOID = {"meta", "img"}


class _Reader(HTMLParser):
    """Collects a page's elements and texts, and checks that they are properly nested."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def _read(run: Any, *, drawn: bool = False) -> _Reader:
    pictures = {}
    if drawn:
        pictures = draw_all(run.run_dir, run.record, run.board, run.natural)
    natural = run.natural if drawn else None
    path = write_page(run.run_dir, run.record, run.board, pictures, run.failures, natural)
    assert path == run.run_dir.root / "report.html"
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader._open == []
    return reader


def test_the_page_needs_nothing_else(build: Any) -> None:
    run = build(["toy-a", "toy-b"])
    page = _read(run, drawn=True)
    assert sum("plot" in str(image["class"]) for image in page.all("img")) == 4
    for image in page.all("img"):
        head, data = str(image["src"]).split(",", 1)
        assert head == "data:image/png;base64"
        assert base64.b64decode(data, validate=True).startswith(b"\x89PNG")
        assert image["alt"]
    assert not page.all("link")
    assert [script.get("src") for script in page.all("script")] == [None]
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = {str(a["href"]) for a in page.all("a")}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= ids
    beside = {f"leaderboard.{end}" for end in ("csv", "json", "md")}
    assert {link for link in links if not link.startswith(("#", "https://"))} == beside
    assert "https://doi.org/10.1038/s41593-023-01442-0" in links


def test_every_metamer_is_shown_under_its_stimulus(build: Any) -> None:
    run = build(["toy-a", "toy-b"])
    page = _read(run, drawn=True)
    tiles = [image for image in page.all("img") if "plot" not in str(image["class"])]
    ids, values = run.natural
    stages = 2 * sum(len(model["stages"]) for model in run.record["models"][:1])
    assert len(tiles) == len(ids) * (2 + stages)
    first = base64.b64decode(str(tiles[0]["src"]).split(",", 1)[1])
    with Image.open(io.BytesIO(first)) as shown:  # pixel by pixel, whatever the screen enlarges
        expected = np.round(np.clip(values[0], 0, 1) * 255).transpose(1, 2, 0)
        np.testing.assert_array_equal(
            np.asarray(shown), np.broadcast_to(expected, (*expected.shape[:2], 3))
        )
    assert tiles[0]["alt"] == f"{ids[0]}, natural"
    assert {"zoom"} <= set(str(tiles[0]["class"]).split())
    made = run.run_dir.table("synthesis")
    framed = sum("framed" in str(tile["class"]) for tile in tiles)
    assert framed == int((~made["label_match"].astype(bool)).sum())


def test_a_page_bears_so_many_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"models": [{"id": "m"}], "tasks": [
        {"kind": "synthesis", "generator": "m", "stage": f"s{i}"} for i in range(9)
    ]}  # fmt: skip
    ids = [str(i) for i in range(100)]
    assert stimuli_shown(record, ids) == ids[:40]
    monkeypatch.setattr("bench.report.gallery_table.MOST_TILES", 150)
    assert stimuli_shown(record, ids) == ids[:15]
    monkeypatch.setattr("bench.report.gallery_table.MOST_TILES", 10)
    assert stimuli_shown(record, ids) == ids[:8]


def test_models_have_the_marks_of_the_pictures(build: Any) -> None:
    page = _read(build(["toy-a", "toy-b"]))
    assert [p["fill"] for p in page.all("path")] == list(COLOURS[:2])


def test_addresses_are_links_and_nothing_else_is() -> None:
    text = "Feather <et al.> 2023, 10.1038/s41593-023-01442-0; https://x.org/a_b/?q=1. javascript:x"
    assert linked(text) == (
        'Feather &lt;et al.&gt; 2023, <a href="https://doi.org/10.1038/s41593-023-01442-0">'
        '10.1038/s41593-023-01442-0</a>; <a href="https://x.org/a_b/?q=1">https://x.org/a_b/?q=1</a>'
        ". javascript:x"
    )


def test_only_the_page_s_own_script_may_run(build: Any) -> None:
    run = build(["toy-a", "toy-b"])
    page = _read(run)
    source = (run.run_dir.root / "report.html").read_text(encoding="utf-8")
    script = re.findall(r"<script>(.*?)</script>", source, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    [policy] = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert len(script) == 1
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)


def test_hostile_names_are_text(build: Any) -> None:
    run = build([HOSTILE, "toy-b"], [STAGE, "logits"], failing={f"{HOSTILE}/logits": HOSTILE})
    run.record["models"][0] |= {"reference": HOSTILE, "license": "'\"><b>", "training": HOSTILE}
    run.record["suite"]["title"] = HOSTILE
    run.record["command"] = HOSTILE
    run.record["unavailable"] = {HOSTILE: HOSTILE}
    run.board["training"] = HOSTILE
    page = _read(run, drawn=True)
    assert len(page.all("script")) == 1
    assert not page.all("b")
    assert {image["src"][:10] for image in page.all("img")} == {"data:image"}
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert page.texts.count(HOSTILE) >= 6
    assert any(STAGE in str(image["alt"]) for image in page.all("img"))
    assert STAGE in page.texts


def test_missing_is_a_dash_and_not_measured_has_no_column(build: Any) -> None:
    run = build(["toy-a", "toy-b"], robustness=False)
    for part in ("", "_low", "_high", "_n"):
        run.board.loc[1, f"two_afc{part}"] = np.nan
    page = _read(run)
    text = " ".join(page.texts)
    assert "under attack (PGD" not in text
    assert "–" in page.texts
    assert "nan" not in text.lower().replace("nanda", "")


def test_numbers_stand_with_interval_and_n(build: Any) -> None:
    run = build(["toy-a", "toy-b"])
    values = {"alignment": 0.5, "alignment_low": 0.25, "alignment_high": 0.75, "alignment_n": 10.0}
    run.board = run.board.assign(**values)
    page = _read(run)
    at = page.texts.index("[0.25, 0.75] n 10")
    assert page.texts[at - 1] == "0.50"


def test_one_model_says_that_there_is_no_other(build: Any) -> None:
    page = _read(build(["toy-a"]))
    text = " ".join(page.texts)
    assert "one model only" in text
    assert "nan" not in text.lower().replace("nanda", "")


def test_failures_and_models_left_out_are_named_with_reasons(build: Any) -> None:
    run = build(["toy-a", "toy-b"], failing={"toy-a/conv2": "activations are not finite"})
    run.record["unavailable"] = {"toy-z": "needs timm"}
    texts = _read(run).texts
    assert texts[texts.index("synthesis toy-a conv2") + 1] == "activations are not finite"
    assert texts[texts.index("model toy-z: left out") + 1] == "needs timm"


def test_no_failures_are_said_to_be_none(build: Any) -> None:
    assert "No task failed." in _read(build(["toy-a", "toy-b"])).texts


def test_a_run_without_metamers_has_a_page(build: Any) -> None:
    run = build(["toy-a", "toy-b"], ["only"],
                failing={"toy-a/only": "broken", "toy-b/only": "broken"})  # fmt: skip
    assert not run.run_dir.table_path("synthesis").exists()
    assert "No metamers were made." in _read(run).texts


def test_match_shows_medians_and_infinite_ratios(build: Any) -> None:
    run = build(["toy-a"], ["only"])
    place = run.places[0]
    rows = run.run_dir.rows(place)
    rows["spearman"] = np.linspace(0.0, 0.9, 10)
    rows["snr_db"] = np.inf
    run.run_dir.commit(place, rows, run.run_dir.arrays(place))
    write_tables(run.run_dir, [place])
    texts = _read(run).texts
    assert "0.450" in texts
    assert texts[texts.index("∞") + 1] == "∞ to ∞"


def test_large_pictures_are_embedded_smaller(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "PNG_UP_TO", 100)
    page = _read(build(["toy-a", "toy-b"]), drawn=True)
    plots = [image for image in page.all("img") if "plot" in str(image["class"])]
    kinds = {str(image["src"]).split(";")[0] for image in plots}
    assert kinds == {"data:image/jpeg"}
    assert any("pictures/recognition-matrix.png" in text for text in page.texts)


def test_text_is_escaped_once() -> None:
    assert element("p", "a < b", title='"') == '<p title="&quot;">a &lt; b</p>'
    assert element("p", html("&")) == "<p>&amp;</p>"
