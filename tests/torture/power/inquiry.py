"""Everything that a server would say of some customers' points, and do with them: for books that
are whole, and for the same books with a bit that has flipped. No test stands here.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from nuqta.api.points import PATH, PointsRoute
from nuqta.engine.engine import Engine, make
from nuqta.engine.reading.audit import audit
from nuqta.engine.reading.balances import show
from nuqta.engine.reading.history import history
from nuqta.ledger.commands import SYSTEM, Adjust, Command, Order, Release, Reserve, Spend
from nuqta.ledger.instants import DAY_US, Instant
from nuqta.storage import books
from nuqta.storage.faults import StorageFault
from nuqta.web.limiter import limiters
from nuqta.web.log import RequestLog
from tests.torture.power.disk import Disk
from tests.torture.power.histories import opened, settings_of
from tests.world import Shopper, Time, World

Said: TypeAlias = dict[tuple[str, str], object]
"""What was answered, by whom it is about and what was asked."""
LATER_US = 5 * DAY_US
"""By then a lot has expired that no one has booked."""


class Fault(msgspec.Struct, frozen=True):
    """An answer that is none: 503, or no start, with what the log says of it."""

    sentence: str


class Furnished(msgspec.Struct, frozen=True):
    """Whole books, closed; who shops there, with which tokens; and when."""

    file: bytes
    now: Instant
    shoppers: tuple[Shopper, ...]
    tokens: dict[Shopper, tuple[str, str]]


# -- whole books -----------------------------------------------------------------------------------
def furnish(folder: Path) -> Furnished:
    """Three customers with lots, holds, orders, and keys that were answered."""
    folder.mkdir()
    time = Time()
    with Disk(folder).mounted():
        make(settings_of(folder))
        with opened(folder, time) as engine:
            world = World(engine, time)
            for shopper in world.shoppers:
                _furnish(engine, shopper, time)
            tokens = {
                one: (world.tokens[one.store_id].authorization, world.login(one))
                for one in world.shoppers
            }
    return Furnished((folder / "nuqta.db").read_bytes(), time.wall, world.shoppers, tokens)


def _furnish(engine: Engine, shopper: Shopper, time: Time) -> None:
    def post(*commands: Command) -> None:
        time.forward(seconds=60)
        engine.door.post_all(commands)

    now = time.wall
    post(_order(shopper, "A", now), _order(shopper, "B", now))
    post(_command(Adjust, shopper, "plus", points=70, reason="a gift"))
    post(_command(Adjust, shopper, "soon", points=20, expires_at=now + 3 * DAY_US))
    post(_command(Spend, shopper, "spend", points=11), _reserve(shopper, "c1", 50))
    post(_reserve(shopper, "c2", 30), _command(Spend, shopper, "much", points=10**6))
    with engine.vault.snapshot() as tx:
        hold = books.all_holds(tx, shopper.key)[0]
    post(_order(shopper, "C", now, kept=60, hold=hold.hold, redeemed=50))
    post(_command(Adjust, shopper, "minus", points=-7))


def _wishes(shopper: Shopper, now: Instant) -> list[Command]:
    """Two that were answered before, then others."""
    return [
        _command(Adjust, shopper, "plus", points=70, reason="a gift"),
        _command(Spend, shopper, "much", points=10**6),
        _command(Adjust, shopper, "one", points=1),
        _command(Spend, shopper, "two", points=2),
        _command(Release, shopper, "release", cart="c2"),
        _order(shopper, "A", now, kept=0),
        _order(shopper, "B", now, kept=50),
        _order(shopper, "D", now),
        _command(Adjust, shopper, "three", points=3),
    ]


def _command(kind: Callable[..., Command], shopper: Shopper, key: str, **more: Any) -> Command:
    """A command of the terminal's, or of the system's for an order."""
    return kind(
        dkey=shopper.dkey, customer_id=shopper.customer_id,
        origin=SYSTEM if kind is Order else "cli", key=key, **more,
    )  # fmt: skip


def _order(shopper: Shopper, name: str, now: Instant, kept: int = 100, **more: Any) -> Command:
    """What an order that earned 100 comes to."""
    return _command(
        Order, shopper, f"order:{name}:{kept}", order_key=name, earned=100, kept=kept,
        granted_at=now, matures_at=now, expires_at=now + 30 * DAY_US, rule_id="rule",
        rule_revision=1, **more,
    )  # fmt: skip


def _reserve(shopper: Shopper, cart: str, points: int) -> Command:
    """So many points go into a cart."""
    return _command(
        Reserve, shopper, f"reserve-{cart}", cart=cart, method_id="m", points=points, discount=5,
        currency="SAR", life_us=40 * DAY_US, holds_max=9,
    )  # fmt: skip


# -- asking ----------------------------------------------------------------------------------------
class _Heard(logging.Handler):
    """The last thing that the log was told."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = self.format(record)


@contextmanager
def _hearing() -> Iterator[_Heard]:
    heard, log = _Heard(), logging.getLogger("nuqta")
    log.addHandler(heard)
    try:
        yield heard
    finally:
        log.removeHandler(heard)


def ask(furnished: Furnished, folder: Path, file: bytes) -> Said:
    """Start on the file, and ask everything; what was answered, Fault for a 503."""
    folder.mkdir()
    (folder / "nuqta.db").write_bytes(file)
    time = Time(furnished.now)
    with Disk(folder).mounted(), _hearing() as heard:
        try:
            with opened(folder, time) as engine:
                said: Said = {}
                for shopper in furnished.shoppers:
                    said |= _read(engine, furnished, shopper, time, heard)
                for shopper in furnished.shoppers:
                    said |= _written(engine, shopper, furnished.now)
                said["", "audit"] = _answered(lambda: audit(engine).ok)
                return said
        except StorageFault as fault:
            return {("", "start"): Fault(str(fault))}


def _read(
    engine: Engine, furnished: Furnished, shopper: Shopper, time: Time, heard: _Heard
) -> Said:
    """What is shown of one customer: over HTTP, now and later, and by the reading side."""
    route = PointsRoute(engine, limiters(engine.settings), RequestLog(0))
    partner, session = furnished.tokens[shopper]
    headers = {
        b"authorization": f"Bearer {partner}".encode(),
        b"x-customer-token": session.encode(),
    }
    url = PATH.replace("{store}", str(shopper.store_id)).encode()
    who = (shopper.store_id, shopper.customer_id)

    def points() -> object:
        reply = route.in_front("GET", url, headers)
        assert reply is not None
        return Fault(heard.text) if reply[0] == 503 else (reply[0], reply[2])

    said: Said = {
        (shopper.name, what): _answered(question)
        for what, question in {
            "points": points,
            "show": lambda: show(engine, *who),
            "version": lambda: show(engine, *who, version=5),
            "history": lambda: history(engine, *who),
        }.items()
    }
    time.wall += LATER_US
    said[shopper.name, "points later"] = _answered(points)
    time.wall -= LATER_US
    return said


def _written(engine: Engine, shopper: Shopper, now: Instant) -> Said:
    """What becomes of wishes, and the balance after each, up to the first that is no answer."""
    said: Said = {}
    for number, wish in enumerate(_wishes(shopper, now)):
        answer = _answered(lambda wish=wish: _posted(engine, shopper, wish))  # type: ignore[misc]
        said[shopper.name, f"wish {number} {wish.key}"] = answer
        if isinstance(answer, Fault | Exception):
            break
    return said


def _posted(engine: Engine, shopper: Shopper, wish: Command) -> object:
    answer = engine.door.post_all([wish])[0]
    shown = show(engine, shopper.store_id, shopper.customer_id)
    return (answer.refusal.code if answer.refusal else "", answer.is_replay, shown)


def _answered(question: Callable[[], object]) -> object:
    """The answer; a Fault or whatever else was raised in its place."""
    try:
        return question()
    except StorageFault as fault:
        return Fault(str(fault))
    except Exception as error:
        return error
