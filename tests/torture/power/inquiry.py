"""Everything that a server would say of some customers' points, and do with them: for books that
are whole, and for the same books with a bit that has flipped. No test stands here.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from nuqta.api.points import PATH, PointsRoute
from nuqta.engine.engine import Engine, make
from nuqta.engine.reading.history import history
from nuqta.engine.reading.balances import show
from nuqta.ledger.commands import SYSTEM, Adjust, Command, Order, Release, Reserve, Spend
from nuqta.ledger.instants import DAY_US, NEVER, Instant
from nuqta.storage.faults import StorageFault
from nuqta.web.limiter import limiters
from nuqta.web.log import RequestLog
from tests.torture.power.disk import Disk
from tests.torture.power.histories import opened, settings_of
from tests.world import Shopper, Time, World

Said: TypeAlias = dict[str, object]
"""What was answered, by what was asked."""


class Fault(msgspec.Struct, frozen=True):
    """An answer that is none: 503, or no start, with what the log says of it."""

    sentence: str


class Furnished(msgspec.Struct, frozen=True):
    """Whole books, closed; who shops there, with which tokens; and when."""

    file: bytes
    now: Instant
    shoppers: tuple[Shopper, ...]
    tokens: dict[Shopper, tuple[str, str]]


class Line(logging.Handler):
    """The last thing that the log was told."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = self.format(record)


def command(kind: type[Command], shopper: Shopper, key: str, **more: object) -> Command:
    """A command of the terminal's, or of the system's for an order."""
    origin = SYSTEM if kind is Order else "cli"
    made = {"dkey": shopper.dkey, "customer_id": shopper.customer_id, "origin": origin, "key": key}
    return kind(**made, **more)  # type: ignore[arg-type]


def order(shopper: Shopper, name: str, now: Instant, kept: int = 100, **more: object) -> Command:
    """What an order that earned 100 comes to."""
    return command(
        Order, shopper, f"order:{name}:{kept}", order_key=name, earned=100, kept=kept,
        granted_at=now, matures_at=now, expires_at=now + 30 * DAY_US, rule_id="rule",
        rule_revision=1, **more,
    )  # fmt: skip


def reserve(shopper: Shopper, cart: str, points: int) -> Command:
    """So many points go into a cart."""
    return command(
        Reserve, shopper, f"reserve-{cart}", cart=cart, method_id="m", points=points, discount=5,
        currency="SAR", life_us=40 * DAY_US, holds_max=9,
    )  # fmt: skip


def furnish(folder: Path) -> Furnished:
    """Three customers with lots, holds, orders, a debt, and keys that were answered."""
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
    post(order(shopper, "A", now), order(shopper, "B", now))
    post(command(Adjust, shopper, "plus", points=70, reason="a gift"))
    post(command(Adjust, shopper, "soon", points=20, expires_at=now + 3 * DAY_US))
    post(command(Spend, shopper, "spend", points=45), reserve(shopper, "c1", 50))
    post(reserve(shopper, "c2", 30), command(Spend, shopper, "much", points=10**6))
    hold = next(iter(_holds(engine, shopper)))
    post(order(shopper, "C", now, kept=60, hold=hold, redeemed=50))
    post(command(Adjust, shopper, "minus", points=-7))


def _holds(engine: Engine, shopper: Shopper) -> list[int]:
    from nuqta.storage import books

    with engine.vault.snapshot() as tx:
        return [hold.hold for hold in books.all_holds(tx, shopper.key)]


# -- asking ----------------------------------------------------------------------------------------
@contextmanager
def _heard() -> Iterator[Line]:
    line, log = Line(), logging.getLogger("nuqta")
    log.addHandler(line)
    try:
        yield line
    finally:
        log.removeHandler(line)


def ask(furnished: Furnished, folder: Path, file: bytes) -> Said:
    """Start on the file, and ask everything. What is asked of one customer stands alone."""
    folder.mkdir()
    (folder / "nuqta.db").write_bytes(file)
    time = Time(furnished.now)
    with Disk(folder).mounted(), _heard() as heard:
        try:
            with opened(folder, time) as engine:
                return _asked(engine, furnished, time, heard)
        except StorageFault as fault:
            return {"start": Fault(str(fault))}


def _asked(engine: Engine, furnished: Furnished, time: Time, heard: Line) -> Said:
    said: Said = {}
    paces = limiters(engine.settings)
    route = PointsRoute(engine, paces, RequestLog(0))
    for shopper in furnished.shoppers:
        partner, session = furnished.tokens[shopper]
        headers = {b"authorization": b"Bearer " + partner.encode(), b"x-customer-token": session.encode()}
        url = PATH.replace("{store}", str(shopper.store_id)).encode()

        def points() -> object:
            reply = route.in_front("GET", url, headers)
            assert reply is not None
            return Fault(heard.text) if reply[0] == 503 else (reply[0], reply[2])

        name = shopper.name
        said |= _each(name, {
            "points": points,
            "show": lambda: show(engine, shopper.store_id, shopper.customer_id),
            "version": lambda: show(engine, shopper.store_id, shopper.customer_id, version=5),
            "history": lambda: history(engine, shopper.store_id, shopper.customer_id),
        })
        time.wall += 5 * DAY_US
        said |= _each(f"{name} later", {"points": points})
        time.wall -= 5 * DAY_US
    for shopper in furnished.shoppers:
        name = shopper.name
        for number, wish in enumerate(_wishes(shopper, furnished.now)):
            def post() -> object:
                answer = engine.door.post_all([wish])[0]
                shown = show(engine, shopper.store_id, shopper.customer_id)
                return (answer.refusal.code if answer.refusal else "", answer.is_replay, shown)
            said |= (one := _each(f"{name} wish {number}", {wish.key: post}))
            if any(isinstance(x, (Fault, Exception)) for x in one.values()):
                break
    return said


def _wishes(shopper: Shopper, now: Instant) -> list[Command]:
    began = now - 3 * 0
    return [
        command(Adjust, shopper, "plus", points=70, reason="a gift"),
        command(Spend, shopper, "much", points=10**6),
        command(Adjust, shopper, "one", points=1),
        command(Spend, shopper, "two", points=2),
        command(Release, shopper, "release", cart="c2"),
        order(shopper, "A", now, kept=0),
        order(shopper, "B", now, kept=50),
        command(Adjust, shopper, "three", points=3),
    ]


def _each(name: str, questions: dict[str, Callable[[], object]]) -> Said:
    said: Said = {}
    for what, question in questions.items():
        try:
            said[f"{name} {what}"] = question()
        except StorageFault as fault:
            said[f"{name} {what}"] = Fault(str(fault))
        except Exception as error:
            said[f"{name} {what}"] = error
    return said
