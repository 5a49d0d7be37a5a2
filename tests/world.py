"""The one test world: two stores, three customers, one partner, and a clock that is set by hand.

Nothing is tested here. A world is a real engine on a real SQLite file; it is built in some
milliseconds, anew for each test that asks for the fixture `world`:

    def test_something(world: World) -> None:
        world.earn(world.aisha, 100, expire_days=30)
        world.time.forward(days=31)
        assert world.balance(world.aisha).available == 0

- `world.riyadh` keeps SAR (2 decimals) in Asia/Riyadh, `world.kuwait` KWD (3 decimals) in UTC.
- `world.aisha` and `world.badr` shop in riyadh, `world.clara` in kuwait. Aisha and Clara have the
  same id and the same e-mail address, because those of two stores may coincide.
- `world.partner` is installed on both stores, with every scope: `world.tokens[store_id]` holds its
  `authorization` and `access_token` (the manager token) there.
- `world.time` is the clock: `forward(days=…, hours=…, seconds=…)` lets time pass, `jump(seconds)`
  moves the wall clock alone, as a person or a broken machine does, and `wall` may be set outright.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from nuqta.engine import customers, stores
from nuqta.engine.access import partners, sessions
from nuqta.engine.access.partners import Installed
from nuqta.engine.clock import Clock
from nuqta.engine.customers import CustomerWish
from nuqta.engine.engine import Engine, make, open_engine
from nuqta.engine.reading.audit import Report, audit
from nuqta.engine.reading.balances import show
from nuqta.engine.stores import ProgramWish, Store, StoreWish
from nuqta.ledger.account import dkey_of
from nuqta.ledger.commands import SYSTEM, Adjust, Answer, Command, Order, Spend
from nuqta.ledger.history import Balance
from nuqta.ledger.instants import DAY_US, NEVER, SECOND_US, Instant, Points
from nuqta.ledger.transfers import AccountKey
from nuqta.loyalty.dates import parse_instant
from nuqta.refusals import Refusal
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction

T = TypeVar("T")

FIRST_INSTANT: Final[Instant] = parse_instant("2026-03-01T09:00:00Z", "UTC")
"""Where the world's clock stands at first."""
BY: Final = "cli"


class Time:
    """A clock set by hand: `wall` is what stamps the books, `steady` what no one can set."""

    def __init__(self, wall: Instant = FIRST_INSTANT) -> None:
        self.wall = wall
        self.steady = 1_000 * SECOND_US

    def forward(self, *, days: int = 0, hours: int = 0, seconds: int = 0, us: int = 0) -> Instant:
        """Let time pass; the instant after it."""
        passed = days * DAY_US + (hours * 3600 + seconds) * SECOND_US + us
        self.wall += passed
        self.steady += passed
        return self.wall

    def jump(self, seconds: int) -> Instant:
        """Move the wall clock alone, forward or back; the instant it shows then."""
        self.wall += seconds * SECOND_US
        return self.wall

    def clock(self, jump_seconds: int = 300) -> Clock:
        """The engine's clock, run by this time."""
        return Clock(jump_seconds, wall=lambda: self.wall, steady=lambda: self.steady)


class Shopper(msgspec.Struct, frozen=True):
    """A customer of a store, and where the books keep the account."""

    store_id: int
    customer_id: int
    name: str
    email: str = ""
    mobile: str = ""

    @property
    def dkey(self) -> int:
        return dkey_of(self.store_id, self.customer_id)

    @property
    def key(self) -> AccountKey:
        return (self.dkey, self.customer_id)


class World:
    """An open engine with the inhabitants that the head of this file names."""

    def __init__(self, engine: Engine, time: Time) -> None:
        self.engine = engine
        self.time = time
        self._keys = 0
        engine.door.write_now("world", self._inhabit)

    def _inhabit(self, tx: Transaction) -> None:
        now = self.time.wall
        self.riyadh = _done(
            stores.create(
                tx, StoreWish("Riyadh", "SAR", "Asia/Riyadh", ("riyadh.example",)), now, BY
            )
        )
        self.kuwait = _done(stores.create(tx, StoreWish("Kuwait", "KWD", "UTC"), now, BY))
        keyring, scopes = self.engine.keyring, partners.checked_scopes(())
        first = partners.create(tx, keyring, "Partner", self.riyadh.store_id, scopes, now)
        second = _done(
            partners.install(tx, keyring, first.partner_id, self.kuwait.store_id, "", now)
        )
        self.partner = first.partner_id
        self.tokens = {self.riyadh.store_id: first, self.kuwait.store_id: second}
        self.aisha = self._customer(
            tx, self.riyadh, 1, "Aisha", "aisha@shop.example", "966501234567"
        )
        self.badr = self._customer(tx, self.riyadh, 2, "Badr", "badr@shop.example")
        self.clara = self._customer(tx, self.kuwait, 1, "Clara", "aisha@shop.example")

    def _customer(
        self,
        tx: Transaction,
        store: Store,
        customer_id: int,
        name: str,
        email: str = "",
        mobile: str = "",
    ) -> Shopper:
        wish = CustomerWish(name, email, mobile, customer_id)
        _done(customers.create(tx, store.store_id, wish, self.time.wall))
        return Shopper(store.store_id, customer_id, name, email, mobile)

    # -- who is here ----------------------------------------------------------------------------
    @property
    def shoppers(self) -> tuple[Shopper, Shopper, Shopper]:
        """All three customers."""
        return (self.aisha, self.badr, self.clara)

    def customer(
        self, store: Store, customer_id: int, name: str = "Somebody", email: str = ""
    ) -> Shopper:
        """One more customer of a store."""
        return self.engine.door.write_now(
            "customer", lambda tx: self._customer(tx, store, customer_id, name, email)
        )

    def login(self, shopper: Shopper) -> str:
        """Sign the customer in: a customer token."""
        engine = self.engine
        session = engine.door.write_now(
            "login",
            lambda tx: sessions.open_session(
                tx, engine.keyring, engine.settings, shopper.store_id, shopper.customer_id,
                self.time.wall, f"partner:{self.partner}",
            ),
        )  # fmt: skip
        return session.token

    def install(self, store: Store, *scopes: str, name: str = "Another") -> Installed:
        """One more partner, installed on the store with these scopes only."""
        kept = partners.checked_scopes(scopes)
        return self.engine.door.write_now(
            "partner",
            lambda tx: partners.create(
                tx, self.engine.keyring, name, store.store_id, kept, self.time.wall
            ),
        )

    def program(self, store: Store, wish: ProgramWish) -> None:
        """Change a store's program."""
        self.engine.door.write_now(
            "program",
            lambda tx: stores.change_program(tx, store.store_id, wish, self.time.wall, BY),
        )

    # -- moving points --------------------------------------------------------------------------
    def earn(
        self,
        shopper: Shopper,
        points: Points,
        *,
        at: Instant | None = None,
        mature_days: int = 0,
        expire_days: int | None = None,
        order: str = "",
    ) -> Answer:
        """An order earns at `at` (now): usable after `mature_days`, gone after `expire_days`."""
        placed_at = self.time.wall if at is None else at
        order = order or f"order-{self._next()}"
        command = Order(
            dkey=shopper.dkey, customer_id=shopper.customer_id,
            origin=SYSTEM, key=f"order:{order}:1", order_key=order, earned=points, kept=points,
            granted_at=placed_at, matures_at=placed_at + mature_days * DAY_US,
            expires_at=NEVER if expire_days is None else placed_at + expire_days * DAY_US,
            rule_id="rule", rule_revision=1,
        )  # fmt: skip
        return self.post(command)

    def spend(self, shopper: Shopper, points: Points, *, key: str = "") -> Answer:
        """Redeem points now; without a key, under a new one."""
        return self.post(self.spending(shopper, points, key=key))

    def spending(self, shopper: Shopper, points: Points, *, key: str = "") -> Spend:
        """The command of `spend`, not posted."""
        return Spend(
            dkey=shopper.dkey, customer_id=shopper.customer_id, origin=BY,
            key=key or f"spend-{self._next()}", points=points,
        )  # fmt: skip

    def adjust(
        self,
        shopper: Shopper,
        points: Points,
        *,
        expires_at: Instant = NEVER,
        reason: str = "test",
        key: str = "",
    ) -> Answer:
        """Add (above 0) or deduct (below 0) points by hand; without a key, under a new one."""
        return self.post(
            self.adding(shopper, points, expires_at=expires_at, reason=reason, key=key)
        )

    def adding(
        self,
        shopper: Shopper,
        points: Points,
        *,
        expires_at: Instant = NEVER,
        reason: str = "test",
        key: str = "",
    ) -> Adjust:
        """The command of `adjust`, not posted."""
        return Adjust(
            dkey=shopper.dkey, customer_id=shopper.customer_id, origin=BY,
            key=key or f"adjust-{self._next()}", points=points, expires_at=expires_at,
            reason=reason,
        )  # fmt: skip

    def post(self, command: Command) -> Answer:
        """Any command, through the door."""
        return self.engine.door.post_all([command])[0]

    def _next(self) -> int:
        self._keys += 1
        return self._keys

    # -- looking --------------------------------------------------------------------------------
    def balance(
        self,
        shopper: Shopper,
        *,
        as_of: Instant | None = None,
        known_at: Instant | None = None,
        version: int | None = None,
    ) -> Balance:
        """The customer's points now, or as the books tell them for then."""
        found = show(
            self.engine, shopper.store_id, shopper.customer_id,
            as_of=as_of, known_at=known_at, version=version,
        )  # fmt: skip
        assert found is not None
        return found

    def audit(self, store: Store | None = None) -> Report:
        """What the audit says of a store, or of all."""
        return audit(self.engine, None if store is None else store.store_id)

    def proof(self) -> Report:
        """What the audit says in full, once everything is sealed."""
        self.engine.sealer.all()
        return audit(self.engine, in_full=True)


def settings_in(folder: Path, **changes: int | str) -> Settings:
    """Settings for a database in the folder; `changes` name rows of the table in lower case."""
    environ = {f"NUQTA_{name.upper()}": str(value) for name, value in changes.items()}
    return Settings({"NUQTA_DB": str(folder / "nuqta.db"), **environ})


@contextmanager
def open_world(
    folder: Path, time: Time | None = None, *, is_audited: bool = True, **changes: int | str
) -> Iterator[World]:
    """A world of one's own, for tests that need settings of their own. As it ends it is sealed, and
    audited in full.

    A test that damages the books on purpose says `is_audited=False`.
    """
    time = time or Time()
    settings = settings_in(folder, **changes)
    make(settings)
    with open_engine(settings, time.clock(settings.clock_jump_seconds)) as engine:
        world = World(engine, time)
        yield world
        if is_audited:
            report = world.proof()
            assert report.ok, report.violations


def _done(made: T | Refusal) -> T:
    assert not isinstance(made, Refusal), made
    return made
