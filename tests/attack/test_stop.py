"""SIGTERM under load: what was accepted is answered, nothing is half done, and the end is near.

Writers send under keys and note what was acknowledged; then every key is sent again to a server
that starts after it.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import pytest

from nuqta.engine.engine import open_engine
from tests.http.server import PATIENCE_S, Answer, House, Log, Wire, request, serving
from tests.http.test_serve import Process, free_port, process, under_way
from tests.world import World

ADJUST: Final = "/v1/managers/loyalty-program/customers/adjust-customer-points"
WRITERS: Final = 8
DEPTH: Final = 3
"""Writes that a writer sends before it reads an answer."""


def write(house: House, key: str) -> bytes:
    """One point for Badr, under a key."""
    headers = {**house.manager(house.world.riyadh), "Idempotency-Key": key}
    body = {"customerId": house.world.badr.customer_id, "direction": "+", "points": 1}
    headers["Content-Type"] = "application/json"
    return request("POST", ADJUST, headers, json.dumps(body).encode())


class Writer:
    """One connection on which writes are sent, some ahead of their answers, until it ends."""

    def __init__(self, house: House, name: int) -> None:
        self.house = house
        self.name = name
        self.sent = 0
        self.answers: list[Answer] = []

    def key(self, number: int) -> str:
        """The key of the write of that number."""
        return f"writer-{self.name}-{number}"

    def run(self) -> None:
        """Write until the server ends the connection."""
        with self.house.wire() as wire:
            while True:
                while self.sent < len(self.answers) + DEPTH:
                    self.sent += 1
                    if not wire.send(write(self.house, self.key(self.sent - 1))):
                        return
                try:
                    answer = wire.answer()
                except AssertionError:  # half of an answer
                    return
                if answer is None:
                    return
                self.answers.append(answer)


def stopped_amid(server: Process, house: House, before_it: int) -> list[Writer]:
    """The writers of a server that was told to stop once so many writes were acknowledged."""
    writers = [Writer(house, number) for number in range(WRITERS)]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    while sum(len(writer.answers) for writer in writers) < before_it:
        assert server.is_alive(0.005)
    server.popen.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return writers


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_accepted_is_answered(present: World, workers: str) -> None:
    port = free_port()
    house = House(present, port, Log())
    with process(present, "--port", str(port), "--workers", workers) as server:
        server.wait_for(port)
        with house.wire() as idle:
            idle.send(request("GET", "/nothing"))
            assert idle.answer() is not None
            writers = stopped_amid(server, house, 200)
            assert idle.is_over()
        code, said = server.end()
    assert code in (0, -signal.SIGTERM), said
    assert "Traceback" not in said
    acknowledged = sum(len(writer.answers) for writer in writers)
    assert {answer.status for writer in writers for answer in writer.answers} == {200}
    booked = present.balance(present.badr).available
    assert acknowledged <= booked <= sum(writer.sent for writer in writers)
    settles(present, writers)


def settles(world: World, writers: list[Writer]) -> None:
    """Under the same keys every write is done once, and says what it said before."""
    with serving(open_engine(world.engine.settings)) as port:
        house = House(world, port, Log())
        for writer in writers:
            with house.wire() as wire:
                for number in range(writer.sent):
                    answer = written(house, wire, writer.key(number))
                    if number < len(writer.answers):
                        assert answer.body == writer.answers[number].body
                        assert answer["idempotent-replayed"] == "true"
    assert world.balance(world.badr).available == sum(writer.sent for writer in writers)


def written(house: House, wire: Wire, key: str) -> Answer:
    """The answer to a write that is done, now or before."""
    wire.send(write(house, key))
    answer = wire.answer()
    assert answer is not None
    assert answer.status == 200
    return answer


def test_whoever_never_ends_is_told(present: World) -> None:
    """A body that does not come, and a door that does not open, are not waited for."""
    port = free_port()
    house = House(present, port, Log())
    options = ("--port", str(port), "--no-worker")
    with process(present, *options, NUQTA_STOP_SECONDS="1") as server:
        server.wait_for(port)
        with under_way(house) as half, house.wire() as waiting, locked(present):
            waiting.send(write(house, "waits"))
            waiting.send(write(house, "behind it"))
            server.popen.send_signal(signal.SIGTERM)
            for wire in (half, waiting):
                unknown(wire)
        code, said = server.end()
    assert code in (0, -signal.SIGTERM), said
    assert "Traceback" not in said
    assert present.balance(present.badr).available <= 1, "what stood behind it never began"
    with serving(open_engine(present.engine.settings)) as port:
        again = House(present, port, Log())
        for _ in range(2):
            with again.wire() as wire:
                written(again, wire, "waits")
    assert present.balance(present.badr).available == 1


def workers_of(server: Process) -> set[int]:
    """The processes that answer for a server of several."""
    listed = subprocess.run(
        ["ps", "-axwwo", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    ).stdout
    found = [line.split(maxsplit=2) for line in listed.splitlines()]
    return {
        int(pid)
        for pid, parent, command in found
        if int(parent) == server.popen.pid and "spawn_main" in command
    }


def test_a_worker_that_dies_is_replaced(present: World) -> None:
    port = free_port()
    house = House(present, port, Log())
    with process(present, "--port", str(port), "--workers", "2") as server:
        server.wait_for(port)
        assert house.ask("GET", "/nothing").status == 404
        before = workers_of(server)
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        while len(workers_of(server) - before) < 1:
            assert server.is_alive(0.05)
        for _ in range(20):
            assert house.ask("GET", "/nothing").status == 404
        code, said = server.end(signal.SIGTERM)
    assert code in (0, -signal.SIGTERM), said
    assert f"worker {min(before)} died" in said


def test_workers_that_cannot_be_replaced_end_the_server(present: World, tmp_path: Path) -> None:
    """Somebody tidied up where they count together: the server ends with a sentence, so that
    another is started, and does not hold the port for ever with nobody behind it."""
    port, temporary = free_port(), tmp_path / "temporary"
    temporary.mkdir()
    options = ("--port", str(port), "--workers", "2")
    with process(present, *options, TMPDIR=str(temporary)) as server:
        server.wait_for(port)
        assert House(present, port, Log()).ask("GET", "/nothing").status == 404
        (folder,) = temporary.iterdir()
        before = workers_of(server)
        shutil.rmtree(folder)
        os.kill(min(before), signal.SIGKILL)
        code, said = server.end()
    assert code == 1, said
    assert f"{folder}, in which the workers count together, is gone" in said
    assert "Traceback" not in said
    assert "Traceback" not in said


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Another process's write that does not end."""
    other = apsw.Connection(str(world.engine.vault.path))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def unknown(wire: Wire) -> None:
    """A 503 that says when to ask again, and the end."""
    answer = wire.answer()
    assert answer is not None
    assert answer.code == "ERROR_SERVICE_UNAVAILABLE"
    assert answer["connection"] == "close"
    assert int(answer["retry-after"]) > 0
    assert wire.is_over()
