"""`nuqta serve` as a process: it answers, ends gracefully, says why it cannot start, tells nothing.

The world's clock stands at the real present here, because the server's process has a clock of its
own.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.http.server import PATIENCE_S, House, Log, Wire, request
from tests.http.test_secrets import half_leaks, leaks, walk
from tests.world import Time, World, open_world


class Process:
    """A running `nuqta serve`."""

    def __init__(self, database: Path, *options: str, **environ: str) -> None:
        self.database = database
        self.said = ""
        command = [sys.executable, "-m", "nuqta", "--db", str(database), "serve", *options]
        ours = {key: value for key, value in os.environ.items() if not key.startswith("NUQTA_")}
        self.popen = subprocess.Popen(
            command, env={**ours, "NUQTA_RATE_LIMIT": "0", "NUQTA_FAILED_TRIES": "0", **environ},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def wait_for(self, port: int) -> None:
        """Wait until somebody listens."""
        for _ in range(PATIENCE_S * 50):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            assert self.is_alive(0.02), self.end()
        raise AssertionError("nobody listens")

    def is_alive(self, seconds: float) -> bool:
        """Whether the process is there, and still so in so many seconds."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self, signal_number: int = 0) -> tuple[int, str]:
        """Send a signal where one is given; the exit code, and all that was said."""
        if signal_number:
            self.popen.send_signal(signal_number)
        self.said += self.popen.communicate(timeout=PATIENCE_S)[0]
        return self.popen.returncode, self.said

    def close(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.communicate()


@contextmanager
def process(world: World, *options: str, **environ: str) -> Iterator[Process]:
    """A server on the world's books, which is killed in the end if it still runs."""
    one = Process(world.engine.vault.path, *options, **environ)
    try:
        yield one
    finally:
        one.close()


@pytest.fixture
def present(tmp_path: Path) -> Iterator[World]:
    """The world, as of now."""
    with open_world(tmp_path, Time(time.time_ns() // 1000)) as world:
        yield world


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def under_way(house: House) -> Wire:
    """A request that the server has begun to answer: it has asked for the body."""
    world = house.world
    head = {**house.partner(world.riyadh), "Expect": "100-continue", "Content-Length": "30"}
    path = f"/v1/stores/{world.riyadh.store_id}/auth/login"
    wire = house.wire()
    wire.send(request("POST", path, head))
    answer = wire.answer()
    assert answer is not None
    assert answer.status == 100
    return wire


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_answers_and_ends_when_told(present: World, workers: str) -> None:
    port = free_port()
    with process(present, "--port", str(port), "--workers", workers) as server:
        server.wait_for(port)
        house = House(present, port, Log())
        present.earn(present.aisha, 42)
        token = present.login(present.aisha)
        for _ in range(20):
            answer = house.balance(present.aisha, token)
            assert answer.json["points"]["available_poitns"] == 42
        present.spend(present.aisha, 2)
        for _ in range(20):
            answer = house.balance(present.aisha, token)
            assert answer.json["points"]["available_poitns"] == 40, "no worker caches a balance"
        with under_way(house) as wire:
            server.popen.send_signal(signal.SIGTERM)
            wire.send(b'{"email":"nobody@example.com"}')
            last = wire.answer()
            assert last is not None
            assert last.status == 200
            assert wire.is_over()
        code, said = server.end()
        assert code in (0, -signal.SIGTERM), said
        assert "Traceback" not in said
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_under_way_is_answered_after_the_door_is_shut(
    present: World, workers: str
) -> None:
    port = free_port()
    with process(present, "--port", str(port), "--workers", workers) as server:
        server.wait_for(port)
        house = House(present, port, Log())
        with under_way(house) as wire:
            server.popen.send_signal(signal.SIGTERM)
            for _ in range(PATIENCE_S * 50):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) != 0:
                        break
                assert server.is_alive(0.02), "it waits for what is under way"
            wire.send(b'{"email":"nobody@example.com"}')
            last = wire.answer()
            assert last is not None
            assert last.status == 200
        code, said = server.end()
        assert code in (0, -signal.SIGTERM), said


def test_what_it_says_holds_no_secret(present: World) -> None:
    port = free_port()
    with process(present, "--port", str(port), NUQTA_LOG_READS="1") as server:
        server.wait_for(port)
        house = House(present, port, Log())
        stdout = server.popen.stdout
        assert stdout is not None
        lines: list[str] = []  # read as they come: a pipe that is full would stop the server
        reading = threading.Thread(target=lambda: lines.extend(stdout))
        reading.start()
        tokens = walk(house)
        secrets = [*tokens, present.engine.vault.path.with_suffix(".db.key").read_text().strip()]
        for installed in present.tokens.values():
            secrets += [installed.authorization, installed.access_token]
        server.popen.terminate()
        server.popen.wait(PATIENCE_S)
        reading.join(PATIENCE_S)
        stdout.close()
        said = "".join(lines)
        assert "nuqta.requests" in said
        assert leaks(said, secrets) == []
        assert half_leaks(said, secrets) == []
        assert "Traceback" not in said


def refused(world: World, *options: str, **environ: str) -> str:
    """The one sentence with which it does not start."""
    with process(world, *options, **environ) as server:
        code, said = server.end()
    assert code in (1, 2), said
    assert len(said.strip().splitlines()) == 1, said
    return said


def test_a_port_in_use_is_a_sentence(present: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for workers in ("1", "2"):
            assert str(port) in refused(present, "--port", str(port), "--workers", workers)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_codes_are_not_logged_on_a_public_address(present: World, host: str) -> None:
    said = refused(present, "--host", host, "--port", str(free_port()))
    assert "NUQTA_DELIVERY" in said


def test_codes_are_logged_on_a_public_address_when_forced(present: World) -> None:
    port = free_port()
    options = ("--host", "0.0.0.0", "--port", str(port))
    with process(present, *options, NUQTA_DELIVERY_LOG_FORCE="1") as server:
        server.wait_for(port)
        assert House(present, port, Log()).ask("GET", "/nothing").status == 404
        server.end(signal.SIGTERM)


def test_a_setting_outside_its_limits_is_a_sentence(present: World) -> None:
    said = refused(present, "--port", str(free_port()), NUQTA_BODY_BYTES="1")
    assert "NUQTA_BODY_BYTES takes 1024 to" in said


def test_a_database_that_is_not_there_is_a_sentence(present: World, tmp_path: Path) -> None:
    missing = Process(tmp_path / "missing.db", "--port", str(free_port()))
    code, said = missing.end()
    assert code in (1, 2)
    assert "missing.db" in said
    assert "Traceback" not in said
