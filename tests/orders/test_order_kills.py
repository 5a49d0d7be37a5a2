"""kill -9 of a server that takes orders in: every order counts once, whatever was lost on the way.

The world's clock stands at the real present here, because the server's process has a clock of its
own. The luck prints its seed, which NUQTA_KILLS_SEED plays again as far as processes allow.
"""

import os
import random
import secrets
import threading
import time
from pathlib import Path
from typing import Any, Final

from tests.attack.running import serving
from tests.http.server import PATIENCE_S, House, Log
from tests.orders.shop import Body, Shop, plain
from tests.world import Shopper, Time, World, open_world

KILLS = 4
BEGINNING: Final = 10_000
HELD: Final = 40
"""Of each order: 40 points are worth 4.00, and what is left of 230.00 earns 226."""
EARNED: Final = 226


class Source:
    """A shop's own software: one customer after another fills a cart and orders it.

    It writes down what was acknowledged, and sends all of it again when it is told to.
    """

    def __init__(self, world: World, shopper: Shopper, method: Body) -> None:
        self.world = world
        self.shopper = shopper
        self.method = method
        self.sent: list[tuple[str, Body]] = []
        self.acknowledged: dict[str, dict[str, Any]] = {}
        self.faults: list[Exception] = []

    def send_until(self, killed: threading.Event, port: int) -> None:
        """One order after another, until nobody answers; before it is killed that is a fault."""
        shop = self._shop(port)
        while True:
            number = f"{self.shopper.customer_id}-{len(self.sent)}"
            body = plain(shop, of=self.shopper, cart_session_id=number, loyalty_redemption="4.00")
            self.sent.append((number, body))
            try:
                self.acknowledged[number] = self._send(shop, number, body)
            except (OSError, AssertionError) as fault:  # no answer, or half of one
                if not killed.is_set():
                    self.faults.append(fault)
                return

    def send_all_again(self, port: int) -> None:
        """Everything, in the order in which it was sent first; what was answered is so again."""
        shop = self._shop(port)
        for number, body in self.sent:
            told, known = self._send(shop, number, body), self.acknowledged.get(number)
            if known is not None:
                assert told == {**known, "is_replay": True}

    def _shop(self, port: int) -> Shop:
        return Shop(House(self.world, port, Log()), self.world.riyadh)

    def _send(self, shop: Shop, number: str, body: Body) -> dict[str, Any]:
        added = shop.add(self.shopper, number, self.method, key=number)
        assert added.code == "", added.body
        return shop.told(number, body)


def test_orders_of_a_killed_server_count_once(tmp_path: Path) -> None:
    seed = os.environ.get("NUQTA_KILLS_SEED") or secrets.token_hex(4)
    os.write(1, f"NUQTA_KILLS_SEED={seed}\n".encode())
    luck = random.Random(seed)
    with open_world(tmp_path, Time(time.time_ns() // 1000), rate_limit=0) as world:
        shoppers = [world.aisha, world.badr, world.customer(world.riyadh, 3)]
        for shopper in shoppers:
            world.adjust(shopper, BEGINNING)
        made = Shop(House(world, 0, Log()), world.riyadh).method(points=HELD, discount=4_00)
        sources = [Source(world, shopper, {"id": made.method_id}) for shopper in shoppers]
        for _ in range(KILLS):
            kill_amid(world, sources, luck.randrange(3, 25))
        with serving(world, 1) as (port, _):
            for source in sources:
                source.send_all_again(port)
        for source in sources:
            counts_once(world, source)


def kill_amid(world: World, sources: list[Source], more: int) -> None:
    """Let the sources send, and kill the server when so many more orders were acknowledged."""
    before, killed = sum(len(source.acknowledged) for source in sources), threading.Event()
    with serving(world, 1) as (port, server):
        threads = [
            threading.Thread(target=source.send_until, args=(killed, port)) for source in sources
        ]
        for thread in threads:
            thread.start()
        ends_at = time.monotonic() + PATIENCE_S
        while sum(len(source.acknowledged) for source in sources) < before + more:
            assert time.monotonic() < ends_at, "nothing is acknowledged"
            threads[0].join(0.002)
        killed.set()
        server.popen.kill()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert [source.faults for source in sources] == [[], [], []]
    world.engine.door.write_now("after the kill", lambda tx: None)
    report = world.audit()
    assert report.ok, report.violations


def counts_once(world: World, source: Source) -> None:
    """Each order took the points of its cart once, and earned once."""
    shop = Shop(House(world, 0, Log()), world.riyadh)
    orders, balance = len(source.sent), world.balance(source.shopper)
    assert len(source.acknowledged) >= orders - KILLS
    assert balance.used == orders * HELD
    assert balance.available == BEGINNING + orders * (EARNED - HELD)
    assert (balance.held, balance.pending, balance.owed) == (0, 0, 0)
    for number, _ in source.sent:
        order = shop.order(number)
        assert (order.redeemed, order.troubles) == (HELD, "")
