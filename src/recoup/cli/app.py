"""The group of all commands: loaded late, and never with a traceback for what a caller did."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from typing import Any, Final

import click

from recoup.cli.registry import COMMANDS
from recoup.errors import RecoupError

WRONGLY: Final = 2


class CalledWrongly(click.ClickException):
    """What the caller can mend."""

    exit_code = WRONGLY


class Commands(click.Group):
    """Finds a command's module when the command is called; the help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        found = COMMANDS.get(cmd_name)
        if found is None:
            return None
        module, _, name = found[0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what went wrong outside becomes one sentence."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            told = _told(error)
            if told is None:
                raise
            raise CalledWrongly(told) from error


def _told(error: Exception) -> str | None:
    """Return the sentence for an error the caller can do something about; None for a bug."""
    if isinstance(error, RecoupError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or 'the output'}"
    if isinstance(error, UnicodeError):
        return f"text that can not be written or read here: {error}"
    if type(error).__module__.startswith("alembic"):
        return f"no such revision of the schema: {error}"
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import (  # noqa: PLC0415  it is slow
            DBAPIError,
            InterfaceError,
            OperationalError,
        )

        if isinstance(error, DBAPIError) and error.orig is not None:
            first = str(error.orig).strip().partition("\n")[0]
            gone = isinstance(error, OperationalError | InterfaceError)
            what = "does not answer" if gone else "refuses"
            return f"the database {what}: {first}. See `recoup doctor`."
    return None


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"recoup {import_module('recoup').__version__}")
        ctx.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the version and exit.",
)
def recoup() -> None:
    """
    What happens between "a customer should pay" and "the money is in".

    Settings are environment variables; `recoup config` lists them. Exit codes: 0 all is well,
    1 something wrong was found, 2 called wrongly.

    Example: recoup demo
    """
    # The embedded server's library wonders aloud where sockets go: nobody can help it.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
