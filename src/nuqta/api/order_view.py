"""Orders as managers look at them: as Zid names their parts, with what they came to in points.

Source: contract, zid-loyalty, section 9.1.
"""

import re
from typing import Final

import msgspec

from nuqta import refusals
from nuqta.engine import customers, stores
from nuqta.engine.reading import orders
from nuqta.engine.reading.orders import SeenOrder
from nuqta.engine.stores import Store
from nuqta.loyalty.customers import ID_MAX
from nuqta.loyalty.dates import format_seconds
from nuqta.loyalty.money import format_amount
from nuqta.loyalty.orders import checked_number, worth
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.fields import Field, read
from nuqta.web.replies import Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}")
_STATUSES: Final = {
    "initial": ("initial", english("Initial"), None, None),
    "new": ("new", english("New"), 1, "#3498db"),
    "preparing": ("preparing", english("Preparing"), 2, "#f39c12"),
    "ready": ("ready", english("Ready"), 17, None),
    "in_delivery": ("indelivery", english("In delivery"), None, None),
    "delivered": ("delivered", english("Delivered"), None, None),
    "returned": ("reversed", english("Reversed"), None, None),
    "cancelled": ("cancelled", english("Canceled"), 7, "#e74c3c"),
}
"""Zid's code of each status, its name, and Zid's number and colour, None where no source says."""


class Status(msgspec.Struct, frozen=True):
    """An order's status: its name in the caller's language, and Zid's code."""

    name: str
    code: str


class DisplayStatus(msgspec.Struct, frozen=True):
    """The same for a screen, with Zid's number and colour of it; null where these are not known."""

    id: int | None
    code: str
    color: str | None
    name: str


class Buyer(msgspec.Struct, frozen=True):
    """Whose the order is."""

    id: int
    name: str
    email: str | None
    mobile: str | None


class Product(msgspec.Struct, frozen=True):
    """A line of the order: `total` is what it cost after discounts, tax included."""

    id: str
    quantity: int
    returned: int
    total: str
    total_string: str


class Loyalty(msgspec.Struct, frozen=True):
    """What the order came to in points: earned in all, of these kept; redeemed for it in all, of
    these given back."""

    points_earned: int
    points_kept: int
    points_redeemed: int
    points_returned: int


class ShownOrder(msgspec.Struct, frozen=True):
    """An order, by the names that Zid gives its parts. `id` is null where the shop's number is no
    whole number; `code` is that text."""

    id: int | None
    invoice_number: int | None
    code: str
    store_id: int
    order_status: Status
    display_status: DisplayStatus
    currency_code: str
    customer: Buyer
    order_total: str
    order_total_string: str
    source_code: str
    created_at: str
    updated_at: str
    store_uuid: str
    delivered_at: str | None
    products_count: int
    products: list[Product]
    loyalty: Loyalty


class View(msgspec.Struct, frozen=True):
    """One order."""

    status: str
    order: ShownOrder
    message: Message


class Orders(msgspec.Struct, frozen=True):
    """A page of orders, and how many there are in all."""

    status: str
    orders: list[ShownOrder]
    grand_total: int
    total_order_count: int
    message: Message


def shown_order(tx: Transaction, request: Request, store: Store, seen: SeenOrder) -> ShownOrder:
    """An order as it leaves."""
    event, key = seen.stands.event, seen.order.order_key
    code, name, status_id, color = _STATUSES[event.status]
    status = request.say(name)
    delivered_at = seen.stands.delivered_at
    number = int(key) if _NUMBER.fullmatch(key) else None
    customer = customers.find(tx, store.store_id, seen.order.customer_id)
    currency, total = event.currency, worth(seen.stands)
    return ShownOrder(
        number, number, key, store.store_id, Status(status, code),
        DisplayStatus(status_id, code, color, status), currency,
        Buyer(
            seen.order.customer_id,
            customer.name if customer else "",
            customer.email or None if customer else None,
            customer.mobile or None if customer else None,
        ),
        format_amount(total, currency), f"{format_amount(total, currency)} {currency}",
        event.channel, format_seconds(seen.stands.placed_at, store.timezone),
        format_seconds(event.instant, store.timezone), store.uuid,
        None if delivered_at is None else format_seconds(delivered_at, store.timezone),
        len(seen.stands.lines),
        [
            Product(
                line.line_key, line.quantity, line.returned,
                format_amount(line.amount, currency),
                f"{format_amount(line.amount, currency)} {currency}",
            )
            for line in seen.stands.lines
        ],
        Loyalty(seen.earned, seen.kept, seen.redeemed, seen.returned),
    )  # fmt: skip


async def view(request: Request) -> Outcome:
    """One order of the store."""
    try:
        key = checked_number(request.path["order_id"])
    except ValueError:
        return refusals.ORDER_NOT_FOUND
    with request.engine.vault.snapshot() as tx:
        store = stores.known(tx, request.caller.store_id)
        seen = orders.order_of(tx, store.store_id, key)
        if seen is None:
            return refusals.ORDER_NOT_FOUND
        return View("object", shown_order(tx, request, store, seen), Message("object"))


async def every(request: Request) -> Outcome:
    """A page of the store's orders, the latest told of first, or of one customer's."""
    found, faults = read(_PAGE, request.query, request.language)
    if faults:
        return Invalid(faults)
    return await request.engine.beside(_every, request, found)


def _every(request: Request, found: dict[str, int]) -> Orders:
    most = found.get("per_page", PER_PAGE)
    skip = (found.get("page", 1) - 1) * most
    with request.engine.vault.snapshot() as tx:
        store = stores.known(tx, request.caller.store_id)
        customer_id = found.get("customer_id")
        if customer_id is None:
            page = orders.orders_of_store(tx, store.store_id, most, skip)
            count = orders.count_of_store(tx, store.store_id)
        else:
            page = orders.orders_of_customer(tx, store.store_id, customer_id, most, skip)
            count = orders.count_of_customer(tx, store.store_id, customer_id)
        shown = [shown_order(tx, request, store, one) for one in page]
    return Orders("object", shown, count, count, Message("object"))


PER_PAGE: Final = 15
PER_PAGE_MAX: Final = 100
PAGES_MAX: Final = 1_000_000
PAGE_FIELDS: Final = (
    Field("page", "whole", "The page, from 1.", 1, False, least=1, most=PAGES_MAX),
    Field("per_page", "whole", "How many of them a page has.", PER_PAGE, False, least=1,
          most=PER_PAGE_MAX),
)  # fmt: skip
_PAGE: Final = (
    *PAGE_FIELDS,
    Field("customer_id", "whole", "Whose orders.", 1, False, least=1, most=ID_MAX),
)

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/v1/managers/store/orders", "manager", "orders.read", every,
          "The store's orders, the latest told of first.", queries=_PAGE, takes_more=True,
          answer=Orders),
    Route("GET", "/v1/managers/store/orders/{order_id}/view", "manager", "orders.read", view,
          "An order, and what it came to in points.", takes_more=True, answer=View,
          refusals=(refusals.ORDER_NOT_FOUND,)),
)  # fmt: skip
