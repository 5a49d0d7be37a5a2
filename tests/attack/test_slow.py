"""Requests that take too long to come are cut, and what came before them is answered; so is whoever
does not read the answers."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvicorn

from nuqta.api.app import App
from nuqta.api.server import wire
from nuqta.api.serving import Server
from nuqta.engine.engine import open_engine
from tests.http.server import House, open_house, path_of, request

PATIENCE_S = 10


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("slow"), receive_seconds=1, send_seconds=1) as house:
        yield house


def said(house: House, data: bytes) -> bytes:
    """What comes back, to the end, after `data` and then silence."""
    with socket.create_connection(("127.0.0.1", house.port), timeout=PATIENCE_S) as line:
        line.sendall(data)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer


def test_a_silent_connection_is_closed(house: House) -> None:
    assert said(house, b"") == b""


LOGIN = request("POST", "/v1/stores/1/auth/login", [], b"x" * 100)
HALVES = {
    "half a line": b"GET /v1/cust",
    "half a head": request("GET", path_of(1))[:-4],
    "half a body": LOGIN[:-50],
    "half a chunk": (
        b"POST /v1/stores/1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nab"
    ),
}


@pytest.mark.parametrize("half", HALVES)
def test_half_a_request_is_answered_and_cut(house: House, half: str) -> None:
    head, _, body = said(house, HALVES[half]).partition(b"\r\n\r\n")
    # A route that refuses before it reads a body answers at once; what is cut later says nothing.
    if head.startswith(b"HTTP/1.1 408 "):
        assert json.loads(body)["error_code"] == "ERROR_REQUEST_TIMEOUT"
    else:
        assert half.endswith(("body", "chunk"))
        assert head.startswith(b"HTTP/1.1 401 ")


def test_a_body_that_a_route_waits_for_is_cut(house: House) -> None:
    store = house.world.riyadh
    headers = {**house.partner(store), "Content-Type": "application/json"}
    login = request("POST", f"/v1/stores/{store.store_id}/auth/login", headers, b"x" * 100)
    assert said(house, login[:-50]).startswith(b"HTTP/1.1 408 ")


def test_what_came_before_is_answered_first(house: House) -> None:
    whole = request("GET", "/nothing")
    answer = said(house, whole + whole[:20])
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.count(b"HTTP/1.1 408 ") == 1


def test_a_connection_within_its_time_stays(tmp_path: Path) -> None:
    """The control: with more time, the same silence is not cut."""
    with (
        open_house(tmp_path, receive_seconds=60) as patient,
        socket.create_connection(("127.0.0.1", patient.port), timeout=2) as line,
    ):
        line.sendall(HALVES["half a head"])
        with pytest.raises(TimeoutError):
            line.recv(1)


# -- slow readers ----------------------------------------------------------------------------------


@contextmanager
def deaf(house: House) -> Iterator[socket.socket]:
    """A connection whose other end keeps little for a caller that does not read."""
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.settimeout(PATIENCE_S)
        line.connect(("127.0.0.1", house.port))
        yield line


def unread(house: House, kind: str) -> Iterator[bytes]:
    """Requests whose answers are more than any buffer between holds."""
    store = house.world.riyadh
    headers = house.shopper(store, house.world.login(house.world.aisha))
    sent = {
        "short way": request("GET", path_of(store.store_id), headers) * 50,
        "long way": request("GET", path_of(store.store_id) + "?x", headers) * 50,
        "one large answer": request("GET", "/openapi.json"),
    }
    for _ in range(2_000):
        yield sent[kind]


def is_cut(line: socket.socket, seconds: float, pieces: Iterator[bytes] | None = None) -> bool:
    """Whether the other end gives the connection up within so many seconds, while more is sent."""
    poll, ends_at = select.poll(), time.monotonic() + seconds
    poll.register(line, select.POLLOUT)  # errors and hang-ups are always told
    more = pieces or iter(())
    rest = memoryview(next(more, b""))
    line.setblocking(False)
    while time.monotonic() < ends_at:
        if not rest:
            poll.modify(line, 0)
        for _, event in poll.poll(100):
            if event & (select.POLLERR | select.POLLHUP):
                return True
            try:
                rest = rest[line.send(rest) :]
            except OSError:
                return True
            rest = rest or memoryview(next(more, b""))
    return False


@pytest.mark.parametrize("kind", ["short way", "long way", "one large answer"])
def test_whoever_does_not_read_is_cut(house: House, kind: str) -> None:
    with deaf(house) as line:
        assert is_cut(line, 2 * PATIENCE_S, unread(house, kind))
    assert house.ask("GET", "/nothing").status == 404


@contextmanager
def small(house: House) -> Iterator[House]:
    """Another server on the house's books, whose sockets keep little, and no idle connection for
    more than a second."""
    world = house.world
    engine = open_engine(world.engine.settings, world.time.clock())
    told = {**wire(engine.settings, App(engine)), "timeout_keep_alive": 1}
    one = Server(uvicorn.Config(**told))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        thread = threading.Thread(target=one.run, args=([listener],))
        thread.start()
        yield House(world, listener.getsockname()[1], house.log)
        one.stop()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_what_nobody_reads_does_not_keep_a_connection_that_was_closed(house: House) -> None:
    """To close is to wait for the reader of what is left, and that for ever: it is cut."""
    with small(house) as server, ExitStack() as stack:
        idle, last = stack.enter_context(deaf(server)), stack.enter_context(deaf(server))
        idle.sendall(request("GET", "/nothing") * 40)
        last.sendall(request("GET", "/nothing") * 40)
        last.sendall(request("GET", "/nothing", {"Connection": "close"}))
        assert is_cut(idle, PATIENCE_S)
        assert is_cut(last, PATIENCE_S)


def test_an_answer_before_the_body_leaves_no_connection_open(house: House) -> None:
    """What came of the body afterwards ended the timer of idle connections, and nothing set it."""
    store = house.world.riyadh
    path = f"/v1/stores/{store.store_id}/auth/login"
    large = request("POST", path, house.partner(store), b" " * 300_000)
    refused = {401: request("POST", path, {}, b"{}"), 413: large}
    with small(house) as server:
        for status, sent in refused.items():
            is_left(server, status, sent)


def is_left(server: House, status: int, sent: bytes) -> None:
    """The request is answered before its last byte; then comes another, or the connection ends."""
    for more in (request("GET", "/nothing"), b""):
        head, mark, body = sent.partition(b"\r\n\r\n")
        with server.wire() as wire:
            wire.send(head + mark + body[:-1])
            answer = wire.answer()
            assert answer is not None
            assert answer.status == status
            wire.send(body[-1:] + more)
            if more:
                assert wire.answer() is not None, "it is a body, and then a request"
            assert wire.is_over()


def test_a_server_that_stops_waits_for_no_reader(house: House) -> None:
    with small(house) as server, deaf(server) as line:
        line.sendall(request("GET", "/nothing") * 40)
        head = line.recv(20)  # it has begun to answer
        assert head.startswith(b"HTTP/1.1 404")


def test_whoever_reads_slowly_but_in_time_has_it_all(house: House) -> None:
    """Some pieces a second, for longer than an answer may wait: what is read makes room."""
    whole = house.ask("GET", "/openapi.json").body
    with deaf(house) as line:
        line.sendall(request("GET", "/openapi.json") * 40)
        missing = 40 * len(whole)
        while missing > 0:
            missing -= len(line.recv(65_536))
            assert line.fileno() >= 0
    assert missing <= 0


def test_a_reader_within_its_time_stays(tmp_path: Path) -> None:
    """The control: with more time, the same deaf caller is not cut."""
    with open_house(tmp_path, send_seconds=3_600) as patient, deaf(patient) as line:
        assert not is_cut(line, 4, unread(patient, "one large answer"))
