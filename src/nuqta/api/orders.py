"""Orders in: Zid's webhooks as Zid sends them, and plain orders from any other shop.

Both become the same events and enter at the same door. What cannot be understood or taken in is
answered with the field's name and kept for a person to look at; only then is the answer given.
Source: contract, zid-loyalty, sections 8 and 9.1; design, ledger, section 5.
"""

from typing import Any, Final

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
from nuqta.texts import ARABIC
from nuqta.web.routes import Invalid, Outcome, Request

_ZID: Final = "zid"
_SOURCE_LENGTH_MAX: Final = 200
_TEXTS: Final = {
    "en": ("Order", "The order was received"),
    ARABIC: ("الطلب", "تم استلام الطلب"),
}


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
    outcome = await _taken_in(request, store, decoded, _ZID)
    if not isinstance(outcome, Taken):
        return outcome
    return {"status": "success", "message": _message(request, "success")}


async def plain(request: Request) -> Outcome:
    """An order of any other shop, as it stands; the path names it."""
    store = _store(request)
    settings, now = request.engine.settings, request.engine.clock.now()
    decoded = plain_orders.decode(
        request.body, request.path["order_id"], store.currency, store.timezone, now,
        settings.order_skew_seconds * SECOND_US,
    )  # fmt: skip
    outcome = await _taken_in(request, store, decoded, _source(request))
    if not isinstance(outcome, Taken):
        return outcome
    order = outcome.order
    return {
        "status": "object",
        "order": {
            "order_id": order.order_key,
            "customer_id": order.customer_id,
            "status": outcome.status,
            "points_earned": outcome.earned,
            "points_kept": outcome.kept,
            "points_redeemed": outcome.redeemed,
            "points_returned": outcome.returned,
            "needs_attention": order.troubles.split(),
            "is_replay": outcome.is_replay,
        },
        "message": _message(request, "object"),
    }


async def unreadable(request: Request, refusal: Refusal) -> Refusal:
    """A body that is no JSON and no form: kept as it came."""
    outcome = await _kept(request, _source(request), refusal)
    return outcome if isinstance(outcome, Refusal) else refusal


def _source(request: Request) -> str:
    """Where an order comes from; a plain one's number stands nowhere but in its path."""
    number = request.path.get("order_id")
    return _ZID if number is None else f"plain:{number}"[:_SOURCE_LENGTH_MAX]


async def _taken_in(
    request: Request, store: Store, decoded: Decoded | BadOrder, source: str
) -> Taken | Refusal | Invalid:
    if isinstance(decoded, BadOrder):
        return await _kept(request, source, decoded)
    engine = request.engine
    settings, origin = engine.settings, request.caller.origin

    def work(tx: Transaction) -> Taken:
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
        return outcome

    try:
        return await engine.door.write("take in an order", work)
    except _Refused as refused:
        return await _kept(request, source, refused.refusal)


async def _kept(request: Request, source: str, refused: Refusal | BadOrder) -> Refusal | Invalid:
    return await request.engine.door.write(
        "keep a refused order", lambda tx: _keep(tx, request, source, refused)
    )


def _keep(
    tx: Transaction, request: Request, source: str, refused: Refusal | BadOrder
) -> Refusal | Invalid:
    """Keep what came, and say what is wrong; where no more can be kept, ask to send it again."""
    fields = refused.fields if isinstance(refused, BadOrder) else {}
    refusal = refused.refusal if isinstance(refused, BadOrder) else refused
    english = {path: sentences[0] for path, sentences in fields.items()}
    is_kept = attention.keep_refused(
        tx, request.caller.store_id, source, refusal.code, msgspec.json.encode(english).decode(),
        request.raw, request.engine.settings.orders_refused, request.engine.clock.now(),
    )  # fmt: skip
    if not is_kept:
        return refusals.SERVICE_UNAVAILABLE
    if not fields:
        return refusal
    which = 1 if request.language == ARABIC else 0
    return Invalid({_shown(path): [told[which]] for path, told in fields.items()}, refusal)


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


def _message(request: Request, kind: str) -> dict[str, Any]:
    name, description = _TEXTS[request.language]
    return {"type": kind, "code": "MSG_POPUP_OK", "name": name, "description": description}
