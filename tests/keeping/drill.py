"""What drills share: random lives of points under load, and whether a copy is what the books were.

Nothing is tested here. A copy is right when it is a state that the books have had, not older than
what was acknowledged before it was begun; `differences` says in sentences where it is not.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final

import apsw
import msgspec

from nuqta.engine.engine import Engine
from nuqta.engine.reading.audit import audit
from nuqta.ledger.commands import Command, Receipt, Release, Reserve
from nuqta.ledger.history import holds_after, lots_after
from nuqta.ledger.instants import SECOND_US
from nuqta.ledger.transfers import AccountKey
from nuqta.storage import books
from tests.http.server import PATIENCE_S
from tests.world import Shopper, World

THREADS: Final = 4


class Acknowledged(msgspec.Struct, frozen=True):
    """A command that was answered, and the version of its account in the receipt."""

    account: AccountKey
    key: str
    version: int


class Load:
    """Threads that post random commands without a pause; `acknowledged` grows with every answer."""

    def __init__(self, world: World, seed: int, shoppers: int = 6) -> None:
        self.world = world
        self.shoppers = [
            world.customer(world.riyadh, number, f"Shopper {number}")
            for number in range(10, 10 + shoppers)
        ]
        self.acknowledged: list[Acknowledged] = []
        self._luck = [Random(seed + number) for number in range(THREADS)]
        self._halt = threading.Event()
        self._is_more = threading.Condition()
        self._threads = [
            threading.Thread(target=self._post, args=(number,)) for number in range(THREADS)
        ]

    def wait_for(self, more: int) -> int:
        """Wait until so many more are acknowledged; how many are in all."""
        until = len(self.acknowledged) + more
        with self._is_more:
            came = self._is_more.wait_for(lambda: len(self.acknowledged) >= until, PATIENCE_S)
        assert came, "nothing is acknowledged any more"
        return len(self.acknowledged)

    def _post(self, thread: int) -> None:
        luck, number = self._luck[thread], 0
        while not self._halt.is_set():
            number += 1
            key = f"{thread}-{number}"
            shopper = luck.choice(self.shoppers)
            answer = self.world.post(self._command(luck, shopper, key))
            if answer.refusal is None and answer.receipt.booked:
                with self._is_more:
                    self.acknowledged.append(Acknowledged(shopper.key, key, answer.receipt.version))
                    self._is_more.notify_all()

    def _command(self, luck: Random, shopper: Shopper, key: str) -> Command:
        """A gift, a hold, its release, or points that are spent or taken."""
        cart = f"cart-{luck.randrange(3)}"
        match luck.randrange(6):
            case 0:
                return Reserve(
                    dkey=shopper.dkey, customer_id=shopper.customer_id, origin="cli", key=key,
                    cart=cart, method_id="method", points=luck.randrange(1, 30), discount=100,
                    currency="SAR", life_us=60 * SECOND_US, holds_max=20,
                )  # fmt: skip
            case 1:
                return Release(
                    dkey=shopper.dkey, customer_id=shopper.customer_id, origin="cli", key=key,
                    cart=cart,
                )  # fmt: skip
            case 2:
                return self.world.spending(shopper, luck.randrange(1, 40), key=key)
            case 3:
                return self.world.adding(shopper, -luck.randrange(1, 10), key=key)
            case _:
                return self.world.adding(shopper, luck.randrange(1, 50), key=key)


@contextmanager
def posting(world: World, seed: int) -> Iterator[Load]:
    """A load while the block runs."""
    load = Load(world, seed)
    for thread in load._threads:
        thread.start()
    try:
        yield load
    finally:
        load._halt.set()
        for thread in load._threads:
            thread.join(PATIENCE_S)


def root(path: Path) -> str:
    """One digest over every row of every table, in the order of their keys."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    digest = sha256()
    try:
        connection.execute("BEGIN")
        found = connection.execute(
            "SELECT name, ncol FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " ORDER BY name"
        ).fetchall()
        for name, columns in found:
            order = ", ".join(map(str, range(1, int(columns or 1) + 1)))
            digest.update(repr(name).encode())
            for row in connection.execute(f"SELECT * FROM {name} ORDER BY {order}"):  # noqa: S608
                digest.update(repr(row).encode())
        connection.execute("ROLLBACK")
    finally:
        connection.close()
    return digest.hexdigest()


def differences(copy: Engine, source: Engine, load: Load, before: int) -> list[str]:
    """What is wrong with a copy, of which the first `before` acknowledgements must be in it.

    Every account, with its lots, holds and receipts, is compared with what the source's own history
    says of the version at which the copy has it.
    """
    found = [*audit(copy).violations]
    there, here = copy.vault.reader(), source.vault.reader()
    for shopper in load.shoppers:
        account = books.account(there, shopper.key)
        if account is None:
            found.append(f"{shopper.key} is not in the copy")
            continue
        lines = books.transfers(here, shopper.key)[: account.version]
        if books.transfers(there, shopper.key) != lines:
            found.append(f"{shopper.key}: other transfers")
        lots = lots_after(lines, books.all_lots(here, shopper.key))
        if books.all_lots(there, shopper.key) != lots:
            found.append(f"{shopper.key}: other lots")
        holds = holds_after(lines, books.all_holds(here, shopper.key))
        if books.all_holds(there, shopper.key) != holds:
            found.append(f"{shopper.key}: other holds")
        receipts = [
            one for one in _booked(books.receipts(here, shopper.key))
            if one.version <= account.version
        ]  # fmt: skip
        if _booked(books.receipts(there, shopper.key)) != receipts:
            found.append(f"{shopper.key}: other receipts")
    for one in load.acknowledged[:before]:
        known = books.account(there, one.account)
        if known is None or known.version < one.version:
            found.append(f"{one.key} was acknowledged and is not in the copy")
    return found


def _booked(receipts: list[Receipt]) -> list[Receipt]:
    """Those whose place in the history is known by their version."""
    return [one for one in receipts if one.booked]
