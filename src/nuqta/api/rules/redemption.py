"""Redemption methods: what points are worth. Zid's own calls, for managers and for the customer.

Source: contract, zid-loyalty, sections 4.5 and 5.6-5.9.
"""

from fractions import Fraction
from typing import Any, Final

import msgspec

from nuqta import refusals
from nuqta.engine import redemption, stores
from nuqta.engine.stores import Store
from nuqta.loyalty.dates import format_instant
from nuqta.loyalty.redemption import FIXED, PERCENTAGE, WHOLE, Method, MethodWish
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.amounts import (
    BAD_AMOUNT,
    Amount,
    bounds,
    exact_basis_points,
    exact_minor,
    shown_amount,
    shown_percent,
)
from nuqta.web.fields import Field, read
from nuqta.web.replies import Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_NAME: Final = english("Points redemption")
_ADDED: Final = english("Point redemption method added successfully")
_UPDATED: Final = english("Point redemption method updated successfully")
_DELETED: Final = english("Point redemption method deleted successfully")
_ON: Final = english("Point redemption method activated successfully")
_OFF: Final = english("Point redemption method deactivated successfully")
_BAD_PERCENT: Final = english("Send a percentage above 0 and up to 100, with two decimals at most.")


class Reward(msgspec.Struct, frozen=True):
    """The discount: an amount of the store's currency, or a percentage."""

    discount_value: Amount


class Conditions(msgspec.Struct, frozen=True):
    """What a method asks of a basket, and the most that it gives; null for nothing."""

    minimum_basket: Amount | None
    maximum_discount: Amount | None


class RedemptionMethod(msgspec.Struct, frozen=True):
    """A redemption method as Zid shows it."""

    id: str
    external_id: str | None
    store_id: str
    name: str
    points_to_redeem: int
    rule_type: str
    reward: Reward
    conditions: Conditions | None
    is_active: bool
    created_at: str
    updated_at: str
    deleted_at: str | None


class NewMethod(msgspec.Struct, frozen=True):
    """A method that was just made: other keys, in another order, as Zid answers."""

    store_id: str
    external_id: str | None
    name: str
    points_to_redeem: int
    rule_type: str
    reward: Reward
    is_active: bool
    id: str
    updated_at: str
    created_at: str


class Methods(msgspec.Struct, frozen=True):
    """The methods that a customer may choose from."""

    status: str
    point_redemption_methods: list[RedemptionMethod]
    message: Message


class Made(msgspec.Struct, frozen=True):
    """What making a method came to."""

    status: bool
    message: str
    redemption_rule: NewMethod = msgspec.field(name="redemptionRule")


class Added(msgspec.Struct, frozen=True):
    """The answer to a new method."""

    status: str
    points_redemption: Made
    message: Message


class Done(msgspec.Struct, frozen=True):
    """What a change came to."""

    status: bool
    message: str


class Changed(msgspec.Struct, frozen=True):
    """The answer to a method that was changed or deleted."""

    status: str
    points_redemption: Done
    message: Message


class Switched(msgspec.Struct, frozen=True):
    """The answer to a method that was switched on or off."""

    status: str
    redemption_rule: RedemptionMethod
    message: Message


def shown_method(method: Method, store: Store) -> RedemptionMethod:
    """A method as it leaves; its name is its points, as Zid's are."""
    currency = store.currency
    least, most = method.minimum_basket, method.maximum_discount
    conditions = None
    if least or most:
        conditions = Conditions(
            shown_amount(least, currency) if least else None,
            shown_amount(most, currency) if most else None,
        )
    return RedemptionMethod(
        method.method_id,
        method.external_id or None,
        store.uuid,
        str(method.points_to_redeem),
        method.points_to_redeem,
        method.rule_type,
        _reward(method),
        conditions,
        bool(method.is_active),
        format_instant(method.created_at),
        format_instant(method.changed_at),
        None,
    )


def every_method(tx: Transaction, store: Store) -> list[RedemptionMethod]:
    """A store's methods, on and off, the cheapest first."""
    return [shown_method(one, store) for one in redemption.methods_of(tx, store.store_id)]


async def active(request: Request) -> Outcome:
    """The methods that are on."""
    with request.engine.vault.snapshot() as tx:
        methods = every_method(tx, stores.known(tx, request.caller.store_id))
    return Methods("success", [one for one in methods if one.is_active], Message("success"))


async def add(request: Request) -> Outcome:
    """A new method, on at once."""
    store = stores.known(request.engine.vault.reader(), request.caller.store_id)
    read_ = _wish(request, _ADD, store)
    if isinstance(read_, Invalid):
        return read_
    wish, _ = read_
    engine, by = request.engine, request.caller.origin

    def work(tx: Transaction) -> Outcome:
        most, now = engine.settings.methods_per_store, engine.clock.now()
        method = redemption.add_method(tx, store, wish, most, now, by)
        if isinstance(method, Refusal):
            return method
        made = Made(True, request.say(_ADDED), _new(method, store))
        return Added("object", made, request.told("object", _NAME, _ADDED))

    return await request.write("add a redemption method", work)


async def update(request: Request) -> Outcome:
    """A method is something else from now on; carts keep what they were given."""
    store = stores.known(request.engine.vault.reader(), request.caller.store_id)
    read_ = _wish(request, _UPDATE, store)
    if isinstance(read_, Invalid):
        return read_
    wish, method_id = read_

    def work(tx: Transaction) -> Outcome:
        now, by = request.engine.clock.now(), request.caller.origin
        before = redemption.method_of(tx, store.store_id, method_id)
        if isinstance(before, Refusal):
            return before
        kept = msgspec.structs.replace(
            wish,
            minimum_basket=before.minimum_basket,
            maximum_discount=before.maximum_discount if wish.rule_type == PERCENTAGE else 0,
        )
        method = redemption.change_method(tx, store, method_id, kept, now, by)
        return method if isinstance(method, Refusal) else _done(request, _UPDATED)

    return await request.write("change a redemption method", work)


async def delete(request: Request) -> Outcome:
    """A method is no more; what was redeemed with it stays."""
    found, faults = read(_DELETE, request.body, request.language)
    if faults:
        return Invalid(faults)

    def work(tx: Transaction) -> Outcome:
        outcome = redemption.delete_method(
            tx, request.caller.store_id, found["ruleId"], request.engine.clock.now(),
            request.caller.origin,
        )  # fmt: skip
        return outcome if isinstance(outcome, Refusal) else _done(request, _DELETED)

    return await request.write("delete a redemption method", work)


async def switch(request: Request) -> Outcome:
    """A method is offered, or not."""
    found, faults = read(_SWITCH, request.body, request.language)
    if faults:
        return Invalid(faults)
    is_on = found["status"]

    def work(tx: Transaction) -> Outcome:
        store = stores.known(tx, request.caller.store_id)
        method = redemption.switch_method(
            tx, store.store_id, found["redemptionRuleUuid"], is_on, request.engine.clock.now(),
            request.caller.origin,
        )  # fmt: skip
        if isinstance(method, Refusal):
            return method
        told = request.told("object", _NAME, _ON if is_on else _OFF)
        return Switched("object", shown_method(method, store), told)

    return await request.write("switch a redemption method", work)


def _wish(
    request: Request, fields: tuple[Field, ...], store: Store
) -> tuple[MethodWish, str] | Invalid:
    """What a method is to be, and the id of the one that is meant, "" for a new one."""
    found, faults = read(fields, request.body, request.language)
    kind, discount = found.get("config[type]"), 0
    if kind is not None and "config[discount]" in found:
        try:
            discount = _discount(kind, found["config[discount]"], store)
        except ValueError:
            faults["config[discount]"] = [
                request.say(BAD_AMOUNT, **bounds(store.currency))
                if kind == FIXED
                else request.say(_BAD_PERCENT)
            ]
    if faults:
        return Invalid(faults)
    currency = found.get("config[currency]", store.currency)
    try:
        wish = MethodWish(found["config[type]"], found["config[points]"], discount, currency)
    except ValueError:
        return request.invalid("config[currency]", _BAD_CURRENCY)
    return wish, found.get("ruleId", "")


def _discount(kind: str, value: Fraction, store: Store) -> int:
    if kind == FIXED:
        return exact_minor(value, store.currency)
    found = exact_basis_points(value)
    if not 1 <= found <= WHOLE:
        raise ValueError("a percentage is above 0 and up to 100")
    return found


def _reward(method: Method) -> Reward:
    if method.rule_type == FIXED:
        return Reward(shown_amount(method.discount, method.currency))
    return Reward(shown_percent(method.discount))


def _new(method: Method, store: Store) -> NewMethod:
    shown: dict[str, Any] = msgspec.structs.asdict(shown_method(method, store))
    return NewMethod(**{name: shown[name] for name in NewMethod.__struct_fields__})


def _done(request: Request, text: str) -> Changed:
    return Changed("object", Done(True, request.say(text)), request.told("object", _NAME, text))


_BAD_CURRENCY: Final = english("Send a currency of ISO 4217, such as SAR.")
_ID: Final = "c5ed20de-fe99-40b8-9fee-36b05b1a8436"
_CONFIG: Final = (
    Field("config[type]", "text", "A fixed amount or a percentage.", FIXED, least=1, most=64,
          choices=(FIXED, PERCENTAGE)),
    Field("config[discount]", "amount", "The amount, or the percentage.", "10"),
    Field("config[points]", "whole", "The points that it costs.", 150, least=1),
    Field("config[currency]", "text", "The store's own currency.", None, False, most=8),
)  # fmt: skip
_RULE_ID: Final = Field("ruleId", "text", "The method's id.", _ID, least=1, most=64)
_ADD: Final = _CONFIG
_UPDATE: Final = (_RULE_ID, *_CONFIG)
_DELETE: Final = (_RULE_ID,)
_SWITCH: Final = (
    Field("redemptionRuleUuid", "text", "The method's id.", _ID, least=1, most=64),
    Field("status", "flag", "1 for on, 0 for off.", 1),
)
_METHODS: Final = "/v1/managers/loyalty-program/points-redemption"
_WRITE: Final = "loyalty_program.read_write"
_UNKNOWN: Final = (refusals.METHOD_NOT_FOUND,)
_REFUSED: Final = (refusals.METHOD_NOT_FOUND, refusals.CURRENCY_MISMATCH)

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/v1/customers/loyalty-program/{store}/point-redemption-methods", "shopper",
          "loyalty_program.read", active, "The redemption methods that a customer may choose from.",
          takes_more=True, answer=Methods),
    Route("POST", _METHODS, "manager", _WRITE, add, "A new redemption method.", _ADD,
          takes_more=True, answer=Added,
          refusals=(refusals.CURRENCY_MISMATCH, refusals.TOO_MANY_METHODS)),
    Route("POST", f"{_METHODS}/update", "manager", _WRITE, update,
          "A redemption method is changed.", _UPDATE,
          takes_more=True, answer=Changed, refusals=_REFUSED),
    Route("POST", f"{_METHODS}/delete", "manager", _WRITE, delete,
          "A redemption method is deleted.", _DELETE,
          takes_more=True, answer=Changed, refusals=_UNKNOWN),
    Route("PUT", f"{_METHODS}/update-status", "manager", _WRITE, switch,
          "A redemption method is switched on or off.", _SWITCH,
          takes_more=True, answer=Switched, refusals=_UNKNOWN),
)  # fmt: skip
