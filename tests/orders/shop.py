"""A shop on the other side of the wire: its orders, its carts, and a look into the books behind.

Nothing is tested here. A `Shop` is one store of a house with the calls that its own software makes:

    shop = Shop(house, house.world.riyadh)
    method = shop.method(points=40, discount=4_00)
    shop.add(house.world.aisha, "cart-1", method)
    shop.put("1001", plain(shop, cart_session_id="cart-1"))

`plain` and `zid` are orders of 230.00 in two lines (200.00 without tax), as any shop describes them
and as Zid sends them; their dates are the world's present.
"""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from urllib.parse import quote
from zoneinfo import ZoneInfo

from msgspec.structs import asdict, replace

from nuqta.engine import attention, orders, redemption, stores
from nuqta.engine.access import credentials, partners
from nuqta.engine.access.credentials import Credentials
from nuqta.engine.attention import RefusedOrder
from nuqta.engine.orders import OrderRow
from nuqta.engine.stores import Store, StoreWish
from nuqta.ledger.account import Account
from nuqta.ledger.instants import Instant
from nuqta.loyalty.cashback import Rule
from nuqta.loyalty.program import Program
from nuqta.loyalty.redemption import FIXED, Method, MethodWish
from nuqta.storage import books
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from tests.http.server import Answer, House
from tests.world import Shopper, World

Body: TypeAlias = dict[str, Any]
BOOKS: Final = (
    "accounts", "lots", "transfers", "receipts", "holds", "orders", "order_events", "events",
    "customers", "directory",
)  # fmt: skip
"""The tables that no refused call changes."""
CARTS: Final = "/v1/stores/{}/carts/loyalty-redemption-method/{}"

_ADD_PROGRAM = statement("program.add_revision")
_ADD_RULE = statement("cashback.add_revision")

LIFE_S: Final = 30 * 60


class Shop:
    """One store of a house, with its pair for webhooks once `pair` has made one."""

    def __init__(self, house: House, store: Store) -> None:
        self.house = house
        self.store = store
        self.credentials: Credentials | None = None
        self._tokens: dict[int, str] = {}
        self._met = 0

    @property
    def world(self) -> World:
        """The world in which it stands."""
        return self.house.world

    # -- what a merchant sets up ----------------------------------------------------------------
    def pair(self) -> Credentials:
        """A new pair for webhooks; a former one ends."""
        engine = self.world.engine
        self.credentials = engine.door.write_now(
            "pair",
            lambda tx: credentials.make(
                tx, engine.keyring, self.store.store_id, self.world.time.wall
            ),
        )
        return self.credentials

    def program(self, **changes: Any) -> Program:
        """A new revision of the program, by the names of its fields."""

        def work(tx: Transaction) -> Program:
            before = stores.program_of(tx, self.store.store_id)
            after = replace(before, revision=before.revision + 1, **changes)
            tx.run(_ADD_PROGRAM, **asdict(after))
            return after

        return self.world.engine.door.write_now("program", work)

    def rule(self, channel: str = "online", **changes: Any) -> Rule:
        """A new revision of the channel's first rule, active; with a `rule_id`, one more rule."""

        def work(tx: Transaction) -> Rule:
            rules = stores.rules_of(tx, self.store.store_id)
            before = next(rule for rule in rules if rule.channel == channel)
            after = replace(before, **{"revision": before.revision + 1, "is_active": 1, **changes})
            tx.run(_ADD_RULE, **asdict(after))
            return after

        return self.world.engine.door.write_now("rule", work)

    def method(
        self, points: int = 40, discount: int = 400, *, rule_type: str = FIXED, **limits: int
    ) -> Method:
        """A new redemption method, in the store's currency."""
        wish = MethodWish(rule_type, points, discount, self.store.currency, **limits)
        made = self.world.engine.door.write_now(
            "method",
            lambda tx: redemption.add_method(
                tx, self.store, wish, 1_000, self.world.time.wall, "cli"
            ),
        )
        assert isinstance(made, Method)
        return made

    # -- what its software calls ------------------------------------------------------------------
    def webhook(
        self, body: object, *, store: object = None, language: str = "en", authorization: str = ""
    ) -> Answer:
        """An order as Zid sends it; `body` may be bytes, and then goes as it stands."""
        if not authorization:
            known = self.credentials or self.pair()
            authorization = basic(known.username, known.password)
        path = f"/v1/webhooks/orders/{self.store.store_id if store is None else store}"
        headers = {"Authorization": authorization, "Accept-Language": language}
        if isinstance(body, bytes):
            return self.house.ask("POST", path, headers, body)
        return self.house.send("POST", path, headers, body)

    def put(self, order_id: str, body: object, *, language: str = "en") -> Answer:
        """A plain order; `body` may be bytes, and then goes as it stands."""
        path = f"/v1/managers/store/orders/{quote(order_id, safe='%')}/loyalty"
        headers = {**self.house.manager(self.store), "Accept-Language": language}
        if isinstance(body, bytes):
            return self.house.ask("PUT", path, headers, body)
        return self.house.send("PUT", path, headers, body)

    def told(self, order_id: str, body: object) -> Body:
        """A plain order that is taken in: what it comes to."""
        answer = self.put(order_id, body)
        assert answer.status == 200, answer.body
        found: Body = answer.json["order"]
        return found

    def add(
        self,
        shopper: Shopper,
        cart: str,
        method: object,
        key: str = "",
        language: str = "en",
        **more: object,
    ) -> Answer:
        """A method goes into a cart; `method` is one, or what is sent for it."""
        if isinstance(method, Method):
            method = {"id": method.method_id, "points_to_redeem": method.points_to_redeem}
        body = {"point_redemption_method": method, **more}
        return self._cart("add", shopper, cart, key, language, body)

    def remove(self, shopper: Shopper, cart: str, key: str = "", language: str = "en") -> Answer:
        """The method leaves the cart."""
        return self._cart("remove", shopper, cart, key, language, None)

    def _cart(
        self, what: str, shopper: Shopper, cart: str, key: str, language: str, body: object
    ) -> Answer:
        if shopper.customer_id not in self._tokens:
            self._tokens[shopper.customer_id] = self.world.login(shopper)
        headers = self.house.shopper(self.store, self._tokens[shopper.customer_id])
        headers["Accept-Language"] = language
        if cart:
            headers["CART-SESSION-ID"] = cart
        if key:
            headers["Idempotency-Key"] = key
        return self.house.send("POST", CARTS.format(self.store.store_id, what), headers, body)

    # -- what stands behind -----------------------------------------------------------------------
    def order(self, order_key: str) -> OrderRow:
        """What is decided of an order."""
        reader = self.world.engine.vault.reader()
        found = orders.find(reader, self.store.store_id, order_key)
        assert found is not None, order_key
        return found

    def in_need(self) -> dict[str, list[str]]:
        """The orders that need a person, and why."""
        reader = self.world.engine.vault.reader()
        found = attention.in_need(reader, self.store.store_id, 1_000)
        return {order.order_key: order.troubles.split() for order in found}

    def refused(self) -> list[RefusedOrder]:
        """What waits for a person because it could not be taken in."""
        return attention.refused(self.world.engine.vault.reader(), self.store.store_id, 1_000)

    def shopper(self, customer_id: int) -> Shopper:
        """A customer of the store, as the books know one."""
        return Shopper(self.store.store_id, customer_id, "")

    def somebody(self, points: int = 0) -> Shopper:
        """A new customer, with so many points that never expire."""
        self._met += 1
        made = self.world.customer(self.store, 1_000 + self._met)
        if points:
            self.world.adjust(made, points)
        return made


def opened(house: House, currency: str, zone: str = "UTC") -> Shop:
    """One more store with its own currency, where the world's partner is installed."""
    world = house.world

    def work(tx: Transaction) -> tuple[Store, partners.Installed]:
        store = stores.create(tx, StoreWish(currency, currency, zone), world.time.wall, "cli")
        assert isinstance(store, Store)
        installed = partners.install(
            tx, world.engine.keyring, world.partner, store.store_id, "", world.time.wall
        )
        assert isinstance(installed, partners.Installed)
        return store, installed

    store, installed = world.engine.door.write_now("open", work)
    world.tokens[store.store_id] = installed
    return Shop(house, store)


def basic(username: str, password: str) -> str:
    """The Authorization header of a pair."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def points(world: World, shopper: Shopper) -> dict[str, int]:
    """The customer's points by place; what is nothing is left out."""
    balance = world.balance(shopper)
    named = ("pending", "available", "held", "owed", "used")
    return {name: getattr(balance, name) for name in named if getattr(balance, name)}


def account(world: World, shopper: Shopper) -> Account:
    """The customer's row, as booked."""
    found = books.account(world.engine.vault.reader(), shopper.key)
    assert found is not None, shopper
    return found


def lots(world: World, shopper: Shopper) -> list[tuple[str, int, Instant, Instant]]:
    """The open lots: order, left, maturity, expiry; in the order of the design's section 5."""
    found = books.all_lots(world.engine.vault.reader(), shopper.key)
    return sorted(
        (lot.order_key, lot.left, lot.matures_at, lot.expires_at) for lot in found if lot.left
    )


def rows(world: World, tables: Sequence[str] = BOOKS) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of these tables."""
    with world.engine.vault.snapshot() as tx:
        return {
            table: sorted(tx.rows_of(f"SELECT * FROM {table}", ()), key=repr)  # noqa: S608
            for table in tables
        }


def moment(world: World, *, seconds: int = 0, days: int = 0) -> str:
    """The world's present, or an instant before it, as a plain order writes it."""
    passed = timedelta(seconds=seconds, days=days)
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=world.time.wall) - passed
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def local(shop: Shop, *, seconds: int = 0, days: int = 0) -> str:
    """The same as Zid writes it: in the store's time zone, which it does not name."""
    at = datetime.fromisoformat(moment(shop.world, seconds=seconds, days=days))
    return at.astimezone(ZoneInfo(shop.store.timezone)).strftime("%Y-%m-%d %H:%M:%S")


def line(
    name: str = "a", quantity: int = 2, price: str = "75", tax: str = "22.50", **more: object
) -> Body:
    """A line of a plain order, with 15 percent of tax."""
    return {"product": name, "quantity": quantity, "unit_price": price, "tax": tax, **more}


def plain(
    shop: Shop, *returned: int, of: int | Shopper = 1, seconds: int = 0, **changes: object
) -> Body:
    """A plain order of customer `of`, told `seconds` ago; `returned` is what came back by line.

    Line a is 2 for 172.50, line b 1 for 57.50: 230.00 with tax, 200.00 without.
    """
    back = [*returned, 0, 0]
    body: Body = {
        "customer": {"id": of.customer_id if isinstance(of, Shopper) else of},
        "currency": shop.store.currency,
        "status": "new",
        "updated_at": moment(shop.world, seconds=seconds),
        "lines": [
            line("a", 2, "75", "22.50", returned=back[0]),
            line("b", 1, "50", "7.50", returned=back[1]),
        ],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def zid(shop: Shop, *, seconds: int = 0, paid_by_points: int = 0, **changes: object) -> Body:
    """An order of Aisha's as Zid sends it, of 230.00 and 23.00 for shipping, changed `seconds` ago.

    `paid_by_points` is the redemption in whole riyals, without tax, taken off the first product.
    """
    net, off = 150 - paid_by_points, paid_by_points
    tax = (net * 15, 750)  # in hundredths
    vat = sum(tax) + 300
    total = (net + 50 + 20) * 100 + vat
    body: Body = {
        "id": 39_018_292,
        "code": "c9tQzP5aXx",
        "store_id": 3_078,
        "order_url": "https://shop.example/o/c9tQzP5aXx/inv",
        "store_name": "Dates and Coffee",
        "order_status": {"name": "New", "code": "new"},
        "display_status": {"id": 1, "code": "new", "name": "New", "color": "#fff"},
        "currency_code": shop.store.currency,
        "customer": {
            "id": 1, "name": "Aisha", "verified": 1, "email": "aisha@shop.example",
            "mobile": "966501234567", "note": "", "type": "individual",
        },
        "has_different_consignee": False,
        "is_guest_customer": 0,
        "order_total": f"{total // 100}.{total % 100:02}000000000000",
        "order_total_string": f"{total // 100}.{total % 100:02} SAR",
        "has_different_transaction_currency": False,
        "payment_status": "paid",
        "source": "Store website",
        "source_code": "catalog",
        "is_reseller_transaction": False,
        "created_at": local(shop, seconds=seconds),
        "updated_at": local(shop, seconds=seconds),
        "delivered_at": None,
        "is_potential_fraud": False,
        "shipping": {"method": {"id": 1, "name": "Courier", "estimated_delivery_time": "2 days"}},
        "payment": {
            "method": {"id": 2, "name": "Credit Card", "code": "zid_paymnets", "type": "card"},
            "invoice": _invoice(off, vat, total),
        },
        "products": [
            _product(1, 2, 15_000, 2_250, net * 100, tax[0], off),
            _product(2, 1, 5_000, 750, 5_000, tax[1], 0),
        ],
        "histories": [{"order_status_id": 1, "order_status_name": "New", "comment": ""}],
        **changes,
    }  # fmt: skip
    return json.loads(json.dumps(body))  # type: ignore[no-any-return]


def status(code: str) -> Body:
    """Zid's `order_status`."""
    return {"name": code.title(), "code": code}


def _invoice(off: int, vat: int, total: int) -> list[Body]:
    lines = [("sub_totals_before_vat", 20_000, "Sub Totals Before VAT")]
    if off:
        lines.append(("loyalty_redemption", -off * 100, "Loyalty Redemption"))
        after = "sub_totals_after_loyalty_redemption_discount"
        lines.append((after, 20_000 - off * 100, "Total After Loyalty Redemption"))
    lines += [
        ("shipping", 2_000, "Shipping"),
        ("taxable_amount", 22_000 - off * 100, "Taxable Amount"),
        ("vat", vat, "VAT (15%)"),
        ("sub_totals_after_vat", total, "Sub Totals After VAT"),
        ("total", total, "Total"),
    ]
    return [
        {"code": code, "value": _fourteen(value), "value_string": f"{value / 100:.2f} SAR",
         "title": title}
        for code, value, title in lines
    ]  # fmt: skip


def _product(
    number: int, quantity: int, net: int, tax: int, paid_net: int, paid_tax: int, off: int
) -> Body:
    loyalty = {"amount": off, "percentage": round(off / net * 10_000, 2), "unit_amount": off}
    return {
        "id": f"0b1c7c06-1d9e-4a41-93d5-7a4a1d6b0e0{number}",
        "order_product_id": 64_000_000 + number,
        "sku": f"Z.{number}",
        "name": "Ajwa dates",
        "quantity": quantity,
        "net_price": _fourteen(net // quantity),
        "price": _fourteen((net + tax) // quantity),
        "tax_percentage": "15.00",
        "tax_amount": _fourteen(tax),
        "total": _fourteen(net + tax),
        "discounted_tax_amount": _fourteen(paid_tax),
        "discounted_total": _fourteen(paid_net + paid_tax),
        "discounts": {"loyalty_points": loyalty} if off else [],
        "discount_percentage": round(off * 100 / net, 4),
        "images": [],
        "options": [],
        "custom_fields": [],
    }


def _fourteen(hundredths: int) -> str:
    sign = "-" if hundredths < 0 else ""
    whole, rest = divmod(abs(hundredths), 100)
    return f"{sign}{whole}.{rest:02}000000000000"


def done(answer: Answer) -> None:
    """The cart is as was wished."""
    assert answer.status == 200, answer.body


def without_earning(shop: Shop) -> None:
    """No order earns: what is available shows what the carts left of it."""
    shop.rule(is_active=0)
