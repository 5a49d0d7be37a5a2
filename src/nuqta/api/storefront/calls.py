"""The loyalty part of a cart, as Zid's themes call it under the shop's own address.

Source: contract, decisions, section 5; zid-loyalty, section 6.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nuqta import refusals
from nuqta.api.cart import CART_ID, NO_CART, give_back, set_aside
from nuqta.api.history import HistoryItem, shown_line
from nuqta.api.rules.redemption import RedemptionMethod, every_method
from nuqta.engine import customers, stores
from nuqta.engine.reading import balances
from nuqta.engine.reading.history import history
from nuqta.engine.redemption import CART_LENGTH_MAX, CartWish
from nuqta.ledger.instants import POINTS_MAX
from nuqta.loyalty.cashback import best
from nuqta.loyalty.customers import tags_of
from nuqta.loyalty.money import MINOR_MAX, minor_of
from nuqta.texts import english
from nuqta.web.fields import Field, read
from nuqta.web.guard import Shopper
from nuqta.web.routes import Invalid, Outcome, Request, Route

_IDS = re.compile(r"method_ids(\[[0-9]{0,3}\])?")
CART: Final = "storefront"
"""The cart of a browser that names none: a customer has one of it."""
_ONE: Final = english("Send the id of one redemption method, in a list.")
_TOO_MUCH: Final = english("Send what the cart costs as a plain decimal.")
_PAGE_SIZE: Final = 24


class Balance(msgspec.Struct, frozen=True):
    """The points that can be spent now."""

    balance: int


class Calculated(msgspec.Struct, frozen=True):
    """The points that this cart would earn."""

    points: int


class Options(msgspec.Struct, frozen=True):
    """The methods that a customer may choose from."""

    options: list[RedemptionMethod]


class Applied(msgspec.Struct, frozen=True):
    """The cart is as was wished."""

    ok: bool
    code: str
    message: str


class WalletPage(msgspec.Struct, frozen=True):
    """A page of what happened to the customer's points, the latest first."""

    results: list[HistoryItem]
    count: int
    page: int
    page_size: int


async def balance(request: Request) -> Outcome:
    """The logged-in customer's points."""
    customer_id = _shopper(request).customer_id
    found = balances.show(request.engine, request.caller.store_id, customer_id)
    return Balance(found.available if found else 0)


async def calculate(request: Request) -> Outcome:
    """What a cart would earn for this customer, by the rule that rewards most."""
    found, faults = read(_TOTAL, request.query, request.language)
    if faults:
        return Invalid(faults)
    store_id, customer_id = request.caller.store_id, _shopper(request).customer_id
    with request.engine.vault.snapshot() as tx:
        store, program = stores.known(tx, store_id), stores.program_of(tx, store_id)
        customer = customers.find(tx, store_id, customer_id)
        rules = stores.rules_of(tx, store_id) if program.is_on else []
    try:
        total = minor_of(found["cart_total"], store.currency)
    except ValueError:
        return request.invalid("cart_total", _TOO_MUCH)
    tags = tags_of(customer) if customer else frozenset[str]()
    rule = best(rules, "online", tags, customer.level if customer else "")
    return Calculated(min(rule.points_for(min(total, MINOR_MAX)), POINTS_MAX) if rule else 0)


async def options(request: Request) -> Outcome:
    """The methods that are on, the cheapest first."""
    with request.engine.vault.snapshot() as tx:
        methods = every_method(tx, stores.known(tx, request.caller.store_id))
    return Options([one for one in methods if one.is_active])


async def apply(request: Request) -> Outcome:
    """One method's points are set aside for the cart, in place of what was applied before."""
    cart = _cart(request)
    if cart is None:
        return request.invalid("CART-SESSION-ID", NO_CART)
    ids = _ids(request.body)
    if len(ids) != 1 or not isinstance(ids[0], str) or not ids[0]:
        return request.invalid("method_ids", _ONE)
    wish = CartWish(_shopper(request).customer_id, cart, ids[0][:64], None, request.key)
    return await set_aside(request, wish, _done)


async def remove(request: Request) -> Outcome:
    """The cart's points are given back; a cart without any is left as it is."""
    cart = _cart(request)
    if cart is None:
        return request.invalid("CART-SESSION-ID", NO_CART)
    return await give_back(request, _shopper(request).customer_id, cart, _done)


async def wallet(request: Request) -> Outcome:
    """A page of what happened to the customer's points."""
    found, faults = read(_PAGE, request.query, request.language)
    if faults:
        return Invalid(faults)
    page, size = found.get("page", 1), found.get("page_size", _PAGE_SIZE)
    shopper = _shopper(request)
    told = await request.engine.beside(
        history, request.engine, request.caller.store_id, shopper.customer_id
    )
    lines = told.lines if told else []
    shown = [shown_line(request, line) for line in lines[(page - 1) * size : page * size]]
    return WalletPage(shown, len(lines), page, size)


def _shopper(request: Request) -> Shopper:
    if request.shopper is None:
        raise LookupError("a storefront's call came without a customer")
    return request.shopper


def _cart(request: Request) -> str | None:
    """The cart that a call is about; None where it names one that cannot be."""
    sent = request.headers.get(b"cart-session-id")
    if not sent:
        return CART
    cart = sent.decode("latin-1")
    return cart if CART_ID.fullmatch(cart) else None


def _ids(body: Mapping[str, Any]) -> list[Any]:
    """What was sent as `method_ids`: a list, or, as forms have them, `method_ids[]` and
    `method_ids[0]`."""
    ids: list[Any] = []
    for name, value in body.items():
        if _IDS.fullmatch(name):
            ids += value if isinstance(value, list) else [value]
    return ids


def _done(request: Request, text: str) -> Applied:
    return Applied(True, "SUCCESS_WITHOUT_PAYLOAD", request.say(text))


_PATH: Final = "/api/v1/cart/loyalty"
_TOTAL: Final = (Field("cart_total", "amount", "What the cart costs.", "250.75"),)
_PAGE: Final = (
    Field("page", "whole", "The page, from 1.", 1, False, least=1, most=1_000_000),
    Field("page_size", "whole", "How many lines a page has.", _PAGE_SIZE, False, least=1,
          most=100),
)  # fmt: skip
_METHODS: Final = (Field("method_ids", "any", "The id of one method, in a list."),)
_CART_HEADER: Final = (
    Field("CART-SESSION-ID", "text", "The cart; one of the customer's own where left out.",
          "c0ffee", False, 1, CART_LENGTH_MAX),
)  # fmt: skip
_REFUSED: Final = (
    refusals.METHOD_NOT_FOUND, refusals.PROGRAM_OFF, refusals.BASKET_TOO_SMALL,
    refusals.NOT_ENOUGH_POINTS, refusals.POINTS_OWED, refusals.TOO_MANY_HOLDS,
    refusals.ORIGIN_REFUSED,
)  # fmt: skip

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", f"{_PATH}/balance", "storefront", "", balance,
          "The points that the customer can spend now.", takes_more=True, answer=Balance),
    Route("GET", f"{_PATH}/calculate", "storefront", "", calculate,
          "The points that a cart would earn.", queries=_TOTAL, takes_more=True,
          answer=Calculated),
    Route("GET", f"{_PATH}/redemption-options", "storefront", "", options,
          "The redemption methods that the customer may choose from.", takes_more=True,
          answer=Options),
    Route("POST", f"{_PATH}/redemptions", "storefront", "", apply,
          "A redemption method is applied to the cart.", _METHODS, takes_more=True,
          answer=Applied, refusals=_REFUSED, headers=_CART_HEADER),
    Route("DELETE", f"{_PATH}/redemptions", "storefront", "", remove,
          "The redemption leaves the cart.", takes_more=True, answer=Applied,
          refusals=(refusals.ORIGIN_REFUSED,), headers=_CART_HEADER),
    Route("GET", f"{_PATH}/wallet", "storefront", "", wallet,
          "What happened to the customer's points, in pages.", queries=_PAGE, takes_more=True,
          answer=WalletPage),
)  # fmt: skip
