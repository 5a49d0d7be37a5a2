"""The connection is cut after the k-th byte of a write, or of its answer; the same call again ends
right, with one effect, whichever of two servers is asked then.

A cut is an end (FIN) or a reset (RST) in turns. The control is the same call without a key.
"""

import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from nuqta.engine.engine import open_engine
from tests.http.server import PATIENCE_S, Answer, House, Wire, open_house, request, serving
from tests.orders.shop import Shop, plain
from tests.torture.campaign import Campaign

FAULT: Final = "cut"
STEP: Final = 7
"""Of so many bytes one is tried in the bounded share; which, the seed says."""
ADJUST: Final = "/v1/managers/loyalty-program/customers/adjust-customer-points"
POINTS: Final = {"adjust": 3, "order": 230, "no key": 3}
"""What one write of a kind brings to Badr."""


class Stage:
    """Two servers on one database, and writes for them: as long, whatever their number."""

    def __init__(self, house: House, second: int) -> None:
        self.house = house
        self.ports = (house.port, second)
        self._order: dict[str, Any] = plain(Shop(house, house.world.riyadh), of=house.world.badr)

    def write(self, kind: str, number: int) -> bytes:
        """A write that is its own by its number; without a key there is nothing to tell it by."""
        headers = {
            **self.house.manager(self.house.world.riyadh),
            "Content-Type": "application/json",
            "X-Request-Id": f"cut-{number:06}",
        }
        if kind == "order":
            path = f"/v1/managers/store/orders/cut-{number:06}/loyalty"
            return request("PUT", path, headers, json.dumps(self._order).encode())
        if kind == "adjust":
            headers["Idempotency-Key"] = f"cut-{number:06}"
        body = {"customerId": self.house.world.badr.customer_id, "direction": "+", "points": 3}
        return request("POST", ADJUST, headers, json.dumps(body).encode())

    def whole(self, kind: str, number: int, port: int) -> Answer:
        """The write without a cut: it is done, now or before."""
        with Wire(port) as wire:
            wire.send(self.write(kind, number))
            answer = wire.answer()
        assert answer is not None
        assert answer.status == 200, answer.body
        return answer

    @property
    def points(self) -> int:
        """What Badr has, once everything that was begun has ended."""
        self.house.settle()
        return self.house.world.balance(self.house.world.badr).available


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with open_house(tmp_path) as house:
        world = house.world
        with serving(open_engine(world.engine.settings, world.time.clock())) as second:
            yield Stage(house, second)


def cut(port: int, data: bytes, read: int, *, is_hard: bool) -> bytes:
    """Send the bytes, read so many of what comes back, and be gone; what was read."""
    seen = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        line.sendall(data)
        while len(seen) < read:
            piece = line.recv(read - len(seen))
            assert piece, (seen, read)
            seen += piece
        if is_hard:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return seen


def places(campaign: Campaign, length: int) -> range:
    """After which bytes it is cut: after every one, or after some of them."""
    if campaign.is_full:
        return range(length + 1)
    return range(campaign.random.randrange(STEP), length + 1, STEP)


@pytest.mark.parametrize("kind", ["adjust", "order"])
def test_a_request_that_is_cut(stage: Stage, campaign: Campaign, kind: str) -> None:
    length = len(stage.write(kind, 0))
    done = 0
    for k in places(campaign, length):
        port, other = stage.ports[k % 2], stage.ports[k // 2 % 2]
        cut(port, stage.write(kind, k)[:k], 0, is_hard=k % 3 == 0)
        stage.whole(kind, k, other)
        done += 1
    campaign.count("cuts", done)
    assert stage.points == done * POINTS[kind]


@pytest.mark.parametrize("kind", ["adjust", "order"])
def test_an_answer_that_is_cut(stage: Stage, campaign: Campaign, kind: str) -> None:
    sample = stage.whole(kind, 999_999, stage.ports[0])
    length, done = len(sample.head) + len(sample.body), 1
    for k in places(campaign, length):
        port, other = stage.ports[k % 2], stage.ports[k // 2 % 2]
        seen = cut(port, stage.write(kind, k), k, is_hard=k % 3 == 0)
        again = stage.whole(kind, k, other)
        # What was seen of the first answer is what the second says, but that it is told again.
        told = again.body.replace(b'"is_replay":true', b'"is_replay":false')
        assert sample.head.startswith(seen[:15])
        assert told.startswith(seen[len(sample.head) :])
        done += 1
    campaign.count("cuts", done - 1)
    assert stage.points == done * POINTS[kind]


def test_control_without_a_key_it_counts_twice(stage: Stage, campaign: Campaign) -> None:
    """The same cuts of the same call, without its key: some count twice."""
    length = len(stage.write("no key", 0))
    done = 0
    for k in range(length - 20, length + 1):
        cut(stage.ports[0], stage.write("no key", k)[:k], 0, is_hard=False)
        stage.whole("no key", k, stage.ports[1])
        done += 1
    for k in range(20):
        cut(stage.ports[0], stage.write("no key", k), k, is_hard=False)
        stage.whole("no key", k, stage.ports[1])
        done += 1
    twice = stage.points // POINTS["no key"] - done
    campaign.control("the Idempotency-Key", f"{twice} of {done} retried writes counted twice")
    assert twice > 0
