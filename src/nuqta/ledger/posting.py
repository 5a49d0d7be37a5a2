"""Deciding: commands and the facts they may touch go in, receipts and lines to record come out.

Pure: the caller loads every fact first and records the outcome afterwards, in one transaction.
Commands of a batch are decided in order, each on what the ones before it left. A refused command
leaves nothing but, where its caller gave a key, the memory of the refusal.
Source: design, architecture ("one door") and ledger, section 6.
"""

from typing import TypeAlias

import msgspec

from nuqta import refusals
from nuqta.ledger.account import Account
from nuqta.ledger.books import Books
from nuqta.ledger.commands import (
    SYSTEM,
    Adjust,
    Answer,
    Command,
    Earn,
    Receipt,
    Settle,
    Spend,
    digest_of,
)
from nuqta.ledger.instants import POINTS_MAX, Instant, Points
from nuqta.ledger.lots import Lot
from nuqta.ledger.transfers import AccountKey, Transfer
from nuqta.refusals import Refusal

ReceiptKey: TypeAlias = tuple[int, int, str, str]
"""(dkey, customer id, origin, key): what a command is known by, for ever."""


class Facts(msgspec.Struct):
    """Every row that a batch of commands may touch: accounts, their open lots, receipts given."""

    accounts: dict[AccountKey, Account]
    lots: dict[AccountKey, list[Lot]]
    receipts: dict[ReceiptKey, Receipt]


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


def receipt_key(command: Command) -> ReceiptKey:
    """What the command is known by, for ever."""
    return (command.dkey, command.customer_id, command.origin, command.key)


def decide(commands: list[Command], facts: Facts, clock: Instant) -> Outcome:
    """Decide a batch at the instant `clock`. Never raises for what a caller may send."""
    outcome = Outcome([], [], [], [], [], [])
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
            books = open_books[key] = Books(account, facts.lots.get(key, ()))
        outcome.answers.append(_decide_one(command, open_books, seen, outcome, clock))
    for books in open_books.values():
        if books.transfers:
            outcome.accounts.append((books.before.version, books.after()))
            outcome.lots.extend(books.lots[number] for number in books.touched)
            outcome.transfers.extend(books.transfers)
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
    known = seen.get(receipt_key(command))
    if known is not None:
        if known.digest != digest:
            receipt = _receipt(command, digest, books, books.version, refusals.KEY_CONFLICT, clock)
            return Answer(receipt, refusals.KEY_CONFLICT)
        refusal = refusals.BY_CODE[known.refusal] if known.refusal else None
        return Answer(known, refusal, is_replay=True)

    now = max(clock, books.recorded_at)
    untouched = books.copy() if books.next_change_at <= now else None
    version = books.version
    books.settle(now)
    refusal = _apply(command, books, now)
    if refusal is not None and untouched is not None:
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
    match command:
        case Earn():
            return _earn(command, books, now)
        case Spend():
            return _spend(command, books, now)
        case Adjust():
            return _adjust(command, books, now)
        case Settle():
            return None


def _earn(command: Earn, books: Books, now: Instant) -> Refusal | None:
    if command.effective_at > now:
        return refusals.EFFECTIVE_IN_FUTURE
    if not 0 <= command.points <= POINTS_MAX:
        return refusals.POINTS_OUT_OF_RANGE
    if command.expires_at <= command.effective_at:
        return refusals.EXPIRY_PASSED
    if command.points > books.room():
        return refusals.BALANCE_TOO_LARGE
    if command.points == 0:
        return None
    lot = _lot(command, command.points, command.effective_at, command.matures_at)
    lot = msgspec.structs.replace(
        lot,
        order_key=command.order_key,
        rule_id=command.rule_id,
        rule_revision=command.rule_revision,
    )
    books.grant("earn", lot, now, command.origin, command.key)
    return None


def _spend(command: Spend, books: Books, now: Instant) -> Refusal | None:
    if not 1 <= command.points <= POINTS_MAX:
        return refusals.POINTS_OUT_OF_RANGE
    if books.sums["owed"]:
        return refusals.POINTS_OWED
    if command.points > books.sums["available"]:
        return refusals.NOT_ENOUGH_POINTS
    books.take("spend", "redeemed", command.points, now, command.origin, command.key)
    return None


def _adjust(command: Adjust, books: Books, now: Instant) -> Refusal | None:
    if not 1 <= abs(command.points) <= POINTS_MAX:
        return refusals.POINTS_OUT_OF_RANGE
    if command.points < 0:
        if -command.points > books.sums["available"]:
            return refusals.NOT_ENOUGH_POINTS
        points = -command.points
        books.take("adjust", "adjusted_out", points, now, command.origin, command.key)
        return None
    if command.expires_at <= now:
        return refusals.EXPIRY_PASSED
    if command.points > books.room():
        return refusals.BALANCE_TOO_LARGE
    lot = _lot(command, command.points, now, matures_at=now)
    books.grant("adjust", lot, now, command.origin, command.key)
    return None


def _lot(command: Earn | Adjust, points: Points, granted_at: Instant, matures_at: Instant) -> Lot:
    return Lot(
        command.dkey, command.customer_id, 0, points, points, 0, 0,
        granted_at, matures_at, command.expires_at,
    )  # fmt: skip


def _is_remembered(command: Command, refusal: Refusal | None) -> bool:
    if isinstance(command, Settle):
        return False  # its transfers carry the derived keys, and what is due is due only once
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
