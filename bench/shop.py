"""What the measurements work on: a database in a temporary folder, with a shop in full use.

Everything is made through the engine, as a running house makes it; nothing is written beside it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from nuqta.engine import customers, engine, stores
from nuqta.engine.access import partners, sessions
from nuqta.engine.engine import Engine
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import Adjust
from nuqta.loyalty.customers import Customer
from nuqta.refusals import Refusal
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction

BALANCE = "/v1/customers/loyalty-program/{store}/points"


class Shop(msgspec.Struct, frozen=True):
    """A store with a partner, and customers who are signed in and have points."""

    db: Path
    store_id: int
    authorization: str
    tokens: list[str]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a server on this shop: no pace, so that nothing is refused."""
        return {**os.environ, "NUQTA_DB": str(self.db), "NUQTA_RATE_LIMIT": "0"}

    @property
    def path(self) -> str:
        """The balance's path."""
        return BALANCE.format(store=self.store_id)

    def customer_id(self, number: int) -> int:
        """The customer with that number; they are numbered from 0, and so are `tokens`."""
        return number + 1

    def open(self) -> Engine:
        """The engine on this shop's database."""
        return engine.open_engine(Settings(self.environ))

    def requests(self, count: int) -> list[bytes]:
        """The bytes of a balance read for each of the first `count` customers."""
        return [request_bytes(self.path, self.authorization, one) for one in self.tokens[:count]]


def request_bytes(path: str, authorization: str, token: str) -> bytes:
    """A request as a shop's own server sends it."""
    return (
        f"GET {path} HTTP/1.1\r\n"
        "Host: loyalty.example.com\r\n"
        "Accept: application/json\r\n"
        "Accept-Language: ar\r\n"
        "User-Agent: shop/1.0\r\n"
        f"Authorization: Bearer {authorization}\r\n"
        f"X-CUSTOMER-TOKEN: {token}\r\n"
        "\r\n"
    ).encode()


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards, on the disk that is measured."""
    with TemporaryDirectory(prefix="nuqta-bench-") as name:
        yield Path(name)


def make_shop(path: Path, count: int, points: int = 100) -> Shop:
    """A new shop with `count` customers, each with some points and a live token."""
    shop = Shop(path / "bench.db", 0, "", [])
    engine.make(Settings(shop.environ))
    with shop.open() as house:
        return house.door.write_now(
            "shop", lambda tx: _furnished(tx, house, shop.db, count, points)
        )


def _furnished(tx: Transaction, house: Engine, db: Path, count: int, points: int) -> Shop:
    now = house.clock.now()
    store = stores.create(tx, stores.StoreWish("Bench", "SAR", "Asia/Riyadh"), now, "bench")
    if isinstance(store, Refusal):
        raise RuntimeError(store.text)
    # As in the real sample: 1 point for 1.00, expiring after a year.
    wish = stores.ProgramWish(is_on=True, earn_points=1, earn_amount=100, expiry_days=365)
    stores.change_program(tx, store.store_id, wish, now, "bench")
    scopes = partners.checked_scopes(())
    partner = partners.create(tx, house.keyring, "Bench", store.store_id, scopes, now)
    shop = Shop(db, store.store_id, partner.authorization, [])
    ids = [shop.customer_id(number) for number in range(count)]
    customers.ensure(
        tx, [Customer(dkey_of(store.store_id, one), one, "", "", "", now) for one in ids]
    )
    for start in range(0, count, 500):
        _give(tx, house, store.store_id, ids[start : start + 500], points)
    for one in ids:
        session = sessions.open_session(
            tx, house.keyring, house.settings, store.store_id, one, now, "bench"
        )
        shop.tokens.append(session.token)
    return shop


def _give(tx: Transaction, house: Engine, store_id: int, ids: list[int], points: int) -> None:
    from nuqta.engine.door import post

    commands = [adjustment(store_id, one, points, "opening") for one in ids]
    post(tx, commands, house.clock.now())


def adjustment(store_id: int, customer_id: int, points: int, key: str) -> Adjust:
    """A command that adds points to a customer, or takes them, under a key of its own."""
    return Adjust(
        dkey=dkey_of(store_id, customer_id), customer_id=customer_id, origin="cli", key=key,
        points=points,
    )  # fmt: skip
