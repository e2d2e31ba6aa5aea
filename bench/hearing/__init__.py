"""What an ear does before a network: the cochleagram of Feather et al. 2023, and log-mel."""

from bench.hearing.cochleagram import Cochleagram

__all__ = ["Cochleagram"]
