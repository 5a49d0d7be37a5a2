"""The demo: a shop with real customers and orders, made anew each time, served until interrupted.

The orders are a sample of a real music shop's, with their dates moved so that the last one was
yesterday. One customer has also spent points, so that both numbers of the balance show something.
"""

import csv
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from nuqta.cli.frame import ORIGIN, Frame, Refused, settled, show, write_json
from nuqta.engine import customers, imports, redemption, stores
from nuqta.engine.access import partners, sessions
from nuqta.engine.engine import Engine, database_path, make, open_engine
from nuqta.engine.outbox import events
from nuqta.engine.stores import ProgramWish, Store, StoreWish
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import Spend
from nuqta.loyalty.money import parse_amount
from nuqta.loyalty.redemption import FIXED, MethodWish
from nuqta.storage.faults import CannotStart
from nuqta.storage.sqlite import Transaction

ZONE: Final = "Asia/Riyadh"
_NAME: Final = "Noura"
_LIFE_DAYS: Final = 365
_REWARD_POINTS: Final = 50
_REWARD_MINOR: Final = 500
_CART: Final = "demo-cart"
_ORDER: Final = "demo-1"
_HEADINGS: Final = (
    ("The points of this customer, in English:", "en"),
    ("And in Arabic; the header Content-Language tells the answers apart:", "ar"),
    (
        f"{_REWARD_POINTS} points go into a cart, for 5.00 off; then ask for the points again:",
        "cart",
    ),
    ("The cart becomes an order, which takes these points and earns others:", "order"),
    ("What has happened to the store's points since, for whoever wants to be told:", "events"),
)
"""What is said before each call."""


class Shop(msgspec.Struct, frozen=True):
    """What a visitor of the demo needs to know."""

    db: str
    store_id: int
    customer_id: int
    partner_id: int
    authorization: str
    access_token: str
    customer_token: str
    method_id: str
    cursor: str
    customers: int
    orders: int


def run(frame: Frame, host: str, port: int, keep: str | None) -> None:
    """Make the shop, serve it, and print the calls once they can be answered.

    Rate limits are off. Raises CannotStart, Refused.
    """
    from nuqta.api.server import serve
    from nuqta.worker.loop import beside

    # A stop by another process must also leave through the temporary folder's own end.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with _place(keep) as (db, workshop):
        settings = frame.settings(DB=str(db), RATE_LIMIT="0", COOKIE_SECURE="0")
        make(settings)
        with open_engine(settings) as engine:
            shop = furnish(engine, workshop)
        with beside(settings) as start_worker:

            def begin() -> None:
                start_worker()
                tell(frame, shop, host, port, keep)

            serve(settings, host, port, 1, begin)


def furnish(engine: Engine, workshop: Path) -> Shop:
    """A store with a program, a partner, the sample's customers and orders, and one who has spent.

    `workshop` is a folder for a file that may be forgotten afterwards.
    """
    now = engine.clock.now()
    wish = StoreWish("Nuqta demo", "SAR", ZONE)
    store = settled(engine.door.write_now("demo", lambda tx: stores.create(tx, wish, now, ORIGIN)))
    rule = ProgramWish(is_on=True, earn_points=1, earn_amount=100, expiry_days=_LIFE_DAYS)
    engine.door.write_now(
        "demo", lambda tx: stores.change_program(tx, store.store_id, rule, now, ORIGIN)
    )
    today = datetime.now(ZoneInfo(ZONE)).date()
    file, shopper = _moved_sample(workshop, today)
    settled(
        engine.door.write_now(
            "demo",
            lambda tx: customers.create(
                tx, store.store_id, customers.wished(_NAME, customer_id=str(shopper)), now
            ),
        )
    )
    result = settled(imports.import_orders(engine, file, store))
    if result.refused:
        raise CannotStart(f"the sample's line {result.refused[0].line}: {result.refused[0].reason}")
    _spend(engine, store, shopper)
    installed = engine.door.write_now(
        "demo",
        lambda tx: partners.create(
            tx, engine.keyring, "Demo", store.store_id, partners.checked_scopes(()), now
        ),
    )
    reward = MethodWish(FIXED, _REWARD_POINTS, _REWARD_MINOR, store.currency)
    method = settled(
        engine.door.write_now(
            "demo",
            lambda tx: redemption.add_method(
                tx, store, reward, engine.settings.methods_per_store, now, ORIGIN
            ),
        )
    )
    session = engine.door.write_now(
        "demo",
        lambda tx: sessions.open_session(
            tx, engine.keyring, engine.settings, store.store_id, shopper, now, ORIGIN
        ),
    )
    return Shop(
        str(engine.vault.path), store.store_id, shopper, installed.partner_id,
        installed.authorization, installed.access_token, session.token,
        method.method_id, _cursor(engine, store), _customers_in(file), result.new,
    )  # fmt: skip


def curl_lines(shop: Shop, host: str, port: int) -> dict[str, str]:
    """The calls, each whole on one line."""

    def call(path: str, *more: str) -> str:
        line = f"curl -sS -w '\\n' {_address(host, port)}/v1/{path}"
        headers = (f"Authorization: Bearer {shop.authorization}", *more)
        return line + "".join(f" -H '{header}'" for header in headers)

    customer, manager = (
        f"X-CUSTOMER-TOKEN: {shop.customer_token}", f"X-Manager-Token: {shop.access_token}",
    )  # fmt: skip
    points = call(f"customers/loyalty-program/{shop.store_id}/points", customer)
    cart = f"stores/{shop.store_id}/carts/loyalty-redemption-method/add"
    json_body = "Content-Type: application/json"
    return {
        "en": points,
        "ar": f"{points} -H 'Accept-Language: ar'",
        "cart": call(cart, customer, f"CART-SESSION-ID: {_CART}", json_body)
        + f" -d '{_json({'point_redemption_method': {'id': shop.method_id}})}'",
        "order": call(f"managers/store/orders/{_ORDER}/loyalty", manager, json_body)
        + f" -X PUT -d '{_json(_order(shop.customer_id))}'",
        "events": call(f"managers/loyalty-program/events?after={shop.cursor}", manager),
    }


def _address(host: str, port: int) -> str:
    """Where this machine reaches the server."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    reached = f"[{reached}]" if ":" in reached else reached
    return f"http://{reached}:{port}"


def _cursor(engine: Engine, store: Store) -> str:
    """Where a reader of events goes on who knows all that has happened so far."""

    def work(tx: Transaction) -> str:
        events.place_all(tx, store.store_id)
        return events.make_cursor(store.store_id, events.positions(tx, store.store_id))

    return engine.door.write_now("demo", work)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _order(customer_id: int) -> dict[str, object]:
    return {
        "customer": {"id": customer_id},
        "currency": "SAR",
        "cart_session_id": _CART,
        "lines": [{"id": "album", "quantity": 2, "unit_price": "100.00", "tax": "30.00"}],
        "status": "new",
        "updated_at": datetime.now(ZoneInfo(ZONE)).isoformat(timespec="seconds"),
    }


def tell(frame: Frame, shop: Shop, host: str, port: int, keep: str | None) -> None:
    """Say what is there and print the calls, plainly: what is copied must not be wrapped."""
    calls = curl_lines(shop, host, port)
    if frame.is_json:
        value = {**msgspec.structs.asdict(shop), "curl": calls}
        if keep is None:
            del value["db"]
        write_json(value)
    else:
        show(
            [
                "",
                f"A shop with {shop.orders:,} real orders of {shop.customers:,} customers is open.",
                {"store": shop.store_id, "customer": f"{shop.customer_id} ({_NAME})"},
            ]
        )
        for heading, name in _HEADINGS:
            show([heading])
            sys.stdout.write(f"\n{calls[name]}\n\n")
        where = f"stays at {shop.db}" if keep is not None else "is gone when the demo ends"
        if keep is not None:
            named = f"--store {shop.store_id} --customer {shop.customer_id} --db {shop.db}"
            show([f"Why each point moved: nuqta points explain {named}"])
        show([f"Every call there is, with examples: {_address(host, port)}/docs"])
        show([f"Press Ctrl+C to end. The database {where}."])
    sys.stdout.flush()


@contextmanager
def _place(keep: str | None) -> Iterator[tuple[Path, Path]]:
    """Where the database lies, and a folder for what may be forgotten afterwards."""
    with TemporaryDirectory(prefix="nuqta-demo-") as folder:
        workshop = Path(folder)
        path = workshop / "demo.db" if keep is None else database_path(keep)
        if path.exists():
            raise Refused(f"{path} is there already: a demo begins with a new database")
        yield path, workshop


def _moved_sample(workshop: Path, today: date) -> tuple[Path, int]:
    """The sample with its last order placed yesterday, and who spent most in its last year."""
    sample = files("nuqta").joinpath("data", "cdnow_sample.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(sample.splitlines()))
    days = today - timedelta(days=1) - max(date.fromisoformat(row["placed_on"]) for row in rows)
    since = today - timedelta(days=_LIFE_DAYS)
    spent: Counter[int] = Counter()
    for row in rows:
        placed_on = date.fromisoformat(row["placed_on"]) + days
        row["placed_on"] = placed_on.isoformat()
        if placed_on > since:
            spent[int(row["customer_id"])] += parse_amount(row["total"], "SAR")
    file = workshop / "orders.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file, spent.most_common(1)[0][0]


def _customers_in(file: Path) -> int:
    with file.open(encoding="utf-8", newline="") as rows:
        return len({row["customer_id"] for row in csv.DictReader(rows)})


def _spend(engine: Engine, store: Store, customer_id: int) -> None:
    """The shopper has redeemed a third of what there was, in hundreds where there are some."""
    from nuqta.engine.reading.balances import show as balance_of

    balance = balance_of(engine, store.store_id, customer_id)
    third = balance.available // 3 if balance else 0
    points = third // 100 * 100 or third
    if points:
        spend = Spend(
            dkey=dkey_of(store.store_id, customer_id), customer_id=customer_id,
            origin=ORIGIN, key="demo", reason="A redemption of the demo", points=points,
        )  # fmt: skip
        settled(engine.door.post_all([spend])[0].refusal or spend)
