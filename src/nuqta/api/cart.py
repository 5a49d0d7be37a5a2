"""Redemption in a cart: a method is applied, or taken out again.

Zid's own calls carry no idempotency key: the cart is the key, since it has at most one live hold.
A call that has one keeps to it. Source: contract, zid-loyalty, sections 4.7 and 4.8.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from nuqta import refusals
from nuqta.engine import redemption, stores
from nuqta.engine.redemption import CART_LENGTH_MAX, CartWish
from nuqta.ledger.commands import Answer
from nuqta.ledger.holds import Hold
from nuqta.loyalty.money import Minor, exact_amount, minor_of
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.web.negotiation import ARABIC
from nuqta.web.routes import Invalid, Outcome, Request

_CART = re.compile(rf"[\x21-\x7e]{{1,{CART_LENGTH_MAX}}}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TEXTS: Final = {
    "added": ("Loyalty points applied successfully", "تم تطبيق نقاط الولاء بنجاح"),
    "removed": ("Loyalty points removed successfully", "تم إزالة نقاط الولاء بنجاح"),
}
_NO_CART: Final = (
    f"Send the cart's id, 1 to {CART_LENGTH_MAX} plain characters.",
    f"أرسل معرف السلة، من 1 إلى {CART_LENGTH_MAX} حرفا عاديا.",
)
_NO_METHOD: Final = ("Send the redemption method with its id.", "أرسل طريقة الاستبدال مع معرفها.")
_NO_TOTAL: Final = (
    "Send what the cart's products cost as a plain decimal.", "أرسل قيمة منتجات السلة كعدد عشري.",
)  # fmt: skip
_NO_KEY: Final = (
    "A key has 1 to 255 plain characters.", "يتكون المفتاح من 1 إلى 255 حرفا عاديا.",
)  # fmt: skip


async def add(request: Request) -> Outcome:
    """The method's points are set aside for the cart, in place of what was applied before."""
    named = _named(request)
    if isinstance(named, Invalid):
        return named
    cart, key = named
    method = request.body.get("point_redemption_method")
    method_id = method.get("id") if isinstance(method, Mapping) else method
    if not isinstance(method_id, str) or not method_id:
        return _invalid(request, "point_redemption_method", _NO_METHOD)
    engine, shopper, caller = request.engine, request.shopper, request.caller
    store = stores.find(engine.vault.reader(), str(caller.store_id))
    if shopper is None or store is None:
        return refusals.SESSION_MISSING
    try:
        basket = _basket(request.body.get("cart_total"), store.currency)
    except ValueError:
        return _invalid(request, "cart_total", _NO_TOTAL)
    wish = CartWish(shopper.customer_id, cart, method_id[:64], basket, key)

    def work(tx: Transaction) -> Hold | Refusal:
        most, now = engine.settings.holds_per_customer, engine.clock.now()
        return redemption.apply(tx, store, wish, most, now, caller.origin)

    outcome = await engine.door.write("apply a redemption", work)
    return outcome if isinstance(outcome, Refusal) else _done(request, "added")


async def remove(request: Request) -> Outcome:
    """The cart's points are given back; a cart without any is left as it is."""
    named = _named(request)
    if isinstance(named, Invalid):
        return named
    cart, key = named
    engine, shopper, caller = request.engine, request.shopper, request.caller
    if shopper is None:
        return refusals.SESSION_MISSING

    def work(tx: Transaction) -> Answer:
        return redemption.remove(
            tx, caller.store_id, shopper.customer_id, cart, engine.clock.now(), caller.origin, key
        )

    answer = await engine.door.write("remove a redemption", work)
    return answer.refusal or _done(request, "removed")


def _named(request: Request) -> tuple[str, str | None] | Invalid:
    """The cart and, where there is one, the key of a call."""
    cart = request.headers.get(b"cart-session-id", b"").decode("latin-1")
    if _CART.fullmatch(cart) is None:
        return _invalid(request, "CART-SESSION-ID", _NO_CART)
    sent = request.headers.get(b"idempotency-key")
    if sent is None:
        return cart, None
    key = sent.decode("latin-1")
    if _KEY.fullmatch(key) is None:
        return _invalid(request, "Idempotency-Key", _NO_KEY)
    return cart, key


def _basket(sent: object, currency: str) -> Minor | None:
    """What the cart's products cost, where the caller says it; then the method's least basket is
    asked for and its discount is known. Raises ValueError."""
    if sent is None:
        return None
    amount = exact_amount(sent)
    if amount < 0:
        raise ValueError("a basket costs nothing or more")
    return minor_of(amount, currency)


def _invalid(request: Request, field: str, sentences: tuple[str, str]) -> Invalid:
    return Invalid({field: [sentences[1 if request.language == ARABIC else 0]]})


def _done(request: Request, what: str) -> dict[str, Any]:
    english, arabic = _TEXTS[what]
    message = arabic if request.language == ARABIC else english
    return {"code": "SUCCESS_WITHOUT_PAYLOAD", "message": message}
