"""What every command of the terminal shares: its options, its words for "no", and how it shows.

`--db` and `--json` belong to the whole command line, yet people write them where they think of
them. So the program, every noun and every command each take both, and the innermost one given
counts. Commands are plain functions whose first argument is the `Frame` that holds the outcome.
"""

import inspect
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from nuqta.refusals import Refusal
from nuqta.settings import TABLE, Settings

if TYPE_CHECKING:
    from nuqta.engine.engine import Engine
    from nuqta.engine.stores import Store
    from nuqta.loyalty.customers import Customer
    from nuqta.storage.sqlite import Transaction

T = TypeVar("T")

ORIGIN = "cli"
"""Who the books say did it, where a person did it here."""
TEXT_LENGTH_MAX = 500
KEY_LENGTH_MAX = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="PATH",
        show_default=False,
        help="The books: a path or sqlite:/// URL; else NUQTA_DB, else nuqta.db here.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", show_default=False, help="Print one JSON value, nothing else.")
]
StoreOption = Annotated[str, typer.Option("--store", metavar="ID", help="The store's id or UUID.")]
CustomerOption = Annotated[str, typer.Option("--customer", metavar="ID", help="The customer's id.")]


class Refused(Exception):
    """What was asked is not done; the message is the sentence that says why."""

    exit_code = 1


class Misused(Exception):
    """What was asked cannot be understood; the message is the sentence that says why."""

    exit_code = 2


# -- the frame -------------------------------------------------------------------------------------
class Frame:
    """What the words around a command said: which books, and whether a program reads the answer."""

    def __init__(self, db: str | None = None, is_json: bool = False) -> None:
        self.db = db
        self.is_json = is_json

    def within(self, db: str | None, is_json: bool) -> "Frame":
        """The frame of something further in, which may say the same things again."""
        return Frame(self.db if db is None else db, self.is_json or is_json)

    def settings(self, **forced: str) -> Settings:
        """The environment's settings, with `--db` and what a command forces. Misused on others."""
        environ = {**os.environ, **{f"NUQTA_{name}": text for name, text in forced.items()}}
        if not environ.get("NUQTA_DB", "").strip():
            environ.pop("NUQTA_DB", None)  # empty is as good as not set
        if self.db is not None and "DB" not in forced:
            environ["NUQTA_DB"] = self.db
        with understood():
            settings = Settings(environ)
        if not settings.db.strip() or "\0" in settings.db:
            raise Misused("--db takes the path of a database")
        return settings

    def open(self, *, past_gates: bool = False) -> "Engine":
        """The books, open. Raises CannotStart."""
        import logging

        from nuqta.engine.engine import open_engine

        # A fault becomes a sentence on stderr; the log would say it a second time. A server sets
        # up its own log, which this handler leaves alone.
        log = logging.getLogger("nuqta")
        if not log.handlers:
            log.addHandler(logging.NullHandler())
        return open_engine(self.settings(), past_gates=past_gates)

    def answer(self, value: object, lines: Iterable[str | Mapping[str, object]]) -> None:
        """Show the value as JSON, or lines for people: sentences, and mappings in two columns."""
        if self.is_json:
            write_json(value)
        else:
            show(lines)


def write_json(value: object) -> None:
    """One JSON value on one line of stdout, in characters that stdout can carry."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(value, ensure_ascii=not is_unicode) + "\n")


def show(lines: Iterable[str | Mapping[str, object]]) -> None:
    """Lines for people: a sentence as it is, a mapping as names and values in two columns.

    Long values (tokens) stay on one line, whatever the width, so that they can be copied; what
    stands under no name is prose, and wrapped.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False)
    for line in lines:
        if isinstance(line, str):
            console.print(Text(line, style="bold"), soft_wrap=True)
            continue
        width = max(map(len, line), default=0)
        for name, value in line.items():
            if not name:
                for part in textwrap.wrap(str(value), max(min(console.width, 100) - 4, 20)):
                    console.print(Text(f"    {part}"), soft_wrap=True)
                continue
            text = _worded(name, value)
            console.print(Text.assemble((f"  {name:<{width}}  ", "dim"), text), soft_wrap=True)


def _worded(name: str, value: object) -> str:
    """A value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "none"
    if isinstance(value, int) and name not in _NEVER_GROUPED:
        return f"{value:,}"
    return str(value)


_NEVER_GROUPED = frozenset(
    {
        "id",
        "store",
        "customer",
        "partner",
        "partner_id",
        "staff_id",
        "version",
        "revision",
        "schema",
    }
)
"""Numbers that are names: people copy them."""


def complain(sentence: str, code: int) -> int:
    """One line on stderr, however many the message had; the exit code is handed through."""
    line = " ".join(sentence.split())
    if line:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    return code


def plain(sentence: str) -> str:
    """A sentence from elsewhere in the terminal's style: a small letter first, no full stop."""
    first = sentence[:1].lower() if sentence[1:2].islower() else sentence[:1]
    return first + sentence[1:].removesuffix(".")


def warn_of_unknown_settings() -> None:
    """One line on stderr for names in the environment that look like settings and are none."""
    known = [f"NUQTA_{row.name}" for row in TABLE]
    said = []
    for name in sorted(name for name in os.environ if name.startswith("NUQTA_")):
        if name not in known:
            meant = get_close_matches(name, known, n=1)
            said.append(f"{name} (did you mean {meant[0]}?)" if meant else name)
    if said:
        complain(f"not known as settings, and left alone: {', '.join(said)}", 0)


# -- commands --------------------------------------------------------------------------------------
def commands(sentence: str, name: str | None = None, *, is_root: bool = False) -> typer.Typer:
    """A noun: a group of commands, which takes `--db` and `--json` before the verb as well."""
    app = typer.Typer(
        name=name,
        help=sentence,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if not is_root:
        app.callback()(_within)
    return app


def _within(context: typer.Context, db: DatabaseOption = None, is_json: JsonOption = False) -> None:
    context.obj = context.obj.within(db, is_json)


def command(
    app: typer.Typer, name: str, database_option: Any = DatabaseOption
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command: its first argument is the frame, the others its own options."""

    def register(work: Callable[..., None]) -> Callable[..., None]:
        def run(context: typer.Context, db: str | None, is_json: bool, **options: Any) -> None:
            work(context.obj.within(db, is_json), **options)

        # Typer reads a command's options from its signature: the function's own, without the
        # frame, and the two that every command takes.
        own = list(inspect.signature(work).parameters.values())[1:]
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter("context", kind, annotation=typer.Context),
            *[parameter.replace(kind=kind) for parameter in own],
            inspect.Parameter("db", kind, default=None, annotation=database_option),
            inspect.Parameter("is_json", kind, default=False, annotation=JsonOption),
        ]
        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__name__, run.__doc__ = work.__name__, _joined(work.__doc__)
        app.command(name)(run)
        return work

    return register


def _joined(text: str | None) -> str:
    """A docstring as help: its lines are broken for readers of the code; paragraphs stay."""
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(one.split()) for one in paragraphs)


# -- words and numbers -----------------------------------------------------------------------------
@contextmanager
def understood(option: str = "") -> Iterator[None]:
    """A value that a rule below cannot understand is a misuse, in that rule's own sentence.

    `option` is what the sentence is about, where the rule cannot know it.
    """
    try:
        yield
    except ValueError as error:
        raise Misused(f"{option}: {error}" if option else str(error)) from error


def settled(result: T | Refusal) -> T:
    """What a command gave back, where it was not refused."""
    if isinstance(result, Refusal):
        raise Refused(plain(result.text))
    return result


def one_of(text: str | None, option: str, *words: str) -> str | None:
    """One of the words, or None where the option was left out. Misused on anything else."""
    if text is None or text in words:
        return text
    raise Misused(f"{option} takes {' or '.join(words)}, not {text[:40]!r}")


def whole(text: str, option: str, least: int, most: int) -> int:
    """A whole number in plain digits between two limits. Misused on anything else."""
    if text.isascii() and text.isdecimal() and len(text) <= 19 and least <= int(text) <= most:
        return int(text)
    raise Misused(f"{option} takes a whole number from {least} to {most}, not {text[:40]!r}")


def whole_or_none(text: str | None, option: str, least: int, most: int) -> int | None:
    """As `whole`, for an option that may be left out."""
    return None if text is None else whole(text, option, least, most)


def money(text: str, option: str, currency: str, *, least: int = 1) -> int:
    """An amount of at least `least` minor units. It is never rounded: a rule says exactly what it
    says. Misused on what is no plain decimal, and on more decimals than the currency has.
    """
    from nuqta.loyalty.money import decimals_of, parse_amount

    with understood(option):
        minor = parse_amount(text, currency)
    if text.partition(".")[2][decimals_of(currency) :].strip("0"):
        raise Misused(f"{option}: {text[:40]!r} has more decimals than {currency} has")
    if minor < least:
        raise Misused(f"{option} takes an amount above 0")
    return minor


def money_or_none(text: str | None, option: str, currency: str) -> int | None:
    """As `money`, for an option that may be left out."""
    return None if text is None else money(text, option, currency)


def checked_text(text: str, option: str, most: int = TEXT_LENGTH_MAX) -> str:
    """Words as they may be kept: 1 … `most` characters on one line, trimmed. Misused on others."""
    words = text.strip()
    if 1 <= len(words) <= most and not _CONTROL.search(words):
        return words
    raise Misused(f"{option} takes 1 to {most} characters and no control characters")


# -- who is meant ----------------------------------------------------------------------------------
def find_store(tx: "Transaction", text: str) -> "Store":
    """The store that `--store` names by its id or UUID. Refused where there is none."""
    from nuqta.engine import stores

    found = stores.find(tx, text)
    if found is None:
        shown = text if _NAME.fullmatch(text) else repr(text[:40])
        raise Refused(f"there is no store {shown}")
    return found


_NAME = re.compile(r"[\w-]{1,40}")


def find_customer(
    tx: "Transaction", store: "Store", text: str, *, or_erased: bool = False
) -> "Customer":
    """The customer that `--customer` names. Misused where it is no id; refused for nobody's, and
    for one who was erased, unless the command only looks."""
    from nuqta.engine import customers
    from nuqta.loyalty.customers import checked_id

    with understood("--customer"):
        customer_id = checked_id(text)
    found = customers.find_ever(tx, store.store_id, customer_id)
    if found is None:
        raise Refused(f"there is no customer {customer_id} in {store.name}")
    if found.erased_at and not or_erased:
        raise Refused(f"customer {customer_id} of {store.name} was erased")
    return found
