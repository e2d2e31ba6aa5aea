"""A run says which of its metamers are not finished, on its page and in its last lines."""

from __future__ import annotations

from bench.report.build import build_report
from bench.report.convergence import loss_curves, unfinished
from bench.store.run_dir import RunDir


def test_a_run_shows_its_curves_and_its_warning(do, toy_settings) -> None:
    settings = toy_settings(models=["toy-a"])
    do(settings)
    run_dir = RunDir.existing(settings.root)
    table = run_dir.table("synthesis")
    assert table["headroom"].notna().any()
    record = run_dir.read_record()
    curves = loss_curves(run_dir, record, table)
    assert [curve.stage for curve in curves["toy-a"]] == list(dict.fromkeys(table["stage"]))
    report = build_report(settings.root)
    page = (settings.root / "report.html").read_text()
    assert "Loss of the metamers against gradients" in page
    said = [line for line in report.warnings if line.startswith("unfinished")]
    assert bool(said) == unfinished(table)["unfinished"].any()
    assert ("Caution: unfinished" in page) == bool(said)
