"""kill -9 at any moment, several processes at once: nothing acknowledged is lost, nothing twice.

The world's clock stands at the real present here, because other processes have clocks of their own.
"""

import random
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nuqta.engine.engine import open_engine
from nuqta.ledger.commands import Adjust, Spend
from tests.attack import poster
from tests.attack.running import serving
from tests.http.server import PATIENCE_S, Answer, House, Log, request
from tests.http.test_serve import Process, free_port, process
from tests.world import Shopper, Time, World, open_world

KILLS = 5


@contextmanager
def posting(world: World, shopper: Shopper, first: int, file: Path) -> Iterator[None]:
    """A process that posts, killed as the block ends."""
    arguments = (world.engine.vault.path, shopper.dkey, shopper.customer_id, first, file)
    command = [sys.executable, poster.__file__, *map(str, arguments)]
    with subprocess.Popen(command) as one:
        try:
            yield
        finally:
            assert one.poll() is None, "it posts until it is killed"
            one.kill()


def acknowledged(file: Path) -> dict[int, int]:
    """The numbers of the commands that were acknowledged, and the version after each."""
    text = file.read_text() if file.exists() else ""
    whole = text[: text.rfind("\n") + 1].splitlines()
    return {int(line.split()[0]): int(line.split()[1]) for line in whole}


def wait_for_more(file: Path, than: int) -> None:
    """Wait until more has been acknowledged."""
    ends_at = time.monotonic() + PATIENCE_S
    while len(acknowledged(file)) <= than:
        assert time.monotonic() < ends_at, "nothing is acknowledged"


def replayed(world: World, shopper: Shopper, number: int) -> tuple[bool, int]:
    """The same command again: whether it was known, and the version in its receipt."""
    command = Adjust(
        dkey=shopper.dkey, customer_id=shopper.customer_id, origin="cli", key=str(number),
        points=1, reason="kill",
    )  # fmt: skip
    answer = world.post(command)
    assert answer.refusal is None
    return answer.is_replay, answer.receipt.version


def test_a_kill_loses_nothing_that_was_acknowledged(present: World, tmp_path: Path) -> None:
    file, aisha = tmp_path / "acknowledged", present.aisha
    luck = random.Random(secrets.randbits(32))
    first = 0
    for _ in range(KILLS):
        before = len(acknowledged(file))
        with posting(present, aisha, first, file):
            wait_for_more(file, before + luck.randrange(200))
        present.engine.door.write_now("after the kill", lambda tx: None)
        report = present.audit()
        assert report.ok, report.violations
        first = max(acknowledged(file)) + 64  # beyond what was under way
    known = acknowledged(file)
    assert len(known) > KILLS
    for number, version in known.items():
        assert replayed(present, aisha, number) == (True, version)
    balance = present.balance(aisha)
    assert balance.available == balance.version >= len(known)
    made = sum(not replayed(present, aisha, number)[0] for number in range(first))
    assert present.balance(aisha).available == balance.available + made == first


def logged_in(house: House, shopper: Shopper) -> str | None:
    """A token by hand-over; None where the server is gone."""
    path = f"/v1/managers/store/customers/{shopper.customer_id}/login"
    try:
        answer = house.send("POST", path, house.manager(house.store_of(shopper)))
    except (OSError, AssertionError):
        return None
    assert answer.status == 200
    return str(answer.json["customer_token"])


def given_until_killed(world: World, tokens: list[str]) -> None:
    """Log in on four connections at once, and kill the server while it answers."""
    halt, before = threading.Event(), len(tokens)
    with serving(world, 1) as (port, server):
        house = House(world, port, Log())

        def give() -> None:
            while not halt.is_set() and (token := logged_in(house, world.badr)) is not None:
                tokens.append(token)

        threads = [threading.Thread(target=give) for _ in range(4)]
        for thread in threads:
            thread.start()
        ends_at = time.monotonic() + PATIENCE_S
        while len(tokens) < before + 20 and time.monotonic() < ends_at:
            threads[0].join(0.01)
        server.popen.kill()
        halt.set()
        for thread in threads:
            thread.join(PATIENCE_S)


def test_a_killed_server_keeps_every_session_that_it_gave(present: World) -> None:
    tokens: list[str] = []
    for _ in range(2):
        given_until_killed(present, tokens)
    assert len(tokens) >= 40
    with serving(present, 1) as (port, _):
        house = House(present, port, Log())
        statuses = [house.balance(present.badr, token).status for token in tokens]
        # Whoever was killed may have opened up to four that nobody was told of.
        assert 16 <= statuses.count(200) <= 20
        assert statuses[-8:].count(200) == 8


def test_a_supervisor_that_is_killed_leaves_no_worker_behind(present: World) -> None:
    with serving(present, 2) as (port, server):
        house = House(present, port, Log())
        token = present.login(present.aisha)
        assert house.balance(present.aisha, token).status == 200
        server.popen.kill()
        server.popen.wait(PATIENCE_S)
        ends_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_at:
            try:
                house.balance(present.aisha, token)
            except (OSError, AssertionError):
                return
        raise AssertionError("a worker still answers on the port")


# -- several at once -------------------------------------------------------------------------------


def test_two_processes_spend_the_same_points_once(present: World, tmp_path: Path) -> None:
    """Two engines on one file, and a third process that adds: every point is spent exactly once."""
    aisha, points = present.aisha, 150
    present.earn(aisha, points)
    outcomes: list[str] = []
    with open_engine(present.engine.settings) as other:

        def spend(number: int) -> None:
            door = (present.engine, other)[number % 2].door
            for turn in range(40):
                command = Spend(
                    dkey=aisha.dkey, customer_id=aisha.customer_id, origin="cli",
                    key=f"{number}-{turn}", points=1,
                )  # fmt: skip
                refusal = door.post_all([command])[0].refusal
                outcomes.append(refusal.code if refusal else "")

        file = tmp_path / "acknowledged"
        with posting(present, present.badr, 0, file):
            wait_for_more(file, 0)
            threads = [threading.Thread(target=spend, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
    assert len(outcomes) == 320
    assert outcomes.count("") == points
    assert present.balance(aisha).available == 0
    assert present.balance(aisha).used == points


def test_a_process_that_never_pauses_leaves_others_their_turn(tmp_path: Path) -> None:
    """Under SQLite's own way to wait, a write had its turn after 7 seconds, or was Busy before."""
    file, now = tmp_path / "acknowledged", Time(time.time_ns() // 1000)
    with open_world(tmp_path, now, lock_seconds=3) as world, posting(world, world.badr, 0, file):
        wait_for_more(file, 10)
        for number in range(1, 41):
            world.earn(world.aisha, 1)
            assert world.balance(world.aisha).available == number


def test_after_its_end_no_session_answers_on_any_worker(present: World) -> None:
    """Reads and logins race with DELETE: once it has answered, no token from before answers 200."""
    with serving(present, 2) as (port, _):
        house = House(present, port, Log())
        for _ in range(8):
            race_with_the_end(house, present.aisha)


def race_with_the_end(house: House, shopper: Shopper) -> None:
    token, halt, late = logged_in(house, shopper), threading.Event(), []
    assert token is not None
    ended = threading.Event()

    def read() -> None:
        while not halt.is_set():
            was_ended = ended.is_set()
            status = house.balance(shopper, token).status
            assert status in (200, 401)
            if was_ended:
                late.append(status)

    def log_in() -> None:
        while not halt.is_set():
            assert logged_in(house, shopper) is not None

    threads = [threading.Thread(target=work) for work in (read, read, read, log_in)]
    for thread in threads:
        thread.start()
    path = f"/v1/managers/store/customers/{shopper.customer_id}/login"
    answer = house.send("DELETE", path, house.manager(house.store_of(shopper)))
    ended.set()
    assert answer.status == 200
    deadline = time.monotonic() + PATIENCE_S
    while len(late) < 12 and time.monotonic() < deadline:
        threads[0].join(0.005)
    halt.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(late) >= 12
    assert set(late) == {401}


# -- codes, under fire -----------------------------------------------------------------------------


def at_once(house: House, sent: list[bytes]) -> list[Answer]:
    """All requests at once, each on a connection of its own."""
    wires = [house.wire() for _ in sent]
    try:
        for wire, data in zip(wires, sent, strict=True):
            wire.send(data)
        answers = [wire.answer() for wire in wires]
    finally:
        for wire in wires:
            wire.socket.close()
    assert None not in answers
    return [answer for answer in answers if answer is not None]


class Codes:
    """Codes that the server's log shows, as in development."""

    def __init__(self, world: World, workers: str, **environ: str) -> None:
        self.port = free_port()
        self.world = world
        self.house = House(world, self.port, Log())
        environ = {"NUQTA_CODE_PAUSE_SECONDS": "0", "NUQTA_CODES_PER_HOUR": "1000", **environ}
        self.started = process(world, "--port", str(self.port), "--workers", workers, **environ)

    def request(self, kind: str, **body: str) -> bytes:
        """A request for a code, or with one."""
        path = f"/v1/stores/{self.world.riyadh.store_id}/auth/{kind}"
        data = ", ".join(f'"{name}": "{value}"' for name, value in body.items())
        headers = self.house.partner(self.world.riyadh)
        return request("POST", path, headers, b"{%b}" % data.encode())

    def new(self, server: Process) -> str:
        """Ask for a code; what the log says it is."""
        email = self.world.aisha.email
        answers = at_once(self.house, [self.request("login", email=email)])
        assert answers[0].status == 200
        assert server.popen.stdout is not None
        for line in server.popen.stdout:
            if "nuqta.delivery" in line:
                digits = [word.strip(".:,\n") for word in line.split()]
                return next(word for word in digits if len(word) == 6 and word.isdecimal())
        raise AssertionError("no code was sent")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_code_that_fifty_verify_at_once_opens_one_session(present: World, workers: str) -> None:
    codes = Codes(present, workers)
    with codes.started as server:
        server.wait_for(codes.port)
        for _ in range(3):
            right = codes.request("verify", email=present.aisha.email, code=codes.new(server))
            answers = at_once(codes.house, [right] * 50)
            statuses = sorted(answer.status for answer in answers)
            assert statuses.count(200) == 1, statuses
            assert {answer.code for answer in answers if answer.status != 200} == {
                "ERROR_CODE_INVALID"
            }


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tries_are_counted_exactly_under_fifty_at_once(present: World, workers: str) -> None:
    codes = Codes(present, workers)
    with codes.started as server:
        server.wait_for(codes.port)
        for wrongs, opens in ((4, True), (5, False), (50, False)):
            code = codes.new(server)
            wrong = f"{(int(code) + 1) % 10**6:06}"
            email = present.aisha.email
            answers = at_once(
                codes.house, [codes.request("verify", email=email, code=wrong)] * wrongs
            )
            assert {answer.code for answer in answers} == {"ERROR_CODE_INVALID"}
            last = at_once(codes.house, [codes.request("verify", email=email, code=code)])[0]
            assert (last.status == 200) == opens


def test_the_limit_of_sessions_holds_under_logins_at_once(present: World) -> None:
    with serving(present, 2) as (port, _):
        house = House(present, port, Log())
        path = f"/v1/managers/store/customers/{present.aisha.customer_id}/login"
        answers = at_once(house, [request("POST", path, house.manager(present.riyadh), b"")] * 60)
        tokens = [str(answer.json["customer_token"]) for answer in answers]
        statuses = [house.balance(present.aisha, token).status for token in tokens]
        assert statuses.count(200) == present.engine.settings.sessions_per_customer
