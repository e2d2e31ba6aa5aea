"""Every day other models are checked whole, so that all are within a fortnight or so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bench.plugins import installed
from bench.spec import ModelSpec
from bench.testing import check_model

A_DAY = 5
ZOO = [spec for spec in installed().models if not spec.missing_packages()]
TURNS = -(-len(ZOO) // A_DAY)
TODAY = ZOO[datetime.now(UTC).date().toordinal() % TURNS :: TURNS]


# Networks of other packages may be written for older versions of PyTorch.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("spec", TODAY, ids=lambda spec: spec.id)
def test_todays_models_pass_every_check(spec: ModelSpec) -> None:
    # Weights that a plugin ships are the real thing; all others are random.
    shipped = "default" in spec.weights and spec.weights["default"].file is not None
    assert check_model(spec, "default" if shipped else None).problems == []
