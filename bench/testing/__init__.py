"""The conformance kit for plugin authors."""

from bench.testing.conformance import ModelReport, check_model

__all__ = ["ModelReport", "check_model"]
