"""Balances: now, as of an effective instant, as known at a recorded one, at a version.

A read before an account's `next_change_at` is the row itself. A read after it applies what fell
due in memory, exactly as the next command would book it, so that no answer depends on whether a
background job has run. Source: design, ledger, section 3.
"""

from collections.abc import Iterable

import msgspec

from nuqta.ledger.account import Account, opened
from nuqta.ledger.books import Books
from nuqta.ledger.instants import NEVER, Instant, Points
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import AccountKey, Transfer, fold


class Balance(msgspec.Struct, frozen=True):
    """A customer's points at one instant: what the terminal and the faces show."""

    available: Points
    pending: Points
    held: Points
    owed: Points
    used: Points
    version: int


def balance_of(account: Account) -> Balance:
    """What the account's row says, whatever the time."""
    return Balance(
        account.available,
        account.pending,
        account.held,
        account.owed,
        account.used,
        account.version,
    )


def at(account: Account, open_lots: Iterable[Lot], clock: Instant) -> Account:
    """The account at the instant max(clock, its last recorded one), with what fell due applied.

    `version` stays that of the books: what is applied here is not booked yet.
    """
    now = max(clock, account.recorded_at)
    if now < account.next_change_at:
        return account
    books = Books(account, open_lots)
    books.settle(now)
    return msgspec.structs.replace(books.after(), version=account.version)


def rebuild(
    key: AccountKey,
    transfers: Iterable[Transfer],
    lots: Iterable[Lot],
    clock: Instant,
    *,
    as_of: Instant | None = None,
    known_at: Instant | None = None,
    version: int | None = None,
) -> Balance:
    """The balance, from the transfers alone.

    `known_at` leaves out what the books had not learned by then, `version` what was booked after
    it; `as_of` counts only what was effective by then (a future one looks ahead, by time alone).
    Without `as_of`, the balance stands at `known_at`, or at `clock`; a version by itself is the
    fold of its transfers and no more, since it may lie in the middle of a command.
    """
    known = [
        transfer
        for transfer in transfers
        if (version is None or transfer.version <= version)
        and (known_at is None or transfer.recorded_at <= known_at)
    ]
    latest = known[-1].recorded_at if known else 0
    books = _replayed(key, known, lots)
    if as_of is not None:
        until = as_of
    elif known_at is not None:
        until = known_at
    else:
        until = max(clock, latest)
    if version is None or as_of is not None or known_at is not None:
        books.settle(until)  # what fell due later is not effective by then
    sums = fold(one for one in (*known, *books.transfers) if one.effective_at <= until)
    return Balance(
        sums["available"], sums["pending"], sums["held"], sums["owed"], sums["redeemed"],
        known[-1].version if known else 0,
    )  # fmt: skip


def lots_after(transfers: Iterable[Transfer], lots: Iterable[Lot]) -> list[Lot]:
    """Every lot as the given transfers leave it; `lots` give its dates and what it was granted."""
    left: dict[int, Points] = {}
    held: dict[int, Points] = {}
    matured: set[int] = set()
    for transfer in transfers:
        lot, points = transfer.lot, transfer.points
        if transfer.move == "mature" or (transfer.move, transfer.target) == ("earn", "available"):
            matured.add(lot)
        for place, sign in ((transfer.source, -points), (transfer.target, points)):
            if place in ("pending", "available", "held"):
                left[lot] = left.get(lot, 0) + sign
            if place == "held":
                held[lot] = held.get(lot, 0) + sign
        if transfer.move == "adjust":
            matured.add(lot)
    return [
        msgspec.structs.replace(
            lot,
            left=left[lot.lot],
            held=held.get(lot.lot, 0),
            is_pending=int(lot.lot not in matured),
        )
        for lot in lots
        if lot.lot in left
    ]


def _replayed(key: AccountKey, known: list[Transfer], lots: Iterable[Lot]) -> Books:
    then = lots_after(known, lots)
    account = msgspec.structs.replace(
        opened(*key),
        version=known[-1].version if known else 0,
        recorded_at=known[-1].recorded_at if known else 0,
        next_change_at=min((lot.next_change_at for lot in then), default=NEVER),
        lots=len(then),
        **fold(known),
    )
    return Books(account, then)
