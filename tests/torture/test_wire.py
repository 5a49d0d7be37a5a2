"""Hostile requests by the thousand against one running server, slow callers beside them, and a good
client that is answered all the while.

Each gets a refusal or a closed connection in time; nothing is a server error, no log holds a
traceback, and the process stays small. The control gives slow callers all the time they want.
"""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Final

import pytest

from nuqta import refusals
from tests.http.server import PATIENCE_S, Answer, House, Log, Wire, open_house, path_of, request
from tests.http.test_serve import Process, free_port, process
from tests.torture.campaign import Campaign
from tests.torture.hostile import Hostile
from tests.torture.slow import Crowd
from tests.world import Time, World, open_world

FAULT: Final = "wire"
THREADS: Final = 4
GROWN_MAX: Final = 96 * 2**20
"""Bytes by which the server may be larger than after its first requests."""
DEFINED: Final = frozenset({refusal.status for refusal in refusals.ALL} - {500})
ENDLESS: Final = b"GET /v1 HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 20_000
LARGE: Final = request("GET", "/openapi.json")


@pytest.fixture
def present(tmp_path: Path) -> Iterator[World]:
    """The world, as of now."""
    with open_world(tmp_path, Time(time.time_ns() // 1000), rate_limit=0) as world:
        yield world


@contextmanager
def running(world: World, said: list[str]) -> Iterator[tuple[House, Process]]:
    """A server with little patience, whose log is read as it comes."""
    port = free_port()
    limits = {"NUQTA_RECEIVE_SECONDS": "2", "NUQTA_SEND_SECONDS": "2"}
    with process(world, "--port", str(port), **limits) as server:
        stdout = server.popen.stdout
        assert stdout is not None
        drain = threading.Thread(target=lambda: said.extend(stdout))
        drain.start()
        server.wait_for(port)
        yield House(world, port, Log()), server
        server.popen.terminate()
        server.popen.wait(PATIENCE_S)
        drain.join(PATIENCE_S)
        stdout.close()


def size_of(server: Process) -> int:
    """The memory that the process has, in bytes."""
    told = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(server.popen.pid)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(told.stdout) * 1024


class Attack:
    """One thread's hostile requests, and the good client's: what was wrong with any answer."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.wrong: list[tuple[bytes, str]] = []
        self.good = 0
        self.is_over = threading.Event()

    def send(self, luck: Random, times: int) -> None:
        """So many hostile requests, one connection each."""
        hostile = Hostile(self.house, luck)
        for _ in range(times):
            data = hostile.one()
            try:
                self._one(data, ends=luck.random() < 0.99)
            except Exception as fault:  # an assertion of the wire's reader, or time that ran out
                self.wrong.append((data, f"{type(fault).__name__}: {fault}"))

    def _one(self, data: bytes, *, ends: bool) -> None:
        with self.house.wire() as wire:
            wire.send(data)
            if ends:
                wire.end()
            while (answer := next_answer(wire, data)) is not None:
                fault = fault_of(answer)
                if fault:
                    self.wrong.append((data, fault))

    def be_good(self) -> None:
        """Ask for a balance and write under a key, again and again, until it is over."""
        world = self.house.world
        headers = self.house.shopper(world.riyadh, world.login(world.badr))
        while not self.is_over.is_set():
            asked = self.house.ask("GET", path_of(world.riyadh.store_id), headers)
            written = self.house.send(
                "POST", "/v1/managers/loyalty-program/customers/adjust-customer-points",
                {**self.house.manager(world.riyadh), "Idempotency-Key": f"good-{self.good}"},
                {"customerId": world.badr.customer_id, "direction": "+", "points": 1},
            )  # fmt: skip
            if (asked.status, written.status) != (200, 200):
                self.wrong.append((b"good", f"{asked.head!r} {written.body!r}"))
            self.good += 1


def next_answer(wire: Wire, data: bytes) -> Answer | None:
    """The next answer. To HEAD there is no body: a request that was turned into one by luck is not
    followed further."""
    return None if b"HEAD " in data else wire.answer()


def fault_of(answer: Answer) -> str:
    """What is wrong with an answer; "" for a good one and for a refusal that is one."""
    if answer.status < 400:
        return ""
    if answer.status not in DEFINED:
        return f"status {answer.status}: {answer.body!r}"
    return "" if answer.code or answer.body == b"" else f"no envelope: {answer.body!r}"


def test_nothing_breaks_the_wire(present: World, campaign: Campaign) -> None:
    said: list[str] = []
    times = campaign.rounds(500, 10_000) // THREADS
    slow = campaign.rounds(10, 50)  # senders, and as many readers: a hundred of them
    with running(present, said) as (house, server):
        attack = Attack(house)
        attack.send(Random(campaign.seed), 50)
        before = size_of(server)
        grown = [0]
        with Crowd(house.port, ENDLESS, LARGE, slow, again=True) as crowd:
            threads = [
                threading.Thread(target=attack.send, args=(Random(campaign.seed + number), times))
                for number in range(1, THREADS + 1)
            ]
            good = threading.Thread(target=attack.be_good)
            for thread in (*threads, good):
                thread.start()
            while any(thread.is_alive() for thread in threads) or crowd.cuts < 2 * slow:
                threads[0].join(0.2)
                assert server.is_alive(0.2)
                grown.append(size_of(server) - before)
            attack.is_over.set()
            good.join()
    assert attack.wrong == [], (len(attack.wrong), attack.wrong[0])
    assert attack.good > 0
    assert max(grown) < GROWN_MAX
    assert [line for line in said if "Traceback" in line or '"status":500' in line] == []
    booked = present.balance(present.badr).available
    assert booked == attack.good
    campaign.count("requests", times * THREADS + 50)
    campaign.count("slow callers cut", crowd.cuts)
    campaign.count("good answers meanwhile", 2 * attack.good)


def test_control_without_limits_slow_callers_stay(
    tmp_path_factory: pytest.TempPathFactory, campaign: Campaign
) -> None:
    """The same callers at two servers: one cuts them all, the other none by then."""
    many = 10
    with ExitStack() as stack:
        cutting = stack.enter_context(
            open_house(tmp_path_factory.mktemp("cutting"), receive_seconds=1, send_seconds=1)
        )
        patient = stack.enter_context(
            open_house(
                tmp_path_factory.mktemp("patient"),
                receive_seconds=3_600, send_seconds=3_600, stop_seconds=1,
            )
        )  # fmt: skip
        kept = stack.enter_context(Crowd(patient.port, ENDLESS, LARGE, many, again=False))
        crowd = stack.enter_context(Crowd(cutting.port, ENDLESS, LARGE, many, again=False))
        ends_at = time.monotonic() + 4 * PATIENCE_S
        while crowd.standing:
            assert time.monotonic() < ends_at
            assert cutting.ask("GET", "/nothing").status == 404
        assert kept.standing == 2 * many
        campaign.control(
            "NUQTA_RECEIVE_SECONDS and NUQTA_SEND_SECONDS",
            f"{kept.standing} of {2 * many} slow callers were still served by the time when the"
            " limits had cut all of them",
        )
