"""Deciding: commands and the facts they may touch go in, receipts and lines to record come out.

Pure: the caller loads every fact first and records the outcome afterwards, in one transaction.
Commands of a batch are decided in order, each on what the ones before it left. A refused command
leaves nothing but, where its caller gave a key, the memory of the refusal.
Source: design, architecture ("one door") and ledger, section 6.
"""

from typing import TypeAlias

import msgspec

from nuqta import refusals
from nuqta.ledger import orders
from nuqta.ledger.account import Account
from nuqta.ledger.books import Books, Stamp
from nuqta.ledger.commands import (
    SYSTEM,
    Adjust,
    Answer,
    Command,
    Order,
    Receipt,
    Release,
    Remind,
    Reserve,
    Spend,
    digest_of,
)
from nuqta.ledger.events import Event
from nuqta.ledger.holds import Hold
from nuqta.ledger.instants import POINTS_MAX, Instant
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import AccountKey, Transfer
from nuqta.refusals import Refusal

ReceiptKey: TypeAlias = tuple[int, int, str, str]
"""(dkey, customer id, origin, key): what a command is known by, for ever."""


class Facts(msgspec.Struct):
    """Every row that a batch of commands may touch: accounts, receipts given, and by account its
    open lots (and those that an order of the batch ever touched), its live holds (and those that
    are named), and the transfers of those orders, by version."""

    accounts: dict[AccountKey, Account]
    lots: dict[AccountKey, list[Lot]]
    receipts: dict[ReceiptKey, Receipt]
    holds: dict[AccountKey, list[Hold]] = {}
    orders: dict[AccountKey, list[Transfer]] = {}


class Note(msgspec.Struct, frozen=True, gc=False):
    """Words beside the books: why the transfer at this version was made. Erasable."""

    dkey: int
    customer_id: int
    version: int
    reason: str


class Outcome(msgspec.Struct):
    """What was decided: an answer for every command, in order, and the lines to record.

    `accounts` pairs each changed row with the version it had, which guards the recording.
    """

    answers: list[Answer]
    accounts: list[tuple[int, Account]]
    lots: list[Lot]
    transfers: list[Transfer]
    receipts: list[Receipt]
    notes: list[Note]
    holds: list[Hold] = []
    events: list[Event] = []


def receipt_key(command: Command) -> ReceiptKey:
    """What the command is known by, for ever."""
    return (command.dkey, command.customer_id, command.origin, command.key)


def decide(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Decide a batch at the instant `clock`. Never raises for what a caller may send."""
    outcome = Outcome([], [], [], [], [], [], [], [])
    seen = dict(facts.receipts)
    open_books: dict[AccountKey, Books] = {}
    for command in commands:
        key = command.account
        books = open_books.get(key)
        if books is None:
            account = facts.accounts.get(key)
            if account is None:
                outcome.answers.append(_unknown(command, clock))
                continue
            books = open_books[key] = Books(
                account,
                facts.lots.get(key, ()),
                facts.holds.get(key, ()),
                facts.orders.get(key, ()),
            )
        outcome.answers.append(_decide_one(command, open_books, seen, outcome, clock))
    for books in open_books.values():
        if books.has_changed():
            outcome.accounts.append((books.before.version, books.after()))
            outcome.lots.extend(books.lots[number] for number in books.touched)
            outcome.holds.extend(books.holds[number] for number in books.touched_holds)
            outcome.transfers.extend(books.transfers)
            outcome.events.extend(books.events)
    return outcome


def _decide_one(
    command: Command,
    open_books: dict[AccountKey, Books],
    seen: dict[ReceiptKey, Receipt],
    outcome: Outcome,
    clock: Instant,
) -> Answer:
    books = open_books[command.account]
    digest = digest_of(command)
    known = seen.get(receipt_key(command)) if command.has_receipt else None
    if known is not None:
        if known.digest != digest:
            receipt = _receipt(command, digest, books, books.version, refusals.KEY_CONFLICT, clock)
            return Answer(receipt, refusals.KEY_CONFLICT)
        refusal = refusals.BY_CODE[known.refusal] if known.refusal else None
        return Answer(known, refusal, is_replay=True)

    now = max(clock, books.recorded_at)
    may_return = books.next_change_at <= now or isinstance(command, Reserve)
    untouched = books.copy() if may_return else None
    version = books.version
    books.settle(now)
    refusal = _apply(command, books, now)
    if refusal is None:
        books.tell()
    elif untouched is not None:
        books = open_books[command.account] = untouched
    receipt = _receipt(command, digest, books, version, refusal, clock)
    if _is_remembered(command, refusal):
        seen[receipt_key(command)] = receipt
        outcome.receipts.append(receipt)
    if refusal is None and command.reason is not None and receipt.booked:
        outcome.notes.append(
            Note(command.dkey, command.customer_id, receipt.version, command.reason)
        )
    return Answer(receipt, refusal)


def _apply(command: Command, books: Books, now: Instant) -> Refusal | None:
    stamp = Stamp(now, command.origin, command.key)
    match command:
        case Order():
            return orders.move_to(command, books, now)
        case Reserve():
            return _reserve(command, books, stamp)
        case Release():
            hold = books.live_hold(command.cart)
            if hold is not None:
                books.release(hold, "released", stamp)
        case Spend():
            return _spend(command, books, stamp)
        case Adjust():
            return _adjust(command, books, stamp)
        case Remind():
            _remind(command, books, stamp)
    return None  # also for Settle: what fell due is booked before any command


def _reserve(command: Reserve, books: Books, stamp: Stamp) -> Refusal | None:
    if not 1 <= command.points <= POINTS_MAX:
        return refusals.POINTS_OUT_OF_RANGE
    applied = books.live_hold(command.cart)
    if applied is not None:
        if _is_applied(command, applied):
            return None
        books.release(applied, "replaced", stamp)
    elif sum(hold.is_live for hold in books.holds.values()) >= command.holds_max:
        return refusals.TOO_MANY_HOLDS
    if books.sums["owed"]:
        return refusals.POINTS_OWED
    if command.points > books.sums["available"]:
        return refusals.NOT_ENOUGH_POINTS
    hold = Hold(
        command.dkey, command.customer_id, 0, command.cart, command.method_id, command.points,
        command.discount, command.currency, stamp.now, stamp.now + command.life_us, (),
    )  # fmt: skip
    books.reserve(hold, stamp)
    return None


def _is_applied(command: Reserve, hold: Hold) -> bool:
    wished = (command.method_id, command.points, command.discount, command.currency)
    return wished == (hold.method_id, hold.points, hold.discount, hold.currency)


def _remind(command: Remind, books: Books, stamp: Stamp) -> None:
    lot = books.lots.get(command.lot)
    if lot is None or lot.is_told or not lot.free:
        return
    if stamp.now < lot.expires_at <= stamp.now + command.within_us:
        books.remind(lot, stamp)


def _spend(command: Spend, books: Books, stamp: Stamp) -> Refusal | None:
    if not 1 <= command.points <= POINTS_MAX:
        return refusals.POINTS_OUT_OF_RANGE
    if books.sums["owed"]:
        return refusals.POINTS_OWED
    if command.points > books.sums["available"]:
        return refusals.NOT_ENOUGH_POINTS
    books.take("spend", "redeemed", command.points, stamp)
    return None


def _adjust(command: Adjust, books: Books, stamp: Stamp) -> Refusal | None:
    if not 1 <= abs(command.points) <= POINTS_MAX:
        return refusals.POINTS_OUT_OF_RANGE
    if command.points < 0:
        if -command.points > books.sums["available"]:
            return refusals.NOT_ENOUGH_POINTS
        books.take("adjust", "adjusted_out", -command.points, stamp)
        return None
    if command.expires_at <= stamp.now:
        return refusals.EXPIRY_PASSED
    if command.points > books.room():
        return refusals.BALANCE_TOO_LARGE
    lot = Lot(
        command.dkey, command.customer_id, 0, command.points, command.points, 0, 0,
        stamp.now, stamp.now, command.expires_at,
    )  # fmt: skip
    books.grant("adjust", lot, stamp)
    return None


def _is_remembered(command: Command, refusal: Refusal | None) -> bool:
    if not command.has_receipt:
        return False
    return refusal is None or (command.is_keyed and command.origin != SYSTEM)


def _receipt(
    command: Command,
    digest: bytes,
    books: Books,
    version: int,
    refusal: Refusal | None,
    clock: Instant,
) -> Receipt:
    return Receipt(
        command.dkey, command.customer_id, command.origin, command.key, digest,
        refusal.code if refusal else "", books.version, 0 if refusal else books.version - version,
        max(clock, books.recorded_at),
    )  # fmt: skip


def _unknown(command: Command, clock: Instant) -> Answer:
    refusal = refusals.CUSTOMER_NOT_FOUND
    receipt = Receipt(
        command.dkey, command.customer_id, command.origin, command.key, digest_of(command),
        refusal.code, 0, 0, clock,
    )  # fmt: skip
    return Answer(receipt, refusal)
