"""The page of an experiment, and the text that tells how to host it and get the answers back."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.human.experiment import CATCH, DEMO, DEMO_PASS, PRACTICE
from bench.human.tidy import MAIN

SCREEN = "0.58"  # of the demo: 7 of 12 pass, 6 do not
PAGE_FILES = {"experiment.js": "experiment.js", "style.css": "experiment.css"}


def index_html(record: Mapping[str, Any]) -> str:
    """Return index.html; the page may load from its own server only, and send to one other."""
    url = record["page"]["submit_url"]
    connect = "'self'"
    if url is not None:
        parts = urlsplit(url)
        connect += f" {parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )
    page = files("bench.human").joinpath("experiment.html").read_text(encoding="utf-8")
    return page.replace("{{policy}}", escape(policy)).replace("{{title}}", escape(record["title"]))


def page_files() -> dict[str, bytes]:
    """Return script and style by the names that index.html uses."""
    folder = files("bench.human")
    return {name: folder.joinpath(source).read_bytes() for name, source in PAGE_FILES.items()}


def import_command(record: Mapping[str, Any]) -> str:
    """Return the command that imports the answers."""
    screened = record["practice"]["demo must be right"] == DEMO_PASS
    screen = f" --exclude {DEMO}={SCREEN}" if screened else ""
    return (
        f"bench humans import trials answers --name {record['experiment']} "
        f"--choices {len(record['page']['classes'])}{screen}"
    )


def summary(record: Mapping[str, Any], out: Path) -> list[str]:
    """Return lines for the screen: what was made, what is missing, what to do next."""
    counts, each = record["trials of the first participant"], record["main trials a condition"]
    gone = [row for row in record["metamers"]["missing"] if row["missing"]]
    total = sum(row["of"] for row in record["metamers"]["missing"])
    lines = [
        f"{out}: {record['participants']} participants, each sees "
        f"{record['each participant sees']}",
        f"trials: {counts[PRACTICE]} practice, {counts[DEMO]} demo, {counts[MAIN]} main, "
        f"{counts[CATCH]} catch; main trials a condition: {each['mean']} "
        f"({each['least']} to {each['most']})",
        f"metamers missing: {sum(row['missing'] for row in gone)} of {total}"
        + (", replaced by natural images" if gone else ""),
    ]
    lines += [f"  {row['model']}, stage {row['stage']}: {row['missing']}" for row in gone]
    left_out = record["metamers"]["stages left out"]
    lines += [f"left out: {name}: {reason}" for name, reason in left_out.items()]
    if again := record["practice"]["in the main part too"]:
        lines.append(
            f"{again} stimuli of practice and demo come again in the main part, as natural "
            "images: the run left too few others"
        )
    lines.append(
        f"next: python -m http.server --directory {shlex.quote(str(out))} 8000, then "
        "http://localhost:8000/?participant=1"
    )
    lines.append(f"answers, in a folder: {import_command(record)}")
    return lines


def readme(record: Mapping[str, Any], folder: str) -> str:
    """Return README.txt."""
    counts = record["trials of the first participant"]
    models = ", ".join(model["model"] for model in record["models"])
    sets = {name.partition("[")[0]: s for name, s in record["stimuli"]["natural"].items()}
    sources = "\n".join(
        f"  {name}: {known.get('reference') or '-'}; {known.get('license') or '-'}"
        for name, known in sets.items()
    )
    url = record["page"]["submit_url"]
    sent = f"\n   The page also sends them to {url} as JSON." if url else ""
    return f"""{record["title"]}: an experiment with people ({record["experiment"]})

Metamers of {models}.
{record["participants"]} participants; {counts[PRACTICE]} practice, {counts[DEMO]} demo, \
{counts[MAIN]} main and {counts[CATCH]} catch trials each.
All facts: experiment.json. Add consent and contact to index.html; it is plain HTML.

1. Try it here. The page cannot be opened as a file; any static web server will do:

     python -m http.server --directory {folder} 8000
     http://localhost:8000/?participant=1

   `&restart` after the number deletes what this browser kept of that participant.

2. Put the folder on a web server and give each participant a link of their own:
   .../?participant=1 to .../?participant={record["participants"]}. Each number is one list
   of trials and serves one person. Without a number the page asks for it.

3. Answers are kept in the participant's browser after every trial: closing the page or losing the
   network loses nothing, and the same link goes on where it stopped. At the end they come as a
   file answers-{record["experiment"]}-NNN.csv, which the participant sends to you.{sent}

4. Put all files into one folder, answers/, and import them:

     {import_command(record)}
     bench humans show {record["experiment"]}

   Trials count whose phase is main; add --exclude catch=0.75, say, to leave out who was not
   attending (the paper's threshold is not published).

Natural stimuli (their licences hold for this folder, too):
{sources}
"""
