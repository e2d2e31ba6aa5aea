"""Null distributions are kept under all that determines them, and reused only then."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click.testing
import pandas as pd
import pytest
import torch
from null_models import relu_model, shown, sounds, stimuli
from PIL import Image

from bench.cli import main
from bench.cli.nulls import nulls
from bench.errors import BenchError
from bench.models.staged import StagedModel
from bench.report.nulls import NullPanel, draw_nulls
from bench.spec import Stage
from bench.store.files import StoreError
from bench.store.null_assets import NullAsset, NullStore, keep_nulls
from bench.synthesis.nulls import null_distribution

X = sounds(12)
DIGITS = "digits-standard-seed0"


def keep(root: Path, model: StagedModel | None = None, **changes: Any) -> list[NullAsset]:
    asked = {"stages": ["relu", "final"], "pairs": 30, "seed": 1, **changes}
    x = stimuli(asked.pop("x", X))
    set_id = asked.pop("set_id", "noise")
    return keep_nulls(NullStore(root), model or relu_model(), x, set_id, **asked)


def test_a_kept_null_is_what_was_computed(tmp_path: Path) -> None:
    assets = keep(tmp_path)
    null = null_distribution(relu_model(), ["relu", "final"], X, pairs=30, seed=1)
    assert [asset.status for asset in assets] == ["built", "built"]
    for asset in assets:
        part = null[null["stage"] == asset.identity.stage].reset_index(drop=True)
        part["stage"] = part["stage"].cat.remove_unused_categories()
        pd.testing.assert_frame_equal(asset.table(), part)
    largest = {row["measure"]: row["max"] for row in assets[0].summary}
    assert largest["pearson"] == assets[0].table().query("measure == 'pearson'")["value"].max()


def test_a_later_run_reuses_it(tmp_path: Path) -> None:
    first = keep(tmp_path)
    model = relu_model()
    again = keep(tmp_path, model)
    assert shown(model) == 0
    assert [asset.status for asset in again] == ["kept", "kept"]
    assert [asset.file for asset in again] == [asset.file for asset in first]


def test_only_missing_stages_are_computed(tmp_path: Path) -> None:
    keep(tmp_path)
    assets = keep(tmp_path, stages=["same", "relu", "final"])
    assert [asset.status for asset in assets] == ["built", "kept", "kept"]


def moved() -> StagedModel:
    """Return a model whose stage ``relu`` is read elsewhere under the old name."""
    model = relu_model()
    model.spec = dataclasses.replace(model.spec, stages={**model.spec.stages, "relu": Stage("0")})
    return model


@pytest.mark.parametrize(
    "changes",
    [
        {"model": relu_model(weights_id="w2")},
        {"model": moved()},
        {"x": torch.cat([X[:-1], -X[-1:]])},
        {"set_id": "other"},
        {"pairs": 29},
        {"seed": 2},
        {"code": "changed"},
    ],
    ids=["weights", "stage", "stimuli", "set", "pairs", "seed", "code"],
)
def test_what_changes_the_values_changes_the_key(tmp_path: Path, changes: dict[str, Any]) -> None:
    (first,) = keep(tmp_path, stages=["relu"])
    (other,) = keep(tmp_path, **{"stages": ["relu"], **changes})
    assert other.status == "built"
    assert other.marker != first.marker


def test_the_epoch_of_the_code_is_in_the_key(tmp_path: Path) -> None:
    (asset,) = keep(tmp_path, stages=["relu"])
    assert dataclasses.replace(asset.identity, epoch=99).key != asset.identity.key


def cut(asset: NullAsset) -> None:
    path = asset.marker.with_suffix(".parquet")
    path.write_bytes(path.read_bytes()[:-7])


def flip(asset: NullAsset) -> None:
    path = asset.marker.with_suffix(".parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def remove(asset: NullAsset) -> None:
    asset.marker.with_suffix(".parquet").unlink()


def spoil_marker(asset: NullAsset) -> None:
    asset.marker.write_text('{"format": 1, "ident')


def empty_marker(asset: NullAsset) -> None:
    asset.marker.write_text("{}")


def edit_marker(asset: NullAsset) -> None:
    facts = json.loads(asset.marker.read_text())
    facts["identity"]["weights"] = "others"
    asset.marker.write_text(json.dumps(facts))


@pytest.mark.parametrize("damage", [cut, flip, remove, spoil_marker, empty_marker, edit_marker])
def test_a_damaged_null_is_reported_and_rebuilt(tmp_path: Path, damage: Any) -> None:
    (whole, _) = keep(tmp_path)
    values = whole.table()
    damage(whole)
    (mended, kept) = keep(tmp_path)
    assert mended.status.startswith("rebuilt: ")
    assert str(whole.marker.parent) in mended.status
    assert kept.status == "kept"
    pd.testing.assert_frame_equal(mended.table(), values)
    assert keep(tmp_path)[0].status == "kept"


def test_a_damaged_null_is_never_read(tmp_path: Path) -> None:
    (asset, _) = keep(tmp_path)
    flip(asset)
    with pytest.raises(StoreError, match="changed or cut off"):
        asset.table()


def test_infinite_values_are_kept(tmp_path: Path) -> None:
    x = X[:2].clone()
    x[1] = torch.where(x[0] <= 0, x[0] - 0.125, x[0])  # equal after the ReLU
    (asset,) = keep(tmp_path, x=x, stages=["relu"], pairs=1)
    assert asset.table().query("measure == 'snr_db'")["value"].tolist() == [float("inf")]
    assert next(row for row in asset.summary if row["measure"] == "snr_db")["max"] is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BenchError, match="file"):
        keep(blocked)


# -- the command


def invoke(*args: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(nulls, args, catch_exceptions=False)


def test_build_then_show_then_draw(tmp_path: Path) -> None:
    build = ("build", DIGITS, "--weights", "none", "--limit", "20", "--stages", "conv4,logits")
    out = ("--out", str(tmp_path / "nulls"), "--json")
    built = json.loads(invoke(*build, "--pairs", "50", *out).stdout)
    assert [(row["stage"], row["pairs"], row["status"]) for row in built] == [
        ("conv4", 50, "built"),
        ("logits", 50, "built"),
    ]
    assert built[0]["stimuli"] == "digits-scenes-train"
    again = json.loads(invoke(*build, "--pairs", "50", *out).stdout)
    assert {row["status"] for row in again} == {"kept"}
    picture = tmp_path / "nulls.png"
    listed = json.loads(invoke("show", DIGITS, "--picture", str(picture), *out).stdout)
    assert {row["key"] for row in listed} == {row["key"] for row in built}
    with Image.open(picture) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["build", "digits-standard-seed"], "did you mean"),
        (["build", DIGITS, "--stages", "conv9"], "has no stage 'conv9'"),
        (["build", DIGITS, "--stimuli", "digits-scenes"], "did you mean"),
        (["build", DIGITS, "--limit", "10", "--pairs", "46"], "different stimuli make 45 pairs"),
        (["show", DIGITS, "--picture", "x.png"], "nothing to draw"),
        (["show", DIGITS, "--run", "nowhere"], "--picture"),
    ],
)
def test_mistakes_are_one_line(
    args: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["nulls", *args, "--out", str(tmp_path)])
    assert left.value.code == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0
    assert message in said
    assert list(tmp_path.iterdir()) == []


def test_damaged_nulls_are_listed_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (asset, _) = keep(tmp_path)
    empty_marker(asset)
    main_result = invoke("show", "--out", str(tmp_path))
    assert "final" in main_result.stdout
    assert f"damaged: {asset.marker}" in main_result.stderr


# -- the picture


def pixels(data: bytes, tmp_path: Path) -> set[tuple[int, int, int]]:
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with Image.open(path) as image:
        found = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert found is not None
    return {colour for _, colour in found}


def test_the_picture_marks_metamers_by_their_verdict(tmp_path: Path) -> None:
    null = null_distribution(relu_model(), "relu", X)
    columns = {"spearman": [1.0, -1.0], "pearson": [1.0, -1.0], "snr_db": [50.0, -9.0]}
    match = pd.DataFrame(columns)

    def has(colours: set[tuple[int, int, int]], red: bool) -> bool:
        spread = [(r - b) if red else (b - r) for r, g, b in colours]
        return max(spread) > 80

    plain = pixels(draw_nulls("relu", [NullPanel("relu", null)]), tmp_path)
    both = pixels(draw_nulls("relu", [NullPanel("relu", null, match)]), tmp_path)
    good = pixels(draw_nulls("relu", [NullPanel("relu", null, match[:1])]), tmp_path)
    assert (has(plain, True), has(plain, False)) == (False, False)
    assert (has(both, True), has(both, False)) == (True, True)
    assert (has(good, True), has(good, False)) == (False, True)


def test_a_null_without_values_is_drawn(tmp_path: Path) -> None:
    null = null_distribution(relu_model(), "relu", -X.abs() - 0.1)
    assert pixels(draw_nulls("relu", [NullPanel("relu", null)]), tmp_path)
