"""Orders in: Zid's webhooks as Zid sends them, and plain orders from any other shop.

Both become the same events and enter at the same door. What cannot be understood or taken in is
answered with the field's name and kept for a person to look at; only then is the answer given.
Source: contract, zid-loyalty, sections 8 and 9.1; design, ledger, section 5.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from nuqta import refusals
from nuqta.engine import attention, orders, stores
from nuqta.engine.door import RolledBack
from nuqta.engine.orders import Taken
from nuqta.engine.stores import Store
from nuqta.ledger.instants import SECOND_US
from nuqta.loyalty import plain_orders, zid_orders
from nuqta.loyalty.order_fields import BadOrder, Decoded
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.web.fields import Field
from nuqta.web.replies import Acknowledged, Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_ZID: Final = "zid"
_SOURCE_LENGTH_MAX: Final = 200


class TakenOrder(msgspec.Struct, frozen=True):
    """What an order comes to by all that is told of it: its points, and why it needs a person."""

    order_id: str
    customer_id: int
    status: str
    points_earned: int
    points_kept: int
    points_redeemed: int
    points_returned: int
    needs_attention: list[str]
    is_replay: bool


class OrderAnswer(msgspec.Struct, frozen=True):
    """The order was taken in."""

    status: Literal["object"]
    order: TakenOrder
    message: Message


class _Refused(RolledBack):
    """An order was refused: what it told of its customer is rolled back with it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


async def from_zid(request: Request) -> Outcome:
    """An order webhook of Zid's; the full order is its body."""
    store = _store(request)
    named = zid_orders.store_named(request.body)
    if named is not None and _is_another(request, store, named):
        return await _kept(request, _ZID, refusals.ORDER_OF_ANOTHER_STORE)
    settings, now = request.engine.settings, request.engine.clock.now()
    decoded = zid_orders.decode(
        request.body, store.currency, store.timezone, now, settings.order_skew_seconds * SECOND_US
    )
    return await _taken_in(
        request, store, decoded, _ZID,
        lambda taken: Acknowledged("success", _message(request, "success")),
    )  # fmt: skip


async def plain(request: Request) -> Outcome:
    """An order of any other shop, as it stands; the path names it."""
    store = _store(request)
    settings, now = request.engine.settings, request.engine.clock.now()
    decoded = plain_orders.decode(
        request.body, request.path["order_id"], store.currency, store.timezone, now,
        settings.order_skew_seconds * SECOND_US,
    )  # fmt: skip

    def answer(taken: Taken) -> OrderAnswer:
        order = taken.order
        shown = TakenOrder(
            order.order_key, order.customer_id, taken.status, taken.earned, taken.kept,
            taken.redeemed, taken.returned, order.troubles.split(), taken.is_replay,
        )  # fmt: skip
        return OrderAnswer("object", shown, _message(request, "object"))

    return await _taken_in(request, store, decoded, _source(request), answer)


async def unreadable(request: Request, refusal: Refusal) -> Refusal:
    """A body that is no JSON and no form: kept as it came."""
    outcome = await _kept(request, _source(request), refusal)
    return outcome if isinstance(outcome, Refusal) else refusal


def _source(request: Request) -> str:
    """Where an order comes from; a plain one's number stands nowhere but in its path. NUL, which no
    number has and not every database keeps in a text, is shown by its symbol."""
    number = request.path.get("order_id")
    if number is None:
        return _ZID
    return f"plain:{number}"[:_SOURCE_LENGTH_MAX].replace("\0", "\N{SYMBOL FOR NULL}")


async def _taken_in(
    request: Request,
    store: Store,
    decoded: Decoded | BadOrder,
    source: str,
    answer: Callable[[Taken], Outcome],
) -> Outcome:
    if isinstance(decoded, BadOrder):
        return await _kept(request, source, decoded)
    engine = request.engine
    settings, origin = engine.settings, request.caller.origin

    def work(tx: Transaction) -> Outcome:
        now = engine.clock.now()
        (outcome,) = orders.take_in(
            tx,
            store,
            [decoded],
            now,
            origin,
            events_max=settings.order_events,
            facts_max=settings.order_kibibytes * 1_024,
        )
        if isinstance(outcome, Refusal):
            raise _Refused(outcome)
        return answer(outcome)

    try:
        return await request.write("take in an order", work)
    except _Refused as refused:
        number = decoded.event.order_key
        return await _kept(request, source, refused.refusal, number)


async def _kept(
    request: Request, source: str, refused: Refusal | BadOrder, number: str = ""
) -> Refusal | Invalid:
    return await request.engine.door.write(
        "keep a refused order", lambda tx: _keep(tx, request, source, refused, number)
    )


def _keep(
    tx: Transaction, request: Request, source: str, refused: Refusal | BadOrder, number: str
) -> Refusal | Invalid:
    """Keep what came, and say what is wrong; where no more can be kept, ask to send it again.

    Of an order of somebody who was erased, its number alone is kept.
    """
    fields = refused.fields if isinstance(refused, BadOrder) else {}
    refusal = refused.refusal if isinstance(refused, BadOrder) else refused
    is_erased = refusal is refusals.CUSTOMER_ERASED
    kept = {"order": number} if is_erased else fields
    is_kept = attention.keep_refused(
        tx, request.caller.store_id, source, refusal.code, msgspec.json.encode(kept).decode(),
        request.raw, request.engine.settings.orders_refused, request.engine.clock.now(),
        without_body=is_erased,
    )  # fmt: skip
    if not is_kept:
        return refusals.SERVICE_UNAVAILABLE
    if not fields:
        return refusal
    told = {_shown(path): [request.say(text)] for path, text in fields.items()}
    return Invalid(told, refusal)


def _shown(path: str) -> str:
    """The envelope has fields of its own, which hide an order's of the same name."""
    return f"order.{path}" if path in ("status", "error_code", "message") else path


def _store(request: Request) -> Store:
    store = stores.find(request.engine.vault.reader(), str(request.caller.store_id))
    if store is None:
        raise LookupError(f"store {request.caller.store_id} proved itself and is gone")
    return store


def _is_another(request: Request, store: Store, named: str) -> bool:
    """Whether an order names a store of this database that it was not sent to. Zid's own numbers
    mean nothing here unless a store was made with them."""
    other = stores.find(request.engine.vault.reader(), named)
    return other is not None and other.store_id != store.store_id


def _message(request: Request, kind: str) -> Message:
    return request.told(kind, "Order", "The order was received")


_BAD_ORDER: Final = (
    refusals.CURRENCY_MISMATCH, refusals.QUANTITY_INVALID, refusals.AMOUNT_INVALID,
    refusals.TOTALS_MISMATCH, refusals.DATE_INVALID, refusals.EFFECTIVE_IN_FUTURE,
    refusals.STATUS_UNKNOWN, refusals.RETURN_TOO_LARGE, refusals.POINTS_OUT_OF_RANGE,
    refusals.ORDER_OF_ANOTHER_CUSTOMER, refusals.ORDER_TOO_LONG, refusals.BALANCE_TOO_LARGE,
    refusals.CUSTOMER_ERASED,
)  # fmt: skip
_PLAIN: Final = (
    Field("customer", "any", "The customer: id, and name, email, mobile, tags, level.", {"id": 1}),
    Field("currency", "text", "The store's currency.", "SAR"),
    Field(
        "lines", "any",
        "What was bought: id or product, quantity, unit_price without tax, and tax, discount and"
        " returned for the whole line.",
        [{"product": "a", "quantity": 2, "unit_price": "75", "tax": "22.50"}],
    ),
    Field("status", "text", "The order's status, such as new or delivered.", "new"),
    Field("updated_at", "text", "When the order last changed.", "2026-03-01T09:00:00Z"),
    Field("placed_at", "text", "When it was placed.", None, False),
    Field("created_at", "text", "The same, under another name.", None, False),
    Field("delivered_at", "text", "When it was delivered.", None, False),
    Field("shipping", "any", "What shipping cost, or its amount and tax.", None, False),
    Field("total", "amount", "What was paid; checked where it is sent.", None, False),
    Field("channel", "text", "online or pos.", "online", False),
    Field("cart_session_id", "text", "The cart that it was.", None, False),
    Field("loyalty_redemption", "amount", "What points paid of it.", None, False),
    Field("redeemed_points", "whole", "The points that paid.", None, False),
)  # fmt: skip
_ZID_ORDER: Final = (
    Field("id", "any", "The order's number.", 39018292),
    Field("order_status", "any", "The status, with its code.", {"code": "new"}),
    Field("currency_code", "text", "The store's currency.", "SAR"),
    Field("customer", "any", "The customer, with id.", {"id": 1}),
    Field("products", "any", "The lines."),
    Field("payment", "any", "The invoice.", None, False),
    Field("order_total", "any", "What was paid.", None, False),
    Field("created_at", "text", "When it was placed.", None, False),
    Field("updated_at", "text", "When it last changed.", "2026-03-01 12:00:00"),
)

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/v1/webhooks/orders/{store}", "source", "", from_zid,
          "An order webhook as Zid sends it, under the store's own Basic pair.", _ZID_ORDER,
          takes_more=True, answer=Acknowledged,
          refusals=(*_BAD_ORDER, refusals.ORDER_OF_ANOTHER_STORE),
          unreadable=unreadable, is_long=True),
    Route("PUT", "/v1/managers/store/orders/{order_id}/loyalty", "manager", "orders.read_write",
          plain, "A plain order of any shop, as it stands.", _PLAIN, takes_more=True,
          answer=OrderAnswer, refusals=_BAD_ORDER,
          unreadable=unreadable, is_long=True),
)  # fmt: skip
