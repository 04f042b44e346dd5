"""The command `instep`: finds the verb, loads its file only, and turns every error into one sentence.

Exit status: 0 done, 1 the answer is no (or time was up), 2 wrong usage or an error.
"""

import importlib
import os
from collections.abc import Sequence

import click

from instep import __version__
from instep.cli.wiring import Wiring
from instep.core.errors import InstepError
from instep.core.faults import try_again

VERBS = ("up", "down", "status", "wait", "log", "remote", "why", "doctor")
"""In the order of the help; each is `command` in the module of its name."""

HIDDEN = ("link",)


class Verbs(click.Group):
    """A group whose verbs are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS + HIDDEN:
            return None
        return importlib.import_module(f"instep.cli.{cmd_name}").command


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="instep", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="If instep itself fails, show where.")
def cli(debug: bool) -> None:
    """Keeps folders in step, on git and git-annex.

    Every change is recorded the moment it happens and handed to every copy of the folder at once.
    """


def run(arguments: Sequence[str], wiring: Wiring) -> int:
    """Runs one command line; returns its exit status."""
    try:
        with cli.make_context("instep", list(arguments), obj=wiring) as ctx:
            return int(cli.invoke(ctx) or 0)
    except click.exceptions.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read our output has enough
        return 0
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Exception as error:
        return _explain(error, debug="--debug" in arguments)


def _explain(error: Exception, *, debug: bool) -> int:
    """Says what went wrong, in one sentence; returns the exit status."""
    if isinstance(error, InstepError):
        complain(error.text, error.fix)
        return error.exit_code
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "instep"
        complain(error.format_message(), f"How it is used: {command} --help")
        return 2
    if debug:
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        complain(f"{error.strerror or error}{where}", try_again(error, ""))
    else:
        what = f"instep itself failed: {type(error).__name__}: {error}"
        complain(what, "Please report it, with what this says: instep --debug …")
    return 2


def complain(text: str, fix: str) -> None:
    """One sentence on standard error, and the way out under it."""
    click.echo(text, err=True)
    if fix:
        click.echo(fix, err=True)
