"""Leaderboards: collect a run's numbers, rank, render, check."""
