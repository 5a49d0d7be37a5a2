"""Cashback rules: what orders earn. Zid's own calls, for managers and for the logged-in customer.

Source: contract, zid-loyalty, sections 4.6, 5.4, 5.5 and 5.11.
"""

from fractions import Fraction
from typing import Final

import msgspec

from nuqta import refusals
from nuqta.engine import stores
from nuqta.engine.stores import RuleWish, Store
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.dates import format_instant
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.amounts import BAD_AMOUNT, Amount, bounds, exact_minor, shown_amount
from nuqta.web.fields import Field, read
from nuqta.web.replies import Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_NAME: Final = english("Points collection")
_UPDATED: Final = english("Points collection updated successfully")
_ON: Final = english("Points collection method activated successfully")
_OFF: Final = english("Points collection method deactivated successfully")


class Level(msgspec.Struct, frozen=True, rename="camel"):
    """The level that a rule asks for."""

    level_id: str | None
    level_name: str | None


class AvailableTo(msgspec.Struct, frozen=True):
    """Whom a rule is for: customers who have one of the tags, and the level."""

    tags: list[str]
    level: Level


class CashbackRule(msgspec.Struct, frozen=True):
    """A cashback rule as Zid shows it: `points_rewarded` for each `amount_to_spend`."""

    id: str
    external_id: str | None
    store_id: str
    points_rewarded: int
    amount_to_spend: Amount
    available_to: AvailableTo | None
    is_active: bool
    created_at: str
    updated_at: str
    deleted_at: str | None


class Rules(msgspec.Struct, frozen=True):
    """The rules by which the customer's orders earn."""

    status: str
    point_cahsback_rules: list[CashbackRule]
    message: Message


class Collection(msgspec.Struct, frozen=True):
    """What a change came to, with every rule of the store."""

    status: bool
    message: str
    is_cashback_enabled: bool
    points_collection_methods_list: list[CashbackRule]


class Updated(msgspec.Struct, frozen=True):
    """The answer to a changed rule."""

    status: str
    data: Collection
    message: Message


class Activation(msgspec.Struct, frozen=True):
    """What a switch came to, with every rule of the store."""

    status: bool
    message: str
    points_collection_methods_list: list[CashbackRule]


class Switched(msgspec.Struct, frozen=True):
    """The answer to a rule that was switched on or off."""

    status: str
    activation: Activation
    message: Message


def shown_rule(rule: Rule, store: Store) -> CashbackRule:
    """A rule as it leaves. The rule of the till asks for nobody in particular, and says nothing."""
    level = Level(rule.level or None, rule.level_name or None)
    is_for_all = rule.channel == "pos" and not rule.limited_to and not rule.level
    return CashbackRule(
        rule.rule_id,
        rule.external_id or None,
        store.uuid,
        rule.points_rewarded,
        shown_amount(rule.amount_to_spend, store.currency),
        None if is_for_all else AvailableTo(sorted(rule.limited_to), level),
        bool(rule.is_active),
        format_instant(rule.created_at),
        format_instant(rule.changed_at),
        None,
    )


def every_rule(tx: Transaction, store: Store) -> list[CashbackRule]:
    """A store's rules, on and off, the oldest first."""
    rules = sorted(
        stores.rules_of(tx, store.store_id), key=lambda one: (one.created_at, one.channel)
    )
    return [shown_rule(rule, store) for rule in rules]


async def active(request: Request) -> Outcome:
    """The rules that are on."""
    with request.engine.vault.snapshot() as tx:
        rules = every_rule(tx, stores.known(tx, request.caller.store_id))
    return Rules("success", [rule for rule in rules if rule.is_active], Message("success"))


async def update(request: Request) -> Outcome:
    """A rule earns otherwise from now on; awards that were made stay."""
    found, faults = read(_UPDATE, request.body, request.language)
    reader = request.engine.vault.reader()
    store = stores.known(reader, request.caller.store_id)
    minor = _minor(found.get("config[money]"), store)
    if minor is None and "config[money]" in found:
        faults["config[money]"] = [request.say(BAD_AMOUNT, **bounds(store.currency))]
    if faults:
        return Invalid(faults)
    wish = RuleWish(found["config[points]"], minor)

    def work(tx: Transaction) -> Outcome:
        refusal = _changed(tx, request, found["ruleId"], wish)
        if refusal is not None:
            return refusal
        rules, text = every_rule(tx, store), request.say(_UPDATED)
        is_on = any(rule.is_active for rule in rules)
        told = request.told("object", _NAME, _UPDATED)
        return Updated("object", Collection(True, text, is_on, rules), told)

    return await request.write("change a cashback rule", work)


async def switch(request: Request) -> Outcome:
    """A rule is on or off from now on."""
    found, faults = read(_SWITCH, request.body, request.language)
    if faults:
        return Invalid(faults)
    text = _ON if found["activate"] else _OFF

    def work(tx: Transaction) -> Outcome:
        refusal = _changed(tx, request, found["ruleId"], RuleWish(is_active=found["activate"]))
        if refusal is not None:
            return refusal
        rules = every_rule(tx, stores.known(tx, request.caller.store_id))
        told = request.told("object", _NAME, text)
        return Switched("object", Activation(True, request.say(text), rules), told)

    return await request.write("switch a cashback rule", work)


def _changed(tx: Transaction, request: Request, rule_id: str, wish: RuleWish) -> Refusal | None:
    outcome = stores.change_rule(
        tx, request.caller.store_id, rule_id, wish, request.engine.clock.now(),
        request.caller.origin,
    )  # fmt: skip
    return outcome if isinstance(outcome, Refusal) else None


def _minor(amount: Fraction | None, store: Store) -> int | None:
    try:
        return None if amount is None else exact_minor(amount, store.currency)
    except ValueError:
        return None


_ID: Final = "b1e3ca5d-2a89-4993-89bf-0f31a4b70b00"
_RULE_ID: Final = Field("ruleId", "text", "The rule's id.", _ID, least=1, most=64)
_UPDATE: Final = (
    _RULE_ID,
    Field("config[money]", "amount", "The amount to spend, in the store's currency.", "100"),
    Field("config[points]", "whole", "The points that it earns.", 1, least=1),
)
_SWITCH: Final = (_RULE_ID, Field("activate", "flag", "1 for on, 0 for off.", 1))
_COLLECTION: Final = "/v1/managers/loyalty-program/points-collection"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/v1/customers/loyalty-program/{store}/point-cashback-rules", "shopper",
          "loyalty_program.read", active, "The cashback rules by which orders earn points.",
          takes_more=True, answer=Rules),
    Route("POST", f"{_COLLECTION}/update", "manager", "loyalty_program.read_write", update,
          "A cashback rule is changed: the amount to spend, and the points for it.", _UPDATE,
          takes_more=True, answer=Updated, refusals=(refusals.RULE_NOT_FOUND,)),
    Route("PUT", f"{_COLLECTION}/update-status", "manager", "loyalty_program.read_write", switch,
          "A cashback rule is switched on or off.", _SWITCH,
          takes_more=True, answer=Switched, refusals=(refusals.RULE_NOT_FOUND,)),
)  # fmt: skip
