"""The group of all commands: loaded late, and never with a traceback for what a caller did."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from recoup.cli.registry import COMMANDS
from recoup.errors import RecoupError, shortened

WRONGLY: Final = 2
UNTOLD: Final = 3
#: In what a command carries along: what was asked for is done, and only to be told.
DONE: Final = "recoup.done"
_NUMBER: Final = re.compile(r"-[0-9.]")


class CalledWrongly(click.ClickException):
    """What the caller can mend."""

    exit_code = WRONGLY


class Untold(click.ClickException):
    """What was asked was carried out, as far as it went, and could not be told."""

    exit_code = UNTOLD

    def __init__(self, error: OSError, *, done: bool) -> None:
        then = (
            "What was asked for is done: the same call again would ask again"
            if done
            else "If the command changes something, that may be done"
        )
        super().__init__(f"the output could not be written: {error.strerror or error}. {then}.")
        # Who stops reading, as `head` does, has heard enough.
        self._silent = error.errno == errno.EPIPE and not done

    def show(self, file: Any = None) -> None:
        if not self._silent:
            with suppress(OSError):
                super().show(file)


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

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run as a program; what a closed output would be told is told to nobody."""
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  for good
        try:
            return super().main(*args, **extra)
        finally:
            _let_go()

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the options of the program; its help and its version are told here."""
        with _in_a_sentence([]):
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what went wrong outside becomes one sentence."""
        with _in_a_sentence(ctx.args, ctx):
            return super().invoke(ctx)


@contextmanager
def _in_a_sentence(words: Sequence[str], ctx: click.Context | None = None) -> Iterator[None]:
    """Make one sentence of what went wrong outside; a bug stays a bug."""
    try:
        yield
    except click.NoSuchOption as error:
        raise _negative(error, words) or _brief(error) from None
    except click.ClickException as error:
        raise _brief(error)  # noqa: B904  it is the same
    except (click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if isinstance(error, OSError) and _is_of_output(error):
            done = ctx is not None and ctx.meta.get(DONE, False)
            raise Untold(error, done=done) from error
        told = _told(error)
        if told is None:
            raise
        raise CalledWrongly(told) from error


def _brief(error: click.ClickException) -> click.ClickException:
    """Return the error with nothing in it that is too long to be read."""
    vars(error)["message"] = shortened(error.message)
    return error


def _negative(error: click.NoSuchOption, words: Sequence[str]) -> click.UsageError | None:
    """Return what to say of an unknown option that is a number below nothing; None for others."""
    if not _NUMBER.match(error.option_name) or error.ctx is None:
        return None
    given = next((w for w in words if w.startswith(error.option_name)), error.option_name)
    wanted = " ".join(error.ctx.command.collect_usage_pieces(error.ctx))
    return click.UsageError(
        f"{shortened(repr(given))} was read as an option, because it begins with '-'. "
        f"Expected {wanted}; behind -- nothing is an option.",
        error.ctx,
    )


def _is_of_output(error: OSError) -> bool:
    """Whether it was raised by what writes to the terminal, and by no file or server."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    where = frames[-1].f_globals.get("__name__", "") if frames else ""
    return where.partition(".")[0] in {"click", "rich"}


def _let_go() -> None:
    """Drop what can not be written: at its end Python would try again, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def _told(error: Exception) -> str | None:
    """Return the sentence for an error the caller can do something about; None for a bug."""
    if isinstance(error, RecoupError):
        from recoup.commands.options import uncalled  # noqa: PLC0415  it is slow

        return uncalled(str(error))
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return what if error.filename is None else f"{what}: {error.filename}"
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
    1 something wrong was found, 2 called wrongly, 3 the output could not be written.

    Example: recoup demo
    """
    # The embedded server's library wonders aloud where sockets go: nobody can help it.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
