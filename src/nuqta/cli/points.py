"""`nuqta points`: adding, deducting and looking at a customer's points."""

import secrets
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from nuqta.cli.frame import (
    KEY_LENGTH_MAX,
    ORIGIN,
    CustomerOption,
    Frame,
    Misused,
    Refused,
    StoreOption,
    checked_text,
    command,
    commands,
    find_customer,
    find_store,
    settled,
    understood,
    whole,
    whole_or_none,
)

if TYPE_CHECKING:
    from nuqta.engine.engine import Engine
    from nuqta.engine.stores import Store
    from nuqta.ledger.commands import Adjust, Answer
    from nuqta.ledger.history import Balance
    from nuqta.ledger.instants import Instant
    from nuqta.storage.sqlite import Transaction

app = commands("Adding, deducting and looking at points.", "points")

_SIGNS = {"+": 1, "add": 1, "-": -1, "deduct": -1, "subtract": -1}
_VERSION_MAX = 2**53 - 1

_A_DATE = "A date is its first moment in the store's time zone."


def _instant_option(what: str) -> Any:
    return typer.Option(metavar="INSTANT", help=f"{what} {_A_DATE}", show_default=False)


ExpiresAtOption = Annotated[
    str | None,
    _instant_option("When added points expire, such as 2026-11-23 or 2026-11-23T10:30:00Z."),
]
AsOfOption = Annotated[str | None, _instant_option("What counted at that instant.")]
KnownAtOption = Annotated[str | None, _instant_option("As the books stood at that instant.")]


@command(app, "adjust")
def adjust(
    frame: Frame,
    store: StoreOption,
    customer: CustomerOption,
    direction: Annotated[
        str, typer.Option(metavar="+|-", help="+ or add; - or deduct or subtract.")
    ],
    points: Annotated[str, typer.Option(metavar="N", help="How many: 1 or more.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept beside the books.")],
    key: Annotated[
        str | None,
        typer.Option(metavar="K", help="Makes it safe to repeat: one key counts once."),
    ] = None,
    expires_at: ExpiresAtOption = None,
) -> None:
    """Add or deduct points by hand; added ones never expire, unless --expires-at says so."""
    from nuqta.ledger.account import dkey_of
    from nuqta.ledger.commands import Adjust
    from nuqta.ledger.instants import NEVER, POINTS_MAX

    sign = _SIGNS.get(direction)
    if sign is None:
        raise Misused(f"--direction takes {' or '.join(_SIGNS)}, not {direction[:40]!r}")
    if sign < 0 and expires_at is not None:
        raise Misused("--expires-at is for points that are added")
    count = whole(points, "--points", 1, POINTS_MAX)
    words = checked_text(reason, "--reason")
    named = secrets.token_hex(16) if key is None else checked_text(key, "--key", KEY_LENGTH_MAX)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        ends = NEVER if expires_at is None else _instant(expires_at, found, "--expires-at")
        shopper = find_customer(engine.vault.reader(), found, customer)
        wish = Adjust(
            dkey=dkey_of(found.store_id, shopper.customer_id),
            customer_id=shopper.customer_id,
            origin=ORIGIN,
            key=named,
            is_keyed=key is not None,
            reason=words,
            points=sign * count,
            expires_at=ends,
        )
        answer = engine.door.write_now(
            "adjust points", lambda tx: book(tx, found, customer, wish, engine.clock.now())
        )
        settled(answer.refusal or answer)
        balance = _balance_at(
            engine, found, shopper.customer_id, answer.receipt.version, answer.is_replay
        )
    value = {**msgspec.structs.asdict(balance), "replayed": answer.is_replay}
    done = "added to" if sign > 0 else "deducted from"
    counted = "1 point was" if count == 1 else f"{count:,} points were"
    again = " before: this key was used for it, and nothing changed now" * answer.is_replay
    frame.answer(
        value,
        [
            f"{counted} {done} customer {shopper.customer_id}{again}.",
            msgspec.structs.asdict(balance),
        ],
    )


def book(
    tx: "Transaction", store: "Store", customer: str, wish: "Adjust", now: "Instant"
) -> "Answer":
    """Post an adjustment, in the transaction in which its customer is known: since the customer was
    looked up, somebody may have erased the person, whom its reason would tell of again. Refused
    then."""
    from nuqta.engine.door import post

    find_customer(tx, store, customer)
    (answer,) = post(tx, [wish], now)
    return answer


@command(app, "show")
def show(
    frame: Frame,
    store: StoreOption,
    customer: CustomerOption,
    as_of: AsOfOption = None,
    known_at: KnownAtOption = None,
    version: Annotated[
        str | None, typer.Option(metavar="N", help="The books at this version of the account.")
    ] = None,
) -> None:
    """Show a customer's points: now, as of an instant, as known at one, or at a version."""
    from nuqta.engine.reading import balances

    wanted = whole_or_none(version, "--version", 0, _VERSION_MAX)
    with frame.open() as engine:
        found = find_store(engine.vault.reader(), store)
        shopper = find_customer(engine.vault.reader(), found, customer, or_erased=True)
        of = None if as_of is None else _instant(as_of, found, "--as-of")
        known = None if known_at is None else _instant(known_at, found, "--known-at")
        ids = (found.store_id, shopper.customer_id)
        if wanted:
            latest = _there(balances.show(engine, *ids)).version
            if wanted > latest:
                raise Refused(f"the account's last version is {latest}; there is no {wanted} yet")
        balance = _there(balances.show(engine, *ids, as_of=of, known_at=known, version=wanted))
    value = msgspec.structs.asdict(balance)
    name = shopper.name or f"customer {shopper.customer_id}"
    heading = f"Points of {name} at {found.name}{_asked(found, of, known, wanted)}"
    frame.answer(value, [heading, value])


def _asked(
    store: "Store", as_of: "Instant | None", known_at: "Instant | None", version: int | None
) -> str:
    """Of which instants and version the points are, where it was not asked how they are now."""
    from nuqta.loyalty.dates import format_local

    said = []
    if as_of is not None:
        said.append(f"as of {format_local(as_of, store.timezone)}")
    if known_at is not None:
        said.append(f"as known at {format_local(known_at, store.timezone)}")
    if version is not None:
        said.append(f"at version {version}")
    return "".join(f", {one}" for one in said)


def _balance_at(
    engine: "Engine", store: "Store", customer_id: int, version: int, is_replay: bool
) -> "Balance":
    """The balance at a receipt's version. A fresh receipt's is nearly always the account's row."""
    from nuqta.engine.reading import balances

    if not is_replay:
        balance = _there(balances.show(engine, store.store_id, customer_id))
        if balance.version == version:
            return balance
    return _there(balances.show(engine, store.store_id, customer_id, version=version))


def _there(balance: "Balance | None") -> "Balance":
    from nuqta.refusals import CUSTOMER_NOT_FOUND

    return settled(balance or CUSTOMER_NOT_FOUND)


def _instant(text: str, store: "Store", option: str) -> "Instant":
    """An instant or date, in the store's time zone where it names none. Misused on others."""
    from nuqta.loyalty.dates import parse_instant

    with understood(option):
        return parse_instant(text, store.timezone)
