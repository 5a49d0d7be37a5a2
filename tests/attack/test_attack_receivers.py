"""Receivers of events that misbehave, names that nobody answers, and a fault of ours between."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from nuqta.engine.engine import Engine
from nuqta.web import targets
from nuqta.worker.deliver import Deliveries
from nuqta.worker.publish import publish
from tests.http.server import PATIENCE_S
from tests.worker.receiver import Receiver, receiving
from tests.worker.work import deliver, state, subscribe
from tests.world import World, open_world

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000
CUT = b"Content-Length: 100\r\n\r\nabc"


@contextmanager
def answering(answer: bytes, *, is_kept: bool) -> Iterator[str]:
    """A server that answers with these bytes and then closes, or keeps the connection open."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            try:
                one.recv(65_536)
                one.sendall(answer)
            except OSError:  # the other side had enough
                one.close()
                continue
            if is_kept:
                kept.append(one)
            else:
                one.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/events"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE_S)
        for one in kept:
            one.close()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[World]:
    """A world that may tell addresses of this machine, and is not patient."""
    with open_world(tmp_path, webhook_private_targets=1, delivery_seconds=3) as world:
        yield world


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (CHUNKED, True),
        (CHUNKED, False),
        (LARGE, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\n" + CUT, False),
        (b"HTTP/1.1 200 OK\r\n" + CUT, True),
    ],
    ids=["never ends", "ends early", "10 MB", "nothing", "cut", "stalls"],
)
def test_any_2xx_says_that_the_event_was_taken_whatever_becomes_of_its_body(
    local: World, answer: bytes, is_kept: bool
) -> None:
    with answering(answer, is_kept=is_kept) as url:
        webhook = subscribe(local, url)
        local.adjust(local.aisha, 5)
        deliver(local)
        assert state(local, webhook)["last_error"] is None


def test_gone_is_gone_also_where_its_body_is_cut(local: World) -> None:
    with answering(b"HTTP/1.1 410 Gone\r\n" + CUT, is_kept=False) as url:
        webhook = subscribe(local, url)
        local.adjust(local.aisha, 5)
        deliver(local)
        assert state(local, webhook)["paused_at"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff SSH-2.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000,
    ],
    ids=["closes", "no HTTP", "headers", "promises"],
)
def test_what_is_no_answer_is_tried_again(local: World, answer: bytes) -> None:
    with answering(answer, is_kept=False) as url:
        webhook = subscribe(local, url)
        local.adjust(local.aisha, 5)
        deliver(local)
        shown = state(local, webhook)
        assert shown["last_error"]
        assert shown["paused_at"] is None


# -- a fault of ours -------------------------------------------------------------------------------


class Faulty(Deliveries):
    """The disk takes no position."""

    async def reach(self, lane: object, position: int) -> bool:
        raise OSError("no room")


def rounds(world: World, deliveries: Callable[[Engine], Deliveries], count: int) -> list[int]:
    """How many lanes begin in each of so many turns."""
    publish(world.engine)

    async def turns() -> list[int]:
        running, started = deliveries(world.engine), []
        for _ in range(count):
            started.append(running.start_due())
            await running.finish()
        return started

    return asyncio.run(turns())


def test_an_event_that_could_not_be_noted_is_not_sent_again_at_once(local: World) -> None:
    with receiving() as receiver:
        subscribe(local, receiver.url)
        local.adjust(local.aisha, 5)
        assert rounds(local, Faulty, 5) == [1, 0, 0, 0, 0]
        assert len(receiver.told) == 1
        assert rounds(local, Deliveries, 2) == [1, 0]
        check_told(receiver)


def check_told(receiver: Receiver) -> None:
    assert len(receiver.told) == 2
    assert len(set(receiver.ids)) == 1


# -- names -----------------------------------------------------------------------------------------


def test_names_that_are_never_answered_hold_up_no_other_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker's lease is renewed in a thread; lookups that hang must not use them all."""
    answers = threading.Event()

    def never(*_: object, **__: object) -> list[object]:
        answers.wait(PATIENCE_S)
        raise socket.gaierror("no answer")

    async def work() -> None:
        asked = [
            asyncio.create_task(targets.addresses(urlsplit("http://slow.example/"), private=False))
            for _ in range(48)
        ]
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(int), PATIENCE_S / 3)
        answers.set()
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(outcome, OSError)

    monkeypatch.setattr(socket, "getaddrinfo", never)
    asyncio.run(work())
