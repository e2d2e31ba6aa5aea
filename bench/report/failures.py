"""Failures in lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterable


def failure_lines(failures: Iterable[tuple[str, str]]) -> list[str]:
    """Return one line a reason: the first task that failed for it, and how many more did.

    Parameters
    ----------
    failures
        Title and reason of each task that failed.
    """
    titles: dict[str, list[str]] = {}
    for title, reason in failures:
        titles.setdefault(reason, []).append(title)
    return [
        f"{first}: {reason}" if not more else f"{first} (and {len(more)} more): {reason}"
        for reason, (first, *more) in titles.items()
    ]
