"""The program: on or off, how long points live, what it comes to; for managers and for anybody.

Source: contract, zid-loyalty, sections 4.3, 4.4, 5.1-5.3 and 5.11.
"""

from typing import Final

import msgspec

from nuqta import refusals
from nuqta.api.rules.cashback import CashbackRule, every_rule
from nuqta.api.rules.redemption import RedemptionMethod, every_method
from nuqta.engine import stores
from nuqta.engine.engine import Engine
from nuqta.engine.reading.totals import totals
from nuqta.engine.stores import ProgramWish
from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.customers import plain_digits
from nuqta.loyalty.money import parse_amount
from nuqta.loyalty.program import DAYS_MAX
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.fields import Field, read
from nuqta.web.replies import Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_PROGRAM: Final = english("Loyalty program")
_ON: Final = english("Loyalty Program activation successfully")
_OFF: Final = english("Loyalty Program deactivation successfully")
_EXPIRATION: Final = english("Points expiration")
_EXPIRES: Final = english("Points expiration updated successfully")
_BAD_AMOUNT: Final = english("Send what the order costs as a plain decimal.")


class Status(msgspec.Struct, frozen=True):
    """Whether the program is on."""

    status: str
    loyalty_status: bool
    message: Message


class Switch(msgspec.Struct, frozen=True):
    """What switching came to."""

    status: bool
    activated: bool
    message: str


class Activated(msgspec.Struct, frozen=True):
    """The answer to a program that was switched on or off."""

    status: str
    loyalty_program: Switch
    message: Message


class Expiration(msgspec.Struct, frozen=True):
    """The days that points live, 0 for ever."""

    status: str
    points_expiry_period: int
    message: Message


class ListData(msgspec.Struct, frozen=True):
    """All of a program at once, under the names that Zid gives it, misspellings included."""

    status: str
    cashback_rules: list[CashbackRule]
    redemption_rules: list[RedemptionMethod]
    total_earned_points: int
    total_redemed_points: int
    total_pending_points: int
    total_customers_with_points: int
    expiration_peroid: int
    is_active: bool
    message: Message


class PerOrder(msgspec.Struct, frozen=True):
    """The points that an order earns."""

    status: str
    points: int
    message: Message


async def activate(request: Request) -> Outcome:
    """The program is on or off from now on."""
    found, faults = read(_ACTIVATE, request.body, request.language)
    if faults:
        return Invalid(faults)
    is_on = found["activate"]
    text = _ON if is_on else _OFF

    def work(tx: Transaction) -> Outcome:
        refusal = _change(tx, request, ProgramWish(is_on=is_on))
        told = request.told("object", _PROGRAM, text)
        return refusal or Activated("object", Switch(True, is_on, request.say(text)), told)

    return await request.write("switch the program", work)


async def status(request: Request) -> Outcome:
    """Whether the program is on, for managers."""
    return _status(request, "object")


async def public_status(request: Request) -> Outcome:
    """Whether the program is on, for anybody."""
    return _status(request, "success")


async def expire(request: Request) -> Outcome:
    """The days that points earned from now on live; 0, or null, for ever."""
    sent = request.body
    body = {**sent, "days": 0} if sent.get("days", 0) is None else sent
    found, faults = read(_EXPIRE, body, request.language)
    if faults:
        return Invalid(faults)
    days = found["days"]

    def work(tx: Transaction) -> Outcome:
        refusal = _change(tx, request, ProgramWish(expiry_days=days))
        return refusal or Expiration("object", days, request.told("object", _EXPIRATION, _EXPIRES))

    return await request.write("set the expiration", work)


async def list_data(request: Request) -> Outcome:
    """All of the program at once; the totals are exact at this instant.

    They take long where there are many customers, so they are worked out beside the loop.
    """
    return await request.engine.beside(_listed, request.engine, request.caller.store_id)


def _listed(engine: Engine, store_id: int) -> ListData:
    with engine.vault.snapshot() as tx:
        store, program = stores.known(tx, store_id), stores.program_of(tx, store_id)
        rules, methods = every_rule(tx, store), every_method(tx, store)
        sums = totals(tx, store_id, engine.clock.now())
    return ListData(
        "object", rules, methods, sums.earned, sums.redeemed, sums.pending, sums.customers,
        program.expiry_days, bool(program.is_on), Message("object"),
    )  # fmt: skip


async def per_order(request: Request) -> Outcome:
    """The points that an order of this amount earns, by the rule that is for everybody."""
    with request.engine.vault.snapshot() as tx:
        store = stores.known(tx, request.caller.store_id)
        program = stores.program_of(tx, store.store_id)
        rule = stores.best_rule_for_all(tx, store.store_id) if program.is_on else None
    try:
        amount = parse_amount(plain_digits(request.path["amount"]), store.currency)
    except ValueError:
        return request.invalid("amount", _BAD_AMOUNT)
    points = min(rule.points_for(amount), POINTS_MAX) if rule else 0
    return PerOrder("success", points, Message("success"))


def _status(request: Request, kind: str) -> Status:
    program = stores.program_of(request.engine.vault.reader(), request.caller.store_id)
    return Status(kind, bool(program.is_on), Message(kind))


def _change(tx: Transaction, request: Request, wish: ProgramWish) -> Refusal | None:
    caller = request.caller
    return stores.change_program(
        tx, caller.store_id, wish, request.engine.clock.now(), caller.origin
    )


_READ: Final = "loyalty_program.read"
_WRITE: Final = "loyalty_program.read_write"
_MANAGER: Final = "/v1/managers/loyalty-program"
_ACTIVATE: Final = (Field("activate", "flag", "1 for on, 0 for off.", 1),)
_EXPIRE: Final = (Field("days", "whole", "The days; 0 or null for never.", 365, most=DAYS_MAX),)
_PUBLIC: Final = ("/v2/catalog/customers/loyalty-program", "/v1/customers/loyalty-program")

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", f"{_MANAGER}/activation", "manager", _WRITE, activate,
          "The program is switched on or off.", _ACTIVATE, takes_more=True, answer=Activated,
          refusals=(refusals.NEVER_USABLE,)),
    Route("GET", f"{_MANAGER}/loyalty-status", "manager", _READ, status,
          "Whether the program is on.", takes_more=True, answer=Status),
    Route("POST", f"{_MANAGER}/points-expiration", "manager", _WRITE, expire,
          "How many days points live that are earned from now on.", _EXPIRE, takes_more=True,
          answer=Expiration, refusals=(refusals.NEVER_USABLE,)),
    Route("GET", f"{_MANAGER}/list-data", "manager", _READ, list_data,
          "All of the program: rules, methods and totals.", takes_more=True, answer=ListData),
    *(Route("GET", f"{prefix}/{{store}}/get-points-per-order-total/{{amount}}", "public", "",
            per_order, "The points that an order of this amount earns.", takes_more=True,
            answer=PerOrder) for prefix in _PUBLIC),
    *(Route("GET", f"{prefix}/{{store}}/loyalty-status", "public", "", public_status,
            "Whether the store's program is on.", takes_more=True, answer=Status)
      for prefix in _PUBLIC),
)  # fmt: skip
