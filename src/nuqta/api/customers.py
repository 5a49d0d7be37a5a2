"""Customers as managers look at them, with their points, and the profile of who looks.

What nuqta does not know of a customer is null, as Zid answers it. Source: contract, zid-loyalty,
sections 2, 5.16 and 9.2.
"""

import uuid
from typing import Final

import msgspec

from nuqta import refusals
from nuqta.api.order_view import PAGE_FIELDS, PER_PAGE, ShownOrder, shown_order
from nuqta.engine import stores
from nuqta.engine.reading import customers
from nuqta.engine.reading.customers import SeenCustomer
from nuqta.engine.reading.orders import orders_of_customer
from nuqta.engine.stores import Store
from nuqta.ledger.account import Account
from nuqta.loyalty.customers import checked_id, tags_of
from nuqta.loyalty.dates import format_instant, format_seconds
from nuqta.loyalty.money import format_amount
from nuqta.storage.sqlite import Transaction
from nuqta.web.amounts import Amount, shown_amount
from nuqta.web.fields import Field, read
from nuqta.web.replies import Message
from nuqta.web.routes import Invalid, Outcome, Request, Route

_PROVIDER: Final = "local"
_LOCAL: Final = 7
"""The status of a wallet that is not another provider's, as Zid numbers it."""
ORDERS_MAX: Final = 100
"""So many orders are shown with a customer, the latest told of."""
_NAMESPACE: Final = uuid.UUID("5c1f1c0a-6f0c-5b3c-9a52-6e7571746100")


class Tag(msgspec.Struct, frozen=True):
    """A tag of a customer."""

    name: str


class Points(msgspec.Struct, frozen=True):
    """A customer's points in the store. `points` can be spent now, `pending_negative_points` are
    owed; the totals are of all that ever came, and of all that went."""

    id: str
    external_id: str
    store_id: str
    customer_id: int
    loyalty_provider: str
    points: int
    pending_points: int
    pending_negative_points: int
    total_positive_points: int
    total_negative_points: int
    created_at: str
    updated_at: str
    deleted_at: str | None
    status: int


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A customer in a list: `points` is the number that can be spent now, `order_counts` how many
    orders there are, and `order_total_payments` what those cost that were placed and not undone;
    of more than 1000 orders, the latest 1000."""

    id: int
    name: str
    email: str | None
    mobile: str
    gender: str | None
    birth_date: str | None
    verified: bool
    is_active: bool
    is_cod_enabled: bool
    type: str
    business_name: str | None
    tax_number: str | None
    commercial_registration: str | None
    source: str | None
    points: int
    order_total_payments: str
    last_order_date: str | None
    created_at: str
    updated_at: str
    city: str | None
    nickname: str
    pivotEmail: str | None
    pivotMobile: str
    order_counts: int
    tags: list[Tag]


class Detailed(msgspec.Struct, frozen=True, kw_only=True):
    """A customer alone, as in a list; `points` are told in full, and `orders` are the latest 100.
    `total_payments` is `order_total_payments` as a number."""

    id: int
    name: str
    email: str | None
    mobile: str
    gender: str | None
    birth_date: str | None
    verified: bool
    is_active: bool
    is_cod_enabled: bool
    type: str
    business_name: str | None
    tax_number: str | None
    commercial_registration: str | None
    source: str | None
    points: Points
    order_total_payments: str
    last_order_date: str | None
    created_at: str
    updated_at: str
    city: str | None
    nickname: str
    pivotEmail: str | None
    pivotMobile: str
    order_counts: int
    total_payments: Amount
    orders_cost_average: Amount
    orders: list[ShownOrder]
    tags: list[Tag]


class Customers(msgspec.Struct, frozen=True):
    """A page of customers, and how many there are in all."""

    status: str
    customers: list[Listed]
    grand_total: int
    total_customers_count: int
    active_customers_count: int
    inactive_customers_count: int
    message: Message


class Profile(msgspec.Struct, frozen=True):
    """One customer."""

    status: str
    customer: Detailed
    message: Message


class Currency(msgspec.Struct, frozen=True):
    """A store's currency."""

    code: str


class StoreProfile(msgspec.Struct, frozen=True):
    """The store for which the caller calls."""

    id: int
    uuid: str
    title: str
    url: str | None
    timezone: str
    currency: Currency


class Manager(msgspec.Struct, frozen=True):
    """In whose name the caller calls: the store itself."""

    id: int
    uuid: str
    name: str
    email: str | None
    mobile: str | None
    store: StoreProfile


class AccountProfile(msgspec.Struct, frozen=True):
    """The profile that a token is of."""

    status: str
    user: Manager
    message: Message


async def every(request: Request) -> Outcome:
    """A page of the store's customers, the newest first."""
    found, faults = read(_PAGE, request.query, request.language)
    if faults:
        return Invalid(faults)
    most = found.get("per_page", PER_PAGE)
    skip = (found.get("page", 1) - 1) * most
    engine, store_id = request.engine, request.caller.store_id
    search = found.get("search_term", "").strip()
    page, count = await engine.beside(customers.page_of, engine, store_id, most, skip, search)
    store = stores.known(engine.vault.reader(), store_id)
    listed = [
        msgspec.convert({**_common(one, store), "points": one.account.available}, Listed)
        for one in page
    ]
    return Customers("object", listed, count, count, count, 0, Message("object"))


async def one(request: Request) -> Outcome:
    """A customer of the store, with points and orders."""
    try:
        customer_id = checked_id(request.path["id"])
    except ValueError:
        return refusals.CUSTOMER_NOT_FOUND
    return await request.engine.beside(_one, request, customer_id)


def _one(request: Request, customer_id: int) -> Outcome:
    engine, store_id = request.engine, request.caller.store_id
    clock = engine.clock.now()
    with engine.vault.snapshot() as tx:
        seen = customers.customer_of(tx, store_id, customer_id, clock)
        if seen is None:
            return refusals.CUSTOMER_NOT_FOUND
        return Profile("object", _detailed(tx, request, seen), Message("object"))


async def account(request: Request) -> Outcome:
    """Which store the caller's tokens are of."""
    reader, store_id = request.engine.vault.reader(), request.caller.store_id
    store = stores.known(reader, store_id)
    domain = next(iter(stores.domains_of(reader, store_id)), None)
    shown = StoreProfile(
        store.store_id, store.uuid, store.name, f"https://{domain}/" if domain else None,
        store.timezone, Currency(store.currency),
    )  # fmt: skip
    manager = Manager(store.store_id, store.uuid, store.name, None, None, shown)
    return AccountProfile("object", manager, Message("object"))


def _common(seen: SeenCustomer, store: Store) -> dict[str, object]:
    """What a list and a page of its own have in common."""
    customer, bought = seen.customer, seen.bought
    latest = bought.last_placed_at
    changed_at = max(customer.created_at, seen.account.recorded_at)
    return {
        "id": customer.customer_id,
        "name": customer.name,
        "email": customer.email or None,
        "mobile": customer.mobile,
        "gender": None,
        "birth_date": None,
        "verified": False,
        "is_active": True,
        "is_cod_enabled": False,
        "type": "individual",
        "business_name": None,
        "tax_number": None,
        "commercial_registration": None,
        "source": None,
        "order_total_payments": format_amount(bought.paid, store.currency),
        "last_order_date": None if latest is None else format_seconds(latest, store.timezone),
        "created_at": format_instant(customer.created_at),
        "updated_at": format_instant(changed_at),
        "city": None,
        "nickname": customer.name,
        "pivotEmail": customer.email or None,
        "pivotMobile": customer.mobile,
        "order_counts": bought.orders,
        "tags": [Tag(name) for name in sorted(tags_of(customer))],
    }


def _detailed(tx: Transaction, request: Request, seen: SeenCustomer) -> Detailed:
    store = stores.known(tx, request.caller.store_id)
    paid, counted = seen.bought.paid, max(1, seen.bought.paid_orders)
    latest = orders_of_customer(tx, store.store_id, seen.customer.customer_id, ORDERS_MAX)
    fields = {
        **_common(seen, store),
        "points": _points(seen.account, store, seen),
        "total_payments": shown_amount(paid, store.currency),
        "orders_cost_average": shown_amount((2 * paid + counted) // (2 * counted), store.currency),
        "orders": [shown_order(tx, request, store, one) for one in latest],
    }
    return msgspec.convert(fields, Detailed)


def _points(account: Account, store: Store, seen: SeenCustomer) -> Points:
    """The wallet. Its id is made of the store's and the customer's, because it has no other."""
    customer = seen.customer
    gone = account.redeemed + account.expired + account.adjusted_out
    return Points(
        str(uuid.uuid5(_NAMESPACE, f"{store.uuid}/{customer.customer_id}")),
        str(customer.customer_id), store.uuid, customer.customer_id, _PROVIDER, account.available,
        account.pending, account.owed, account.total_positive, gone,
        format_instant(customer.created_at),
        format_instant(max(customer.created_at, account.recorded_at)), None, _LOCAL,
    )  # fmt: skip


_PAGE: Final = (
    *PAGE_FIELDS,
    Field("search_term", "text", "An id, an e-mail address or a mobile number.", None, False,
          most=254),
)  # fmt: skip
_CUSTOMERS: Final = "/v1/managers/store/customers"

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", _CUSTOMERS, "manager", "customers.read", every,
          "The store's customers, the newest first.", queries=_PAGE, takes_more=True,
          answer=Customers),
    Route("GET", f"{_CUSTOMERS}/{{id}}", "manager", "customers.read | loyalty_program.read", one,
          "A customer, with points and orders.", takes_more=True, answer=Profile,
          refusals=(refusals.CUSTOMER_NOT_FOUND,)),
    Route("GET", "/v1/managers/account/profile", "manager", "", account,
          "Which store the caller's tokens are of.", takes_more=True, answer=AccountProfile),
)  # fmt: skip
