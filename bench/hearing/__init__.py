"""What an ear does before a network: the cochleagram of Feather et al. 2023, and log-mel."""

from bench.hearing.cochleagram import Cochleagram
from bench.hearing.logmel import LogMel

__all__ = ["Cochleagram", "LogMel"]
