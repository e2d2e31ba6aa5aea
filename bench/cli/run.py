"""bench run"""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench import config
from bench.errors import BenchError, ExitCode, lines_by_reason

if TYPE_CHECKING:
    from rich.console import Console

    from bench.runner.run import Prospect, RunResult
    from bench.suites.suite import Suite
    from bench.tasks.task import RunSettings

SHARD = re.compile(r"(\d+)/(\d+)")


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    if value is None:
        return None
    found = SHARD.fullmatch(value)
    if not found:
        raise click.BadParameter(f"{value!r} is not of the form I/N, for example 3/8", ctx, param)
    return int(found[1]), int(found[2])


def _batch_size(ctx: click.Context, param: click.Parameter, value: str) -> int | str:
    if value == "auto":
        return value
    return int(click.IntRange(min=1)(value, param, ctx))


@click.command(epilog="Example: bench run --models digits-vit,digits-l2-adversarial --limit 10")
@click.option(
    "--suite", default=config.DEFAULT_SUITE, show_default=True, help="Name, or TOML file."
)
@click.option("--models", help="Ids, family:NAME or all, separated by commas.")
@click.option("--stages", help="Names separated by commas.")
@click.option("--data", type=click.Path(path_type=Path), help="Your directory of stimuli.")
@click.option("--out", type=click.Path(path_type=Path), help="Where the run goes.")
@click.option("--device", default="auto", show_default=True)
@click.option("--batch-size", callback=_batch_size, default="auto", show_default=True)
@click.option(
    "--limit",
    type=click.IntRange(1, 10**9),
    help="At most so many stimuli get metamers, or attacks.",
)
@click.option("--protocol", help="Named protocol instead of the suite's.")
@click.option("--steps", type=click.IntRange(min=1), help="Gradient steps a repetition.")
@click.option("--seed", type=click.IntRange(-(2**63), 2**63 - 1))
@click.option(
    "--png", is_flag=True, help="Save metamers as 8-bit PNG too; recognition is shown those."
)
@click.option(
    "--shard", metavar="I/N", callback=_shard, help="Only this part of the work; see `bench merge`."
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes; default: one a core.")
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler instead of own processes.")
@click.option("--dry-run", is_flag=True, help="Show tasks and an estimate; do nothing.")
def run(**options: Any) -> None:
    """Synthesise metamers, ask who recognises them, attack the models, build the leaderboard.

    Without options the embedded suite runs. Running again does only what is missing.
    """
    from bench.plugins import installed
    from bench.runner.backends import Workers, require_device
    from bench.runner.estimate import estimate
    from bench.runner.run import prospect
    from bench.runner.run import run as execute

    if options["workers"] is not None and options["dask"] is not None:
        raise click.UsageError("--workers and --dask exclude each other.")
    plugins = installed()
    settings = _settings(plugins, options)
    console = _console()
    shard = options["shard"]
    if options["dry_run"]:
        ahead = prospect(plugins, settings, shard)
        _announce(console, ahead, dry=True)
        if ahead.todo:
            guess = estimate(plugins, ahead.settings, ahead.todo)
            console.print(guess.in_words(_workers(options, settings)), markup=False)
        return
    require_device(settings.device)
    # A cluster that takes its time back is no reason to lose more than Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    workers = Workers(options["workers"], options["dask"])
    result = execute(
        plugins,
        settings,
        workers,
        shard,
        console,
        announce=lambda ahead: _announce(console, ahead, dry=False),
    )
    _finish(console, settings, result)
    if result.exit_code:
        raise click.exceptions.Exit(result.exit_code)


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def _settings(plugins: Any, options: dict[str, Any]) -> RunSettings:
    from bench.tasks.task import RunSettings

    suite = _suite(plugins, options)
    data = options["data"]
    if data is not None and not data.is_dir():
        raise BenchError(f"--data {data} is not a directory")
    return RunSettings(
        root=options["out"] or config.default_run_dir(suite.id),
        suite=suite,
        data=data,
        device=options["device"],
        batch_size=options["batch_size"],
    )


def _suite(plugins: Any, options: dict[str, Any]) -> Suite:
    from bench.suites.suite import ProtocolChoice, read_suite

    name = options["suite"]
    is_file = name.endswith(".toml") or Path(name).is_file()
    suite: Suite
    suite = read_suite(Path(name), plugins.sections) if is_file else plugins.suites.get(name)
    changes: dict[str, Any] = {}
    for key in ("models", "stages"):
        if options[key]:
            changes[key] = tuple(part.strip() for part in options[key].split(",") if part.strip())
    if options["seed"] is not None:
        changes["seed"] = options["seed"]
    if options["limit"] is not None:
        suite = suite.limited(options["limit"])
    if options["png"]:
        changes["png"] = True
    choice = suite.protocol
    if options["protocol"]:
        choice = ProtocolChoice(name=options["protocol"])
    if options["steps"]:
        choice = ProtocolChoice(
            name=choice.name, replace={**choice.replace, "steps": options["steps"]}
        )
    choice.resolved()  # a wrong name is said here
    return suite.model_copy(update={**changes, "protocol": choice})


def _workers(options: dict[str, Any], settings: RunSettings) -> int:
    from bench.runner.backends import default_workers

    count = options["workers"]
    return count if count is not None else default_workers(settings.device)


def _announce(console: Console, ahead: Prospect, *, dry: bool) -> None:
    suite = ahead.settings.suite
    counts = ahead.plan.counts()
    todo = ahead.plan.counts(task.key for task in ahead.todo)
    shard = f", shard {ahead.shard}" if ahead.shard else ""
    console.print(
        f"{suite.title}: {len(ahead.plan.models)} models, protocol {suite.protocol.name}, "
        f"in {ahead.settings.root}{shard}",
        markup=False,
    )
    for line in lines_by_reason(ahead.plan.unavailable.items()):
        console.print(f"left out: {line}", markup=False)
    for name in ahead.gone:
        console.print(f"left out: {name} is no longer installed", markup=False)
    for name, about in ahead.plan.stimuli.items():
        for note in about["notes"]:
            console.print(f"{name}: {note}", markup=False)
    for problem in ahead.damaged:
        console.print(f"damaged, will be computed again: {problem}", markup=False, style="yellow")
    parts = [f"{kind} {todo[kind]} of {counts[kind]}" for kind in counts]
    console.print(f"to do: {len(ahead.todo)} tasks ({', '.join(parts)})", markup=False)
    if not ahead.todo:
        return
    if dry:
        for task in ahead.todo:
            click.echo(f"{task.key}  {task.title}")


def _finish(console: Console, settings: RunSettings, result: RunResult) -> None:
    for line in lines_by_reason((f.title, f.reason) for f in result.failures):
        console.print(f"failed: {line}", markup=False, style="red")
    for line in lines_by_reason(result.left_out.items()):
        console.print(f"left out: {line}", markup=False, style="red")
    if result.exit_code == ExitCode.INTERRUPTED:
        again = " ".join(["bench", *sys.argv[1:]])
        console.print(f"interrupted; finished work is kept. Go on with: {again}", markup=False)
        return
    from bench.report.build import build_report

    paths = build_report(settings.root, settings.data)
    for line in paths.board_lines:
        click.echo(line)
    for warning in paths.warnings:
        console.print(f"warning: {warning}", markup=False, style="yellow")
    for what, path in paths.files.items():
        console.print(f"{what}: {path}", markup=False)
