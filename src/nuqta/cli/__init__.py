"""The terminal: `nuqta NOUN VERB …`, one file for each noun; put together and run here.

What a command does stands in the rings below; this one reads words, asks, and shows what came back.
Nothing heavy is imported until a command needs it, so that `nuqta --version` answers at once.

Exit codes: 0 done, 1 refused (or a check that failed), 2 misused, 130 interrupted. Errors are one
sentence on stderr; a traceback is a defect.
"""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from shutil import get_terminal_size
from typing import Annotated

import typer
from typer.main import get_command

from nuqta import __version__
from nuqta.cli import (
    books,
    customer,
    imports,
    partner,
    serve,
    store,
    webhook,
    worker,
)
from nuqta.cli.access import key, staff
from nuqta.cli.frame import (
    DatabaseOption,
    Frame,
    JsonOption,
    Misused,
    Refused,
    commands,
    complain,
    plain,
    write_json,
)
from nuqta.cli.keeping import backup, seal
from nuqta.cli.orders import explain, order
from nuqta.cli.rules import cashback, program, redemption
from nuqta.storage.faults import StorageFault

_INTERRUPTED = 130
_PANELS_WIDTH_LEAST = 70
"""Columns below which the help is plain text: its panels would break every word."""


def build() -> typer.Typer:
    """Every command, under its noun."""
    app = commands("nuqta: loyalty points that a shop can trust like a bank.", is_root=True)
    app.callback(invoke_without_command=True)(_begin)
    for part in (books, backup, serve, worker):
        part.register(app)
    nouns = (
        store, program, cashback, redemption, partner, staff, key, customer, explain, order,
        imports, webhook, seal,
    )  # fmt: skip
    for noun in nouns:
        app.add_typer(noun.app)
    if get_terminal_size().columns < _PANELS_WIDTH_LEAST:
        app.rich_markup_mode = None
    return app


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line (`args`, or the process's own) and return its exit code."""
    _escape_what_cannot_be_shown()
    words = list(sys.argv[1:] if args is None else args)
    if words[:1] == ["help"]:  # `nuqta help partner` is `nuqta partner --help`
        words = [*words[1:], "--help"]
    try:
        code = get_command(build())(words, prog_name="nuqta", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (Misused, Refused) as no:
        return complain(str(no), no.exit_code)
    except typer.TyperException as misuse:
        return complain(plain(misuse.format_message()), misuse.exit_code)
    except StorageFault as fault:
        return complain(fault.sentence, 1)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone: what is still buffered must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as fault:
        what = f"{fault.filename}: " if fault.filename else ""
        return complain(what + (fault.strerror or str(fault)).lower(), 1)


def _escape_what_cannot_be_shown() -> None:
    """Arabic where only ASCII goes, or bytes of a bad argument, are escaped and not fatal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _begin(
    context: typer.Context,
    db: DatabaseOption = None,
    is_json: JsonOption = False,
    is_version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    context.obj = Frame(db, is_json)
    if is_version:
        if is_json:
            write_json({"version": __version__})
        else:
            sys.stdout.write(f"nuqta {__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise Misused("say which command: `nuqta --help` lists them")
