"""What happened to points: the customer's wallet, the manager's view of it, and adjusting by hand.

Source: contract, zid-loyalty, sections 4.1, 5.10, 5.14 and 5.15; decisions, section 4.
"""

import re
import secrets
from typing import Any, Final

import msgspec

from nuqta import refusals
from nuqta.engine import customers
from nuqta.engine.door import post
from nuqta.engine.reading.history import adjustment, history
from nuqta.ledger.account import Account, dkey_of
from nuqta.ledger.commands import Adjust
from nuqta.ledger.instants import NEVER
from nuqta.loyalty.customers import ID_MAX, checked_id
from nuqta.loyalty.dates import format_instant
from nuqta.loyalty.history import (
    ADDED,
    DEDUCTED,
    EXPIRY,
    REDEMPTION,
    REDEMPTION_REVERSAL,
    REWARD,
    REWARD_REVERSAL,
    Line,
)
from nuqta.storage.books import is_receipted
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.fields import Field, read
from nuqta.web.replies import Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_NAME: Final = english("Adjust customer points")
_ADJUSTED: Final = english("Points updated successfully")
_METHODS: Final = {
    REWARD: english("Reward for a placed order"),
    EXPIRY: english("Points expired"),
    ADDED: english("Manually added points"),
    DEDUCTED: english("Manually deducted points"),
    REDEMPTION: english("Points redeemed"),
    REDEMPTION_REVERSAL: english("Redeemed points returned"),
    REWARD_REVERSAL: english("Reward cancelled"),
}
_STATUSES: Final = {
    "active": english("Active"),
    "pending": english("Pending"),
    "expired": english("Expired"),
    "used": english("Used"),
    "cancelled": english("Cancelled"),
}
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}|0")
_ADD: Final = frozenset({"+", "add"})


class HistoryItem(msgspec.Struct, frozen=True):
    """One line of a history. `order_number` is null where the order's number is no whole number;
    then `order_code` is that text."""

    date: str
    reason: str | None
    points: int
    direction: str
    type: str
    order_number: int | None
    order_code: str | None
    expiry_date: str | None
    point_status: str
    point_status_code: str
    collection_method: str


class AdjustedItem(msgspec.Struct, frozen=True):
    """The line of an adjustment, with the nine keys that its answer has."""

    date: str
    reason: str | None
    points: int
    direction: str
    type: str
    order_number: int | None
    expiry_date: str | None
    point_status: str
    collection_method: str


class WalletPoints(msgspec.Struct, frozen=True):
    """A customer's points, under both spellings, and what happened to them, the latest first."""

    points_balance: int
    pending_points_balance: int
    available_poitns: int
    used_poitns: int
    available_points: int
    used_points: int
    total_positive_points: int
    history: list[HistoryItem]


class Wallet(msgspec.Struct, frozen=True):
    """The answer to the customer."""

    status: str
    wallet: WalletPoints
    message: Message


class PointsInfo(msgspec.Struct, frozen=True):
    """A customer's points as managers see them; what is owed is the negative balance."""

    points_balance: int
    pending_points_balance: int
    pending_negative_points_balance: int
    available_poitns: int
    used_poitns: int
    total_positive_points: int
    history: list[HistoryItem]


class Details(msgspec.Struct, frozen=True):
    """The answer to managers."""

    status: str
    loyalty_points_info: PointsInfo
    message: Message


class Lines(msgspec.Struct, frozen=True):
    """The history alone."""

    status: str
    history: list[HistoryItem]
    message: Message


class Adjusted(msgspec.Struct, frozen=True):
    """The answer to an adjustment."""

    status: str
    data: AdjustedItem
    message: Message


def shown_line(request: Request, line: Line) -> HistoryItem:
    """A line as it leaves, in the caller's language."""
    number = line.order_key if _NUMBER.fullmatch(line.order_key) else ""
    return HistoryItem(
        format_instant(line.happened_at),
        line.reason or None,
        line.points,
        line.direction,
        line.kind,
        int(number) if number else None,
        None if number else line.order_key or None,
        None if line.expires_at == NEVER else format_instant(line.expires_at),
        request.say(_STATUSES[line.status]),
        line.status,
        request.say(_METHODS[line.kind]),
    )


async def wallet(request: Request) -> Outcome:
    """The logged-in customer's points and history."""
    shopper = request.shopper
    found = await _history(request, shopper.customer_id if shopper else 0)
    if found is None:
        return refusals.SESSION_INVALID
    account, told = found
    points = WalletPoints(
        account.available, account.pending, account.available, account.used, account.available,
        account.used, account.total_positive, told,
    )  # fmt: skip
    return Wallet("success", points, Message("success"))


async def details(request: Request) -> Outcome:
    """A customer's points and history, for managers."""
    named, faults = read(_CUSTOMER, request.query, request.language)
    if faults:
        return Invalid(faults)
    found = await _history(request, named["customerId"])
    if found is None:
        return refusals.CUSTOMER_NOT_FOUND
    account, told = found
    info = PointsInfo(
        account.available, account.pending, account.owed, account.available, account.used,
        account.total_positive, told,
    )  # fmt: skip
    return Details("object", info, Message("object"))


async def of_customer(request: Request) -> Outcome:
    """A customer's history, for managers."""
    try:
        customer_id = checked_id(request.path["customer_id"])
    except ValueError:
        return refusals.CUSTOMER_NOT_FOUND
    found = await _history(request, customer_id)
    if found is None:
        return refusals.CUSTOMER_NOT_FOUND
    return Lines("object", found[1], Message("object"))


async def adjust(request: Request) -> Outcome:
    """Points are added, for ever, or deducted, by a manager's decision."""
    found, faults = read(_ADJUST, request.body, request.language)
    if faults:
        return Invalid(faults)
    customer_id, caller, engine = found["customerId"], request.caller, request.engine
    points = found["points"] if found["direction"] in _ADD else -found["points"]
    command = Adjust(
        dkey=dkey_of(caller.store_id, customer_id), customer_id=customer_id, origin=caller.origin,
        key=request.key or secrets.token_hex(16), is_keyed=request.key is not None,
        reason=found.get("reason") or None, points=points,
    )  # fmt: skip

    def work(tx: Transaction) -> Outcome:
        is_known = customers.find(tx, caller.store_id, customer_id) is not None
        if not is_known and not is_receipted(tx, command):
            return refusals.CUSTOMER_NOT_FOUND
        (answer,) = post(tx, [command], engine.clock.now())
        if answer.refusal is not None:
            return answer.refusal
        # Of one who was erased the receipt is answered again, but nothing is kept of the words.
        line = adjustment(tx, answer.receipt, command.reason if is_known else None)
        told = request.told("object", _NAME, _ADJUSTED)
        return Adjusted("object", _adjusted(request, line), told)

    return await request.write("adjust points", work)


async def _history(request: Request, customer_id: int) -> tuple[Account, list[HistoryItem]] | None:
    """The account and its lines as they leave; None where there is no such customer."""
    return await request.engine.beside(_shown, request, customer_id)


def _shown(request: Request, customer_id: int) -> tuple[Account, list[HistoryItem]] | None:
    found = history(request.engine, request.caller.store_id, customer_id)
    if found is None:
        return None
    most = request.engine.settings.history_lines
    return found.account, [shown_line(request, line) for line in found.lines[:most]]


def _adjusted(request: Request, line: Line) -> AdjustedItem:
    shown: dict[str, Any] = msgspec.structs.asdict(shown_line(request, line))
    return AdjustedItem(**{name: shown[name] for name in AdjustedItem.__struct_fields__})


REASON_LENGTH_MAX: Final = 500
_READ: Final = "loyalty_program.read"
_MANAGER: Final = "/v1/managers/loyalty-program"
_ID: Final = Field("customerId", "whole", "The customer's id.", 1, least=1, most=ID_MAX)
_CUSTOMER: Final = (_ID,)
_ADJUST: Final = (
    _ID,
    Field("direction", "text", "Whether points are added or deducted.", "+",
          choices=("+", "-", "add", "deduct", "subtract")),
    Field("points", "whole", "How many.", 5, least=1),
    Field("reason", "text", "Why; the customer reads it too.", "gift", False,
          most=REASON_LENGTH_MAX),
)  # fmt: skip

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/v1/customers/loyalty-program/{store}/wallet", "shopper", _READ, wallet,
          "The points of the logged-in customer, and what happened to them.", takes_more=True,
          answer=Wallet),
    Route("GET", f"{_MANAGER}/customers/details", "manager", _READ, details,
          "The points of a customer, and what happened to them.", queries=_CUSTOMER,
          takes_more=True, answer=Details, refusals=(refusals.CUSTOMER_NOT_FOUND,)),
    Route("GET", f"{_MANAGER}/points-history/{{customer_id}}", "manager", _READ, of_customer,
          "What happened to a customer's points.", takes_more=True, answer=Lines,
          refusals=(refusals.CUSTOMER_NOT_FOUND,)),
    Route("POST", f"{_MANAGER}/customers/adjust-customer-points", "manager",
          "loyalty_program.read_write", adjust, "Points are added or deducted by hand.", _ADJUST,
          takes_more=True, answer=Adjusted,
          refusals=(refusals.CUSTOMER_NOT_FOUND, refusals.NOT_ENOUGH_POINTS)),
)  # fmt: skip
