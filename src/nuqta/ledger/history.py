"""Balances: now, as of an effective instant, as known at a recorded one, at a version.

A read before an account's `next_change_at` is the row itself. A read after it applies what fell
due in memory, exactly as the next command would book it, so that no answer depends on whether a
background job has run. Source: design, ledger, section 3.
"""

from collections.abc import Iterable, Sequence

import msgspec

from nuqta.ledger.account import Account, opened
from nuqta.ledger.books import Books, next_change_of
from nuqta.ledger.commands import SYSTEM
from nuqta.ledger.holds import Hold
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


def at(
    account: Account, open_lots: Iterable[Lot], live_holds: Iterable[Hold], clock: Instant
) -> Account:
    """The account at the instant max(clock, its last recorded one), with what fell due applied.

    `version` stays that of the books: what is applied here is not booked yet.
    """
    return settled(account, open_lots, live_holds, clock)[0]


def settled(
    account: Account, open_lots: Iterable[Lot], live_holds: Iterable[Hold], clock: Instant
) -> tuple[Account, list[Transfer], dict[int, Lot]]:
    """As `at`, with the transfers that time has brought and the open lots as they then are."""
    now = max(clock, account.recorded_at)
    if now < account.next_change_at:
        return account, [], {}
    books = Books(account, open_lots, live_holds)
    books.settle(now)
    after = msgspec.structs.replace(books.after(), version=account.version, events=account.events)
    return after, books.transfers, books.lots


def rebuild(
    key: AccountKey,
    transfers: Sequence[Transfer],
    lots: Iterable[Lot],
    holds: Iterable[Hold],
    clock: Instant,
    *,
    as_of: Instant | None = None,
    known_at: Instant | None = None,
    version: int | None = None,
) -> Balance:
    """The balance, from the transfers alone; lots and holds give only their dates.

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
    books = _replayed(key, known, transfers[len(known) :], lots, holds)
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


def lots_after(transfers: Iterable[Transfer], lots: Sequence[Lot]) -> list[Lot]:
    """Every lot as the given transfers leave it; `lots` give its dates and what it is of."""
    granted: dict[int, Points] = {}
    left: dict[int, Points] = {}
    held: dict[int, Points] = {}
    expired: dict[int, Points] = {}
    matured: set[int] = set()
    by_number = {lot.lot: lot for lot in lots}
    lines: dict[int, Transfer] = {}
    for transfer in transfers:
        lot, points = transfer.lot, transfer.points
        lines[transfer.version] = transfer
        if transfer.target == "available":
            matured.add(lot)
        if _is_granted(transfer, by_number.get(lot), lines.get(transfer.undoes)):
            granted[lot] = granted.get(lot, 0) + points
        for place, sign in ((transfer.source, -points), (transfer.target, points)):
            if place in ("pending", "available", "held"):
                left[lot] = left.get(lot, 0) + sign
            if place == "held":
                held[lot] = held.get(lot, 0) + sign
            if place == "expired":
                expired[lot] = expired.get(lot, 0) + sign
    return [
        msgspec.structs.replace(
            lot,
            granted=granted[lot.lot],
            left=left.get(lot.lot, 0),
            held=held.get(lot.lot, 0),
            is_pending=int(lot.lot not in matured),
            expired=expired.get(lot.lot, 0),
        )
        for lot in lots
        if lot.lot in granted
    ]


def _is_granted(line: Transfer, lot: Lot | None, undone: Transfer | None) -> bool:
    """Whether points come into a lot that have not been in it before."""
    if line.source in ("issued", "adjusted_in"):
        return True
    if lot is None or undone is None:
        return False
    if line.move == "return":
        return bool(lot.revives) and undone.lot != line.lot
    is_own = not lot.revives and lot.order_key == line.order_key
    return line.move == "reinstate" and undone.source == "owed" and is_own


def holds_after(transfers: Iterable[Transfer], holds: Iterable[Hold]) -> list[Hold]:
    """Every hold as the given transfers leave it; `holds` give its dates and what it is for."""
    taken: dict[int, list[tuple[int, Points]]] = {}
    captured: dict[int, Points] = {}
    released: dict[int, Points] = {}
    for transfer in transfers:
        hold, points = transfer.hold, transfer.points
        match transfer.move:
            case "hold":
                taken.setdefault(hold, []).append((transfer.lot, points))
            case "capture":
                captured[hold] = captured.get(hold, 0) + points
            case "release":
                released[hold] = released.get(hold, 0) + points
    return [
        msgspec.structs.replace(
            hold,
            taken=tuple(taken[hold.hold]),
            captured=captured.get(hold.hold, 0),
            released=released.get(hold.hold, 0),
            ending=hold.ending if hold.hold in captured or hold.hold in released else "",
        )
        for hold in holds
        if hold.hold in taken
    ]


def _replayed(
    key: AccountKey,
    known: Sequence[Transfer],
    later: Iterable[Transfer],
    lots: Iterable[Lot],
    holds: Iterable[Hold],
) -> Books:
    waited = {line.lot: line for line in later if "pending" in (line.source, line.target)}
    then = lots_after(known, [_undated(lot, waited.get(lot.lot)) for lot in lots])
    live = [hold for hold in holds_after(known, holds) if hold.is_live]
    account = msgspec.structs.replace(
        opened(*key),
        next_change_at=next_change_of(then, live),
        lots=len(then),
        **fold(known),
    )
    return Books(account, then, live)


def _undated(lot: Lot, waited: Transfer | None) -> Lot:
    """The lot with the maturity that the books knew before `waited`, the last line that says that
    it was waiting.

    One that matured by time alone was dated as it came. One that news of its order made mature, or
    that was emptied while it waited, was not known to, however early its date lies since then.
    """
    if waited is None:
        return lot
    if waited.move != "mature":
        return msgspec.structs.replace(lot, matures_at=max(lot.matures_at, waited.effective_at + 1))
    is_by_time = waited.origin == SYSTEM and waited.key == f"mature:{lot.lot}"
    return msgspec.structs.replace(lot, matures_at=waited.effective_at if is_by_time else NEVER)
