"""Boards, of runs and of people, as Markdown, CSV, JSON, HTML, and lines for the screen."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.leaderboard import view
from bench.leaderboard.board import MEASURES, Board
from bench.leaderboard.human_board import HumanBoard
from bench.leaderboard.human_render import human_view
from bench.leaderboard.page import page
from bench.leaderboard.view import View, count, shown
from bench.synthesis import fidelity

AnyBoard = Board | HumanBoard


def headings(board: Board) -> dict[str, str]:
    """Return the heading of each of the board's measures."""
    rule = board.suite.board
    return {
        "alignment": "recognised by others",
        "late": f"last {rule.late_stages} stages",
        "two_afc": f"2AFC {rule.alignment_metric or ''}".strip(),
        "accuracy": "accuracy",
        "robust": f"robust {rule.robustness_norm} {rule.robustness_eps:.3g}",
    }


def table(board: Board) -> pd.DataFrame:
    """Return the board as people read it."""
    columns: dict[str, list[Any]] = {
        "rank": list(board.rows["rank"]),
        "model": list(board.rows["model"]),
        "training": list(board.rows["training"]),
    }
    for measure, heading in headings(board).items():
        if board.rows[measure].notna().any():
            columns[heading] = [shown(row, measure) for _, row in board.rows.iterrows()]
    return pd.DataFrame(columns)


def notes(board: Board) -> list[str]:
    """Return what a reader must know to read the numbers."""
    suite, rows = board.suite, board.rows
    counts = {
        measure: count(rows[f"{measure}_n"]) for measure in MEASURES if rows[measure].notna().any()
    }
    lines = [
        f"Suite `{suite.id}`, protocol `{_protocol(board)}`, seed {suite.seed}; "
        f"{len(rows)} models.",
        fidelity.in_words(_protocol(board)),
        f"Recognised by others: share of a model's metamers (those that {_criterion(board)}) that "
        "the other models recognise, mean over its stages. Numbers in brackets are 95 % intervals: "
        "bootstrap over stimuli for this and 2AFC, Wilson's for accuracies.",
        "A model's rank is one more than the number of models whose interval lies wholly above "
        "its own; = marks a rank that is shared.",
        "n stimuli: " + ", ".join(f"{headings(board)[m]} {n}" for m, n in counts.items()) + ".",
    ]
    if board.correlation is not None:
        c = board.correlation
        lines.append(
            f"Alignment against robustness over models: Spearman's rho {c.rho:.2f}, "
            f"p {c.p:.3g}, n {c.n}."
        )
    return lines


def _criterion(board: Board) -> str:
    nulls = board.suite.nulls
    beats = " and beat every null pair" if nulls is not None and nulls.required else ""
    return f"keep its own label{beats}"


def _protocol(board: Board) -> str:
    choice = board.suite.protocol
    return "+".join([choice.name, *(f"{k}={v}" for k, v in sorted(choice.replace.items()))])


def markdown(board: AnyBoard) -> str:
    """Return the board as a Markdown page."""
    return view.markdown(_view(board))


def csv(board: AnyBoard) -> str:
    """Return the board as CSV; what is missing is empty."""
    return view.csv(_view(board))


def as_json(board: AnyBoard) -> str:
    """Return the board as JSON; what is missing is null."""
    return view.as_json(_view(board))


def html(board: AnyBoard, stem: str) -> str:
    """Return the board as a page of HTML, which links to its other files of this name."""
    return page(_view(board), stem)


def screen(board: AnyBoard) -> list[str]:
    """Return the board as lines for a terminal."""
    return view.screen(_view(board))


def files(board: AnyBoard, stem: str) -> dict[str, str]:
    """Return file endings and contents of a board whose files are named ``stem``."""
    return {
        "md": markdown(board),
        "csv": csv(board),
        "json": as_json(board),
        "html": html(board, stem),
    }


def _view(board: AnyBoard) -> View:
    if isinstance(board, HumanBoard):
        return human_view(board)
    return View(
        title=board.suite.title,
        table=table(board),
        notes=notes(board),
        rows=board.rows,
        about={"suite": board.suite.model_dump(mode="json")},
        found={"correlation": None if board.correlation is None else vars(board.correlation)},
    )
