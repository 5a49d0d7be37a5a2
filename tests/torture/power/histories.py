"""A history: what some customers wished, what they were told, and what the books were after each
commit; played on a disk that has no trouble, and then again on others.

Everything in it follows from the seed: commands, the clock, and so every row. So the books that
are found after a fault can be held, byte for byte, against those of one instant of the history.
No test stands here.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from nuqta.engine.engine import Engine, make, open_engine
from nuqta.engine.reading.audit import audit
from nuqta.ledger.commands import (
    SYSTEM,
    Adjust,
    Answer,
    Command,
    Order,
    Release,
    Reserve,
    Settle,
    Spend,
)
from nuqta.ledger.instants import DAY_US, NEVER, SECOND_US, Instant
from nuqta.ledger.transfers import AccountKey
from nuqta.refusals import CUSTOMER_NOT_FOUND, KEY_CONFLICT
from nuqta.settings import Settings
from nuqta.storage import books
from tests.torture.power.disk import Disk
from tests.world import Shopper, Time, World, settings_in

TABLES: Final = ("accounts", "lots", "holds", "transfers", "receipts", "notes", "events")
"""What a history changes."""
FOLD_PAGES: Final = 60
"""The log is folded into the file after so many pages, so that it happens some times."""
_KEYS_REPEATED: Final = 0.15
_FORWARD: Final = (SECOND_US, SECOND_US, 60 * SECOND_US, DAY_US // 24, DAY_US, 3 * DAY_US)
_HOUR: Final = DAY_US // 24


class Step(msgspec.Struct, frozen=True):
    """One commit: when, what was wished, what was answered, and the digest of the books after."""

    at: Instant
    commands: tuple[Command, ...]
    answers: tuple[Answer, ...]
    digest: str


class History(msgspec.Struct, frozen=True):
    """The books before it, and its steps."""

    start: Path
    digest: str
    steps: tuple[Step, ...]

    def digest_after(self, steps: int) -> str:
        """Of the books after so many steps."""
        return self.steps[steps - 1].digest if steps else self.digest


def settings_of(folder: Path) -> Settings:
    """Settings of a database that is opened again at any instant."""
    return settings_in(folder, secret="0" * 64)


def digest_of(engine: Engine) -> str:
    """A digest of every row that a history changes."""
    found = hashlib.blake2b(digest_size=16)
    with engine.vault.snapshot() as tx:
        for table in TABLES:
            for row in tx.rows_of(f"SELECT * FROM {table}", ()):  # noqa: S608
                found.update(repr(row).encode())
    return found.hexdigest()


@contextmanager
def opened(folder: Path, time: Time) -> Iterator[Engine]:
    """The engine on the books in a folder, with a log that is folded often."""
    with open_engine(settings_of(folder), time.clock(10**9)) as engine:
        engine.vault.fold_pages = FOLD_PAGES
        yield engine


# -- writing one -----------------------------------------------------------------------------------
def written(folder: Path, luck: Random, count: int) -> History:
    """A new history of `count` steps; its books before lie in `folder`/start."""
    start, played = folder / "start", folder / "played"
    start.mkdir()
    with Disk(start).mounted():
        make(settings_of(start))
        with opened(start, Time()) as engine:
            people = World(engine, Time()).shoppers
    copied(start, played)
    time = Time()
    steps: list[Step] = []
    with Disk(played).mounted(), opened(played, time) as engine:
        before = digest_of(engine)
        author = Author(engine, people, luck)
        for _ in range(count):
            time.forward(us=luck.choice(_FORWARD) + luck.randrange(1000))
            commands = author.commands(time.wall)
            answers = tuple(engine.door.post_all(commands))
            steps.append(Step(time.wall, commands, answers, digest_of(engine)))
        report = audit(engine)
        assert report.ok, report.violations
    return History(start, before, tuple(steps))


def copied(source: Path, target: Path) -> Path:
    """The same files in another folder."""
    shutil.copytree(source, target)
    return target


class Author:
    """Thinks up commands: few customers, carts, orders and keys, so that they meet again."""

    def __init__(self, engine: Engine, people: tuple[Shopper, ...], luck: Random) -> None:
        self._engine, self._people, self._luck = engine, people, luck
        self._orders: dict[tuple[AccountKey, str], Order] = {}
        self._in_batch: set[tuple[AccountKey, str]] = set()
        self._said: list[Command] = []
        self._number = 0

    def commands(self, now: Instant) -> tuple[Command, ...]:
        """One batch, of one command or some."""
        count = self._luck.choice((1, 1, 1, 2, 5))
        self._in_batch.clear()
        made = tuple(self._command(now) for _ in range(count))
        self._said += [one for one in made if one.origin != SYSTEM]
        return made

    def _command(self, now: Instant) -> Command:
        luck = self._luck
        if self._said and luck.random() < _KEYS_REPEATED:
            return luck.choice(self._said)
        shopper = luck.choice(self._people)
        self._number += 1
        key = f"k{self._number}"
        if self._said and luck.random() < 0.05:
            key = luck.choice(self._said).key  # for something else: a conflict, where it is known
        who: dict[str, Any] = {"dkey": shopper.dkey, "customer_id": shopper.customer_id}
        if luck.random() < 0.03:
            who["customer_id"] += 64  # nobody
        match luck.randrange(10):
            case 0 | 1 | 2:
                ends = now + luck.choice((_HOUR, DAY_US)) if luck.random() < 0.3 else NEVER
                points = luck.choice((1, 5, 40, 100, -1, -30, -10_000))
                return Adjust(
                    origin="cli", key=key, points=points,
                    expires_at=ends if points > 0 else NEVER, reason="because", **who,
                )  # fmt: skip
            case 3 | 4:
                return Spend(origin="cli", key=key, points=luck.choice((1, 7, 30, 2_000)), **who)
            case 5 | 6:
                return Reserve(
                    origin="cli", key=key, cart=luck.choice("abc"), method_id=luck.choice("mn"),
                    points=luck.choice((3, 20, 5_000)), discount=5, currency="SAR",
                    life_us=luck.choice((60 * SECOND_US, DAY_US)), holds_max=2, **who,
                )  # fmt: skip
            case 7:
                return Release(origin="cli", key=key, cart=luck.choice("abc"), **who)
            case 8:
                return self._order(shopper, now)
            case _:
                return Settle(origin=SYSTEM, key="settle", **who)

    def _order(self, shopper: Shopper, now: Instant) -> Command:
        """News of an order: of a new one, or of one that keeps less, or gives back more. A batch
        has one news of it: who posts it again must not move it to and fro."""
        luck, name = self._luck, self._luck.choice(("o1", "o2", "o3", "o4"))
        if (shopper.key, name) in self._in_batch:
            return Settle(dkey=shopper.dkey, customer_id=shopper.customer_id, origin=SYSTEM, key="")
        self._in_batch.add((shopper.key, name))
        known = self._orders.get((shopper.key, name))
        if known is None:
            known = self._new_order(shopper, name, now)
        share, back = luck.choice((4, 4, 2, 0)), luck.choice((0, 0, 2, 4))
        order = msgspec.structs.replace(
            known, key=f"order:{name}:{self._number}", kept=known.earned * share // 4,
            returned=known.redeemed * back // 4, undone_at=now,
        )  # fmt: skip
        self._orders[shopper.key, name] = order
        return order

    def _new_order(self, shopper: Shopper, name: str, now: Instant) -> Order:
        with self._engine.vault.snapshot() as tx:
            holds = books.all_holds(tx, shopper.key)
        unused = [hold for hold in holds if not hold.order_key]
        hold = self._luck.choice(unused) if unused and self._luck.random() < 0.7 else None
        earned = self._luck.choice((10, 60, 500))
        return Order(
            dkey=shopper.dkey, customer_id=shopper.customer_id, origin=SYSTEM, key="",
            order_key=name, earned=earned, kept=earned, granted_at=now,
            matures_at=now + self._luck.choice((0, 0, DAY_US)),
            expires_at=self._luck.choice((NEVER, now + 4 * DAY_US)), rule_id="rule",
            rule_revision=1, hold=hold.hold if hold else 0, redeemed=hold.points if hold else 0,
        )  # fmt: skip


# -- playing one -----------------------------------------------------------------------------------
class Wrong(AssertionError):
    """The books, or an answer, are not what the history says."""


def play(engine: Engine, time: Time, history: History, first: int = 0) -> Iterator[int]:
    """Post the steps from number `first` on; each number once it was answered, as it was before."""
    for number, step in enumerate(history.steps[first:], first):
        time.wall = step.at
        _compare(engine.door.post_all(step.commands), step, number)
        yield number


def replay(engine: Engine, history: History, steps: int) -> None:
    """Post again all that was answered under a key, and see the same answers."""
    for number, step in enumerate(history.steps[:steps]):
        kept = [
            (command, answer)
            for command, answer in zip(step.commands, step.answers, strict=True)
            if command.origin != SYSTEM
        ]
        again = engine.door.post_all([command for command, _ in kept])
        for (command, answer), now in zip(kept, again, strict=True):
            if (now.refusal, now.is_replay or not _is_kept(answer)) != (answer.refusal, True):
                raise Wrong(f"step {number}: {command} is answered {now}, not {answer}")
            if _is_kept(answer) and now.receipt != answer.receipt:
                raise Wrong(f"step {number}: {command} has another receipt: {now}, not {answer}")


def _is_kept(answer: Answer) -> bool:
    """Whether it is remembered: a conflict is not, nor what somebody is told who is nobody."""
    return answer.refusal not in (KEY_CONFLICT, CUSTOMER_NOT_FOUND)


def _compare(answers: list[Answer], step: Step, number: int) -> None:
    for answer, expected in zip(answers, step.answers, strict=True):
        if answer.receipt.origin == SYSTEM:
            continue  # keeps no receipt: what it did is in the books
        if (answer.receipt, answer.refusal) != (expected.receipt, expected.refusal):
            raise Wrong(f"step {number}: answered {answer}, not {expected}")


def step_of(engine: Engine, history: History, least: int) -> int:
    """After how many steps the books stand where they do, at least `least`. Raises Wrong."""
    found = digest_of(engine)
    for steps in range(least, min(least + 2, len(history.steps) + 1)):
        if history.digest_after(steps) == found:
            return steps
    before = [steps for steps in range(least) if history.digest_after(steps) == found]
    if before:
        raise Lost(f"{least - before[-1]} of {least} acknowledged commits are gone", before[-1])
    raise Wrong(f"after {least} acknowledged commits the books are those of no instant")


class Lost(Wrong):
    """Acknowledged commits are gone; the books are those after `steps`."""

    def __init__(self, sentence: str, steps: int) -> None:
        super().__init__(sentence)
        self.steps = steps
