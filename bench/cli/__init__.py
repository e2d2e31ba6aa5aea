"""The command line: one short module a command, imported when it is called."""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
from typing import NoReturn

import click

from bench.errors import BenchError, ExitCode

COMMANDS = {
    "run": "synthesise metamers, test them, attack the models, build the leaderboard",
    "models": "list, show and check models",
    "suites": "list and show suites",
    "plugins": "list plugins, the broken ones with their reason",
    "stimuli": "list and show sets of natural stimuli",
    "tasks": "list kinds of measurement",
    "attacks": "list adversarial attacks",
    "metrics": "list perceptual distances",
    "protocols": "list protocols, which say how metamers are made",
    "labels": "list label spaces",
    "humans": "import human responses, make experiments",
    "stats": "the papers' statistics",
    "nulls": "build and show null distributions",
    "alignment": "compare runs under several protocols as perceptual distances see them",
    "report": "draw a run's pictures and its page",
    "status": "show how far a run is",
    "verify": "check every file of a run",
    "merge": "join the shards of a run",
    "publish": "turn a run into files under results/",
    "leaderboard": "build, check, show and compare leaderboards",
}


class LazyGroup(click.Group):
    """Commands that are imported when they are used, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if _exists(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS or not _exists(cmd_name):
            return None
        command = getattr(importlib.import_module(f"bench.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            from bench.registry import near_names

            near = near_names(args[0], self.list_commands(ctx))
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


def _exists(name: str) -> bool:
    return importlib.util.find_spec(f"bench.cli.{name}") is not None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it: `bench run` takes about three minutes on a laptop and downloads nothing.",
)
@click.version_option(package_name="metamer-bench", prog_name="bench")
def bench() -> None:
    """Do a model's invariances match those of humans?"""


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line; a person's mistake is one line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    try:
        code = bench.main(args=args, prog_name="bench", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "bench"
        click.echo(f"{where}: {error.format_message()} See `{where} --help`.", err=True)
        sys.exit(ExitCode.USAGE)
    except click.ClickException as error:
        click.echo(f"bench: {error.format_message()}", err=True)
        sys.exit(ExitCode.USAGE)
    except BenchError as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("bench: interrupted; finished work is kept", err=True)
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away: `bench models list | head`
        sys.stderr.close()
        sys.exit(ExitCode.DONE)
    # A command that leaves with click's Exit comes back here with its code.
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)
