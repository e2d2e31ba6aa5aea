"""Whether a board's scatter shows the board's numbers.

Libraries draw the same numbers as different bytes, so a picture is not compared but carries the
hash of what it shows.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from bench.leaderboard.human_board import HumanBoard

STAMP = "metamer-bench board"  # the key of the PNG file's text


def picture_problem(board: HumanBoard, leaderboards: Path) -> list[str]:
    """Return what is wrong with the board's picture, if anything."""
    if board.picture is None:
        return []
    path = leaderboards / board.picture
    if not path.exists():
        return [f"{path} is missing"]
    try:
        with Image.open(path) as picture:
            drawn_from = picture.info.get(STAMP)
    except (OSError, UnidentifiedImageError):
        return [f"{path} is no readable picture"]
    return [] if drawn_from == board.stamp() else [f"{path} shows other numbers than its board"]
