"""`nuqta staff`: people who look after a store, and sign in with a password."""

import getpass
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nuqta.cli.frame import (
    Frame,
    Misused,
    Refused,
    StoreOption,
    command,
    commands,
    find_store,
    settled,
    understood,
)

if TYPE_CHECKING:
    from nuqta.engine.access.staff import Staff
    from nuqta.engine.engine import Engine

app = commands("People who look after a store.", "staff")

EmailOption = Annotated[str, typer.Option("--email", metavar="TEXT", help="What they sign in as.")]
PipedOption = Annotated[
    bool,
    typer.Option(
        "--password-stdin",
        help="Read the password from the first line of stdin, instead of asking for it.",
        show_default=False,
    ),
]
_READ_MOST = 1_000


@command(app, "create")
def create(
    frame: Frame,
    store: StoreOption,
    email: EmailOption,
    is_piped: PipedOption = False,
) -> None:
    """Make an owner of a store, who can sign in and let applications into it. The password is asked
    for twice; it has 12 to 128 characters."""
    from nuqta.engine.access import staff
    from nuqta.loyalty.customers import canonical_email

    with understood("--email"):
        address = canonical_email(email)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        if staff.by_email(engine.vault.reader(), address) is not None:
            raise Refused("somebody already signs in with this e-mail address")
        hashed, now = _hashed(engine, is_piped), engine.clock.now()
        made = settled(
            engine.door.write_now(
                "create staff",
                lambda tx: staff.create(tx, found.store_id, address, hashed, now),
            )
        )
    frame.answer(
        _described(made),
        [f"{made.email} can sign in as an owner of {found.name}.", _described(made)],
    )


@command(app, "list")
def every(
    frame: Frame,
    store: Annotated[
        str | None, typer.Option(metavar="ID", help="One store's id or UUID; else all.")
    ] = None,
) -> None:
    """List who may sign in, and who may no more."""
    from nuqta.engine.access import staff

    with frame.open() as engine, engine.vault.snapshot() as tx:
        chosen = None if store is None else find_store(tx, store).store_id
        values = [_described(one) for one in staff.every(tx, chosen)]
    lines: list[str | dict[str, Any]] = []
    for value in values:
        lines += [value["email"], value]
    frame.answer(values, lines or ["Nobody can sign in: `nuqta staff create` makes an owner."])


@command(app, "password")
def password(
    frame: Frame, store: StoreOption, email: EmailOption, is_piped: PipedOption = False
) -> None:
    """Give somebody another password: they are signed out everywhere. It is asked for twice; it has
    12 to 128 characters."""
    from nuqta.engine.access import staff

    with frame.open() as engine:
        known = _known(engine, store, email)
        hashed = _hashed(engine, is_piped)
        ended = engine.door.write_now(
            "change password", lambda tx: staff.change_password(tx, known.staff_id, hashed)
        )
    frame.answer(
        {"email": known.email, "sessions_ended": ended},
        [f"{known.email} signs in with the new password.", {"sessions ended": ended}],
    )


@command(app, "unlock")
def unlock(
    frame: Frame,
    store: StoreOption,
    email: EmailOption,
    address: Annotated[
        str | None,
        typer.Option(metavar="IP", help="Also forget the tries of this address of theirs."),
    ] = None,
) -> None:
    """Let somebody try again at once who tried too many passwords, or for whom others did."""
    from nuqta.engine.access import staff
    from nuqta.web.guard import network

    place = None if address is None else network(address)
    if place == "":
        raise Misused(f"--address takes an IP address, not {address!r:.60}")
    with frame.open() as engine:
        known, keyring = _known(engine, store, email), engine.keyring
        was_locked = engine.door.write_now(
            "unlock", lambda tx: staff.unlock(tx, keyring, known.email, place)
        )
    said = "can try again." if was_locked else "had not tried in vain."
    frame.answer({"email": known.email, "unlocked": was_locked}, [f"{known.email} {said}"])


@command(app, "disable")
def disable(frame: Frame, store: StoreOption, email: EmailOption) -> None:
    """Let somebody sign in no more: their sessions end at once. What they let in stays."""
    from nuqta.engine.access import staff

    with frame.open() as engine:
        known, now = _known(engine, store, email), engine.clock.now()
        is_new = engine.door.write_now(
            "disable staff", lambda tx: staff.disable(tx, known.staff_id, now)
        )
    if not is_new:
        raise Refused(f"{known.email} was disabled before")
    frame.answer({"email": known.email, "disabled": True}, [f"{known.email} can sign in no more."])


def _known(engine: "Engine", store: str, email: str) -> "Staff":
    """Who is meant. Misused where it is no address; refused where nobody of the store has it."""
    from nuqta.engine.access import staff
    from nuqta.loyalty.customers import canonical_email

    with understood("--email"):
        address = canonical_email(email)
    found = find_store(engine.vault.reader(), store)
    known = staff.by_email(engine.vault.reader(), address)
    if known is None or known.store_id != found.store_id:
        raise Refused(f"nobody of {found.name} signs in as {address}")
    return known


def _hashed(engine: "Engine", is_piped: bool) -> str:
    """The hash of the password that was given. Misused where it cannot be one."""
    from nuqta.engine.access.passwords import checked_password

    with understood():
        return engine.passwords.hash(checked_password(_piped() if is_piped else _asked()))


def _asked() -> str:
    """The password from the terminal, twice. Misused where there is none."""
    if not sys.stdin.isatty():
        raise Misused("a password is asked for at a terminal: use --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise Misused("the two passwords differ")
    return password


def _piped() -> str:
    """The first line of stdin, without its end."""
    return sys.stdin.readline(_READ_MOST).rstrip("\r\n")


def _described(one: "Staff") -> dict[str, Any]:
    from nuqta.loyalty.dates import format_instant

    return {
        "staff_id": one.staff_id,
        "store": one.store_id,
        "email": one.email,
        "created_at": format_instant(one.created_at),
        "disabled_at": one.disabled_at and format_instant(one.disabled_at),
    }
