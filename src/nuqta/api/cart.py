"""Redemption in a cart: a method is applied, or taken out again.

Zid's own calls carry no idempotency key: the cart is the key, since it has at most one live hold.
A call that has one keeps to it. Source: contract, zid-loyalty, sections 4.7 and 4.8.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec

from nuqta import refusals
from nuqta.engine import redemption, stores
from nuqta.engine.redemption import CART_LENGTH_MAX, CartWish
from nuqta.loyalty.money import Minor, exact_amount, minor_of
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.fields import Field
from nuqta.web.routes import Answer, Outcome, Request, Route

CART_ID: Final = re.compile(rf"[\x21-\x7e]{{1,{CART_LENGTH_MAX}}}")
_ADDED: Final = english("Loyalty points applied successfully")
_REMOVED: Final = english("Loyalty points removed successfully")
NO_CART: Final = english("Send the cart's id, 1 to 128 plain characters.")
_NO_METHOD: Final = english("Send the redemption method with its id.")
_NO_TOTAL: Final = english("Send what the cart's products cost as a plain decimal.")


class CartAnswer(msgspec.Struct, frozen=True):
    """The cart is as was wished; `message` says so."""

    code: Literal["SUCCESS_WITHOUT_PAYLOAD"]
    message: str


async def add(request: Request) -> Outcome:
    """The method's points are set aside for the cart, in place of what was applied before."""
    cart = request.headers.get(b"cart-session-id", b"").decode("latin-1")
    if CART_ID.fullmatch(cart) is None:
        return request.invalid("CART-SESSION-ID", NO_CART)
    method = request.body.get("point_redemption_method")
    method_id = method.get("id") if isinstance(method, Mapping) else method
    if not isinstance(method_id, str) or not method_id:
        return request.invalid("point_redemption_method", _NO_METHOD)
    shopper = request.shopper
    store = stores.find(request.engine.vault.reader(), str(request.caller.store_id))
    if shopper is None or store is None:
        return refusals.SESSION_MISSING
    try:
        basket = _basket(request.body.get("cart_total"), store.currency)
    except ValueError:
        return request.invalid("cart_total", _NO_TOTAL)
    wish = CartWish(shopper.customer_id, cart, method_id[:64], basket, request.key)
    return await set_aside(request, wish, _done)


async def remove(request: Request) -> Outcome:
    """The cart's points are given back; a cart without any is left as it is."""
    cart = request.headers.get(b"cart-session-id", b"").decode("latin-1")
    if CART_ID.fullmatch(cart) is None:
        return request.invalid("CART-SESSION-ID", NO_CART)
    shopper = request.shopper
    if shopper is None:
        return refusals.SESSION_MISSING
    return await give_back(request, shopper.customer_id, cart, _done)


async def set_aside(
    request: Request, wish: CartWish, done: Callable[[Request, str], Answer]
) -> Outcome:
    """A method's points are set aside for a cart; `done` makes the answer of a text."""
    engine, caller = request.engine, request.caller

    def work(tx: Transaction) -> Outcome:
        store = stores.known(tx, caller.store_id)
        most, now = engine.settings.holds_per_customer, engine.clock.now()
        outcome = redemption.apply(tx, store, wish, most, now, caller.origin)
        return outcome if isinstance(outcome, Refusal) else done(request, _ADDED)

    return await request.write("apply a redemption", work)


async def give_back(
    request: Request, customer_id: int, cart: str, done: Callable[[Request, str], Answer]
) -> Outcome:
    """A cart's points are given back; `done` makes the answer of a text."""
    engine, caller = request.engine, request.caller

    def work(tx: Transaction) -> Outcome:
        answer = redemption.remove(
            tx, caller.store_id, customer_id, cart, engine.clock.now(), caller.origin, request.key
        )
        return answer.refusal or done(request, _REMOVED)

    return await request.write("remove a redemption", work)


def _basket(sent: object, currency: str) -> Minor | None:
    """What the cart's products cost, where the caller says it; then the method's least basket is
    asked for and its discount is known. Raises ValueError."""
    if sent is None:
        return None
    amount = exact_amount(sent)
    if amount < 0:
        raise ValueError("a basket costs nothing or more")
    return minor_of(amount, currency)


def _done(request: Request, text: str) -> CartAnswer:
    return CartAnswer("SUCCESS_WITHOUT_PAYLOAD", request.say(text))


_PATH: Final = "/v1/stores/{store}/carts/loyalty-redemption-method"
_SCOPE: Final = "loyalty_program.read"
_FIELDS: Final = (
    Field("point_redemption_method", "any", "The method, whole or its id alone."),
    Field("cart_total", "amount", "What the cart's products cost.", "250.75", False),
)
_HEADERS: Final = (
    Field("CART-SESSION-ID", "text", "The cart.", "c0ffee", True, 1, CART_LENGTH_MAX),
)

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", f"{_PATH}/add", "shopper", _SCOPE, add,
          "A redemption method is applied to a cart.", _FIELDS, takes_more=True,
          answer=CartAnswer, headers=_HEADERS,
          refusals=(
              refusals.METHOD_NOT_FOUND, refusals.PROGRAM_OFF, refusals.BASKET_TOO_SMALL,
              refusals.NOT_ENOUGH_POINTS, refusals.POINTS_OWED, refusals.TOO_MANY_HOLDS,
          )),
    Route("POST", f"{_PATH}/remove", "shopper", _SCOPE, remove,
          "The redemption leaves the cart.", takes_more=True, answer=CartAnswer,
          headers=_HEADERS),
)  # fmt: skip
