"""A board as Markdown, CSV, JSON, and lines for the screen."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
from tabulate import tabulate

from bench.leaderboard.board import MEASURES, Board

DASH = "–"


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


def shown(row: pd.Series, measure: str, *, interval: bool = True) -> str:
    """Return a measure as a table's cell: value, interval and n; a dash where it is missing."""
    if pd.isna(row[measure]):
        return DASH
    text = f"{row[measure]:.3f}"
    if interval:
        text += f" [{row[f'{measure}_low']:.2f}, {row[f'{measure}_high']:.2f}]"
    return text


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
        measure: _count(rows[f"{measure}_n"]) for measure in MEASURES if rows[measure].notna().any()
    }
    lines = [
        f"Suite `{suite.id}`, protocol `{_protocol(board)}`, seed {suite.seed}; "
        f"{len(rows)} models.",
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
    beats = " and beat every null pair" if board.suite.nulls is not None else ""
    return f"keep its own label{beats}"


def _protocol(board: Board) -> str:
    choice = board.suite.protocol
    return "+".join([choice.name, *(f"{k}={v}" for k, v in sorted(choice.replace.items()))])


def _count(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"


def markdown(board: Board) -> str:
    """Return the board as a Markdown page."""
    body = _grid(table(board).map(_escaped), "github")
    about = "\n".join(f"- {line}" for line in notes(board))
    return f"# {board.suite.title}\n\n{body}\n\n{about}\n"


def _grid(view: pd.DataFrame, style: str) -> str:
    names = [str(name) for name in view.columns]
    return tabulate(view.to_numpy().tolist(), names, tablefmt=style, disable_numparse=True)


def _escaped(text: str) -> str:
    """Return text from a plugin as Markdown shows it literally."""
    for sign, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        text = text.replace(sign, safe)
    return " ".join(text.split())


def csv(board: Board) -> str:
    """Return the board as CSV; what is missing is empty."""
    return board.rows.to_csv(index=False, lineterminator="\n")


def as_json(board: Board) -> str:
    """Return the board as JSON; what is missing is null."""
    rows = json.loads(board.rows.to_json(orient="records", double_precision=10))
    content = {
        "suite": board.suite.model_dump(mode="json"),
        "notes": notes(board),
        "rows": rows,
        "correlation": None if board.correlation is None else vars(board.correlation),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def screen(board: Board) -> list[str]:
    """Return the board as lines for a terminal."""
    body = _grid(table(board), "simple")
    return [board.suite.title, "", *body.splitlines(), "", *notes(board)]


def files(board: Board) -> dict[str, str]:
    """Return file endings and contents of a published board."""
    return {"md": markdown(board), "csv": csv(board), "json": as_json(board)}
