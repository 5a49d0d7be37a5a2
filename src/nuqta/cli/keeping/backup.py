"""`nuqta backup`, `nuqta restore` and `nuqta compact`: copies of the books, books from a copy, and
the file written anew."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import DatabaseOption, Frame, JsonOption, Misused, Refused, command, commands

if TYPE_CHECKING:
    from nuqta.engine.keeping.backup import Kept
    from nuqta.storage.copies import Facts

app = commands(
    "Copy the books while they are served: whole, checked, and without stopping anybody."
    "\n\nThe keys are not in the copy, because whoever has the books and the key of the tokens can"
    " use every session.",
    "backup",
    is_root=True,
)


def register(program: typer.Typer) -> None:
    """Put all of them into the program."""
    app.info.no_args_is_help = False
    app.callback(invoke_without_command=True)(_begin)
    program.add_typer(app)
    command(program, "restore")(restore)
    command(program, "compact")(compact)


def _begin(
    context: typer.Context,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", show_default=False,
            help="The folder to put the copy into, or a file ….db that is not there yet; else"
            " NUQTA_BACKUP_FOLDER.",
        ),
    ] = None,
    with_key: Annotated[
        bool,
        typer.Option("--with-key", help="Put the keys beside the copy: of the tokens, and the one"
                     " that signs.",
                     show_default=False),
    ] = False,
    db: DatabaseOption = None,
    is_json: JsonOption = False,
) -> None:  # fmt: skip
    context.obj = context.obj.within(db, is_json)
    if context.invoked_subcommand is None:
        backup(context.obj, to, with_key)
    elif to is not None or with_key:
        raise Misused("--to and --with-key go with `nuqta backup` alone")


def backup(frame: Frame, to: str | None, with_key: bool) -> None:
    """Make one copy now."""
    from nuqta.engine.clock import Clock
    from nuqta.engine.engine import database_path
    from nuqta.engine.keeping.backup import back_up

    settings = frame.settings()
    where = _folder(to, settings.backup_folder)
    now = Clock().now()
    made = back_up(database_path(settings.db), where, now, with_key=with_key)
    value = {
        **_described(made.copy), **_told(made.facts), "keys": [str(one) for one in made.keys],
    }  # fmt: skip
    lines: list[str | dict[str, Any]] = ["The books are copied.", _shown(value)]
    if not made.keys:
        lines.append("The keys are not in it: keep them elsewhere, or use --with-key.")
    frame.answer(value, lines)


@command(app, "list")
def every(
    frame: Frame,
    folder: Annotated[
        str | None,
        typer.Option("--in", metavar="FOLDER", help="The folder; else NUQTA_BACKUP_FOLDER.",
                     show_default=False),
    ] = None,
) -> None:  # fmt: skip
    """List the copies in a folder, the newest first."""
    from nuqta.engine.keeping.backup import kept_in

    where = _folder(folder, frame.settings().backup_folder, "--in")
    values = [_described(one) for one in kept_in(where)]
    lines: list[str | dict[str, Any]] = []
    for value in values:
        lines += [Path(str(value["path"])).name, value]
    frame.answer(values, lines or [f"There are no copies in {where}."])


def restore(
    frame: Frame,
    source: Annotated[str, typer.Argument(metavar="FILE", help="The copy.")],
    to: Annotated[
        str | None,
        typer.Option(metavar="DB", help="Where the books are to stand; else as --db.",
                     show_default=False),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Move the books that stand there aside, under a name that"
                     " is told. They are never deleted.", show_default=False),
    ] = False,
    accept_older: Annotated[
        bool,
        typer.Option("--accept-older", help="The copy is meant, also where more was sealed since.",
                     show_default=False),
    ] = False,
) -> None:  # fmt: skip
    """Make a copy the books: proved whole first, in place of none, or with --replace of others.

    The server and the worker must have ended.
    """
    from nuqta.engine.clock import Clock
    from nuqta.engine.engine import database_path
    from nuqta.engine.keeping.restore import restore as put_back

    settings = frame.settings() if to is None else frame.settings(DB=to)
    path = database_path(settings.db)
    done = put_back(
        Path(source), path, settings, Clock().now(), replace=replace, accept_older=accept_older
    )
    value = {
        "db": str(done.path), "from": source, **_told(done.facts),
        "aside": None if done.aside is None else str(done.aside),
        "has_key": done.has_key or bool(settings.secret), "given_up": done.given_up,
    }  # fmt: skip
    lines: list[str | dict[str, Any]] = ["The books are restored.", _shown(value)]
    lines += [f"Given up: {one}." for one in done.given_up]
    if not value["has_key"]:
        lines.append("There is no key for its tokens: put the key file beside the database.")
    lines.append("Tokens that were ended and persons who were erased since then are back: see"
                 " docs/operate.md.")  # fmt: skip
    frame.answer(value, lines)


def compact(frame: Frame) -> None:
    """Write the file anew, without what was deleted and still lies in its free space. Whoever
    writes waits meanwhile: some seconds for each gigabyte."""
    from nuqta.engine.keeping.compact import compact as write_anew

    with frame.open() as engine:
        before = engine.vault.path.stat().st_size
        if not write_anew(engine):
            raise Refused("the log could not be emptied, because somebody reads: try again")
        after = engine.vault.path.stat().st_size
    value = {"bytes_before": before, "bytes_after": after}
    frame.answer(value, ["The file is written anew.", value])


def _folder(given: str | None, kept: str, option: str = "--to") -> Path:
    chosen = kept if given is None else given
    if not chosen.strip():
        raise Misused(f"say where with {option} or NUQTA_BACKUP_FOLDER")
    return Path(chosen)


def _described(kept: "Kept") -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant

    return {
        "path": str(kept.path),
        "taken_at": format_instant(kept.taken_at),
        "bytes": kept.size,
    }


def _told(facts: "Facts") -> dict[str, Any]:
    """What a copy holds, and until when."""
    from nuqta.loyalty.dates import format_instant

    return {
        "booked_until": format_instant(facts.booked_at) if facts.booked_at else None,
        "accounts": facts.accounts,
        "transfers": facts.transfers,
        "schema": facts.schema,
        "roots": {str(store): root for store, root in facts.roots.items()},
    }


def _shown(value: dict[str, Any]) -> dict[str, Any]:
    """The same for people: a line for each store's root, and lists in words."""
    roots, left = value["roots"], ("roots", "given_up")
    told = {name: one for name, one in value.items() if name not in left}
    told |= {f"root of {store}": root for store, root in roots.items()}
    return {name: ", ".join(one) if isinstance(one, list) else one for name, one in told.items()}
