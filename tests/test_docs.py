"""What the README and the pages say is true: links, commands, and the code that they show."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from bench.cli import bench as program

REPOSITORY = Path(__file__).parents[1]
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *REPOSITORY.glob("docs/*.md")]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def fenced(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(page.read_text("utf-8")) if name == language]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [
        link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()
    ]
    assert missing == []


def commands() -> list[tuple[str, str]]:
    return [
        (page.name, line.split("#")[0].strip())
        for page in PAGES
        for text in [*fenced(page, "bash"), *fenced(page, "console"), *fenced(page, "sh")]
        for line in text.replace("\\\n", " ").splitlines()
        if re.match(r"(\$ )?bench ", line)
    ]


@pytest.mark.parametrize(("page", "line"), commands(), ids=lambda value: value)
def test_commands_exist_as_written(page: str, line: str) -> None:
    """Every command parses: its words, its options and their types are those of the program."""
    words = shlex.split(line.removeprefix("$ "))[1:]
    command: click.Command = program
    context = click.Context(program, info_name="bench")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        context = click.Context(found, info_name=name, parent=context)
        command = found
    command.parse_args(context, list(words))


def test_the_readme_shows_the_example_that_the_tests_run() -> None:
    """The plugin of the README is the one in examples/, to the letter."""
    example = REPOSITORY / "examples" / "bench-random-features"
    code = (example / "bench_random_features.py").read_text("utf-8")
    assert code in fenced(REPOSITORY / "README.md", "python")
    (shown,) = fenced(REPOSITORY / "README.md", "toml")
    lines = (example / "pyproject.toml").read_text("utf-8").splitlines()
    assert [line for line in shown.splitlines() if line and line not in lines] == []


def test_the_tutorial_writes_the_example() -> None:
    """Typed in from top to bottom, the tutorial's files are those in examples/, to the letter."""
    page = REPOSITORY / "docs" / "tutorial-plugin.md"
    example = REPOSITORY / "examples" / "bench-random-features"
    *module, tests = fenced(page, "python")
    assert "\n\n".join(module) == (example / "bench_random_features.py").read_text("utf-8")
    assert tests == (example / "test_random_features.py").read_text("utf-8")
    assert "\n".join(fenced(page, "toml")) == (example / "pyproject.toml").read_text("utf-8")


def test_the_notebook_of_the_readme_runs() -> None:
    (code,) = [t for t in fenced(REPOSITORY / "README.md", "python") if "bench.load(" in t]
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    run = names["run"]
    assert run.stimuli.shape == (8, 3, 32, 32)
    assert bool(run.match["label_match"].any())


def test_the_readmes_table_is_the_published_board() -> None:
    """Each row of the README's results says what leaderboards/digits.json says."""
    board = json.loads((REPOSITORY / "leaderboards" / "digits.json").read_text("utf-8"))
    text = (REPOSITORY / "README.md").read_text("utf-8")
    for row in board["rows"]:
        values = [
            f"{row[name]:.2f} [{row[f'{name}_low']:.2f}, {row[f'{name}_high']:.2f}]"
            for name in ("alignment", "late", "robust", "accuracy")
        ]
        cells = [row["rank"], f"`{row['model']}`", row["training"], *values]
        assert f"| {' | '.join(cells)} |" in text
