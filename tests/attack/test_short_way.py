"""The short way: a plain balance read is answered below the application, and nobody can tell.

Each request is asked on both ways; mixed, cut, broken and endless streams of requests come back in
order and whole; and no client costs the others the loop, or the server its memory.
"""

import resource
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
from tests.attack.running import serving
from tests.http.server import (
    PATIENCE_S,
    Answer,
    Header,
    House,
    Log,
    Wire,
    open_house,
    path_of,
    request,
)
from tests.http.test_serve import Process
from tests.world import World, open_world

POINTS = 4321


class Ways:
    """Right requests, and both ways to ask one."""

    def __init__(self, house: House) -> None:
        world = house.world
        self.house = house
        self.store = world.riyadh
        self.path = path_of(self.store.store_id)
        self.token = world.login(world.aisha)
        self.headers = house.shopper(self.store, self.token)

    def short(self, name: str = "short") -> bytes:
        """A request that takes the short way."""
        return request("GET", self.path, {**self.headers, "X-Request-Id": name})

    def long(self, name: str = "long") -> bytes:
        """The same request on the long way: the query makes it another's to judge."""
        return request("GET", f"{self.path}?x", {**self.headers, "X-Request-Id": name})

    def away(self, name: str = "away") -> bytes:
        """A request for the framework."""
        return request("GET", "/nothing", {"X-Request-Id": name})

    def posted(self, name: str = "posted") -> bytes:
        """A request with a body, which waits for the door."""
        path = f"/v1/stores/{self.store.store_id}/auth/verify"
        body = b'{"email": "nobody@shop.example", "code": "123456"}'
        headers = {**self.house.partner(self.store), "X-Request-Id": name}
        return request("POST", path, headers, body)


@pytest.fixture(scope="module")
def ways(house: House) -> Ways:
    house.world.earn(house.world.aisha, POINTS)
    house.world.spend(house.world.aisha, 21)
    return Ways(house)


def one(answer: Answer | None) -> Answer:
    assert answer is not None, "it was answered"
    return answer


def without(answer: Answer, *names: str) -> tuple[int, list[Header], bytes]:
    """Everything of an answer but what may differ."""
    left = ("ratelimit", "ratelimit-remaining", "ratelimit-reset")  # the next has less of it
    kept = [(name, value) for name, value in answer.headers if name not in (*names, *left)]
    return answer.status, kept, answer.body


def ids(wire: Wire, count: int) -> list[str]:
    """The request ids of the next answers."""
    return [one(wire.answer())["x-request-id"] for _ in range(count)]


# -- both ways are one -----------------------------------------------------------------------------


def spellings(ways: Ways) -> Iterator[str]:
    """Paths that the short way takes, and some that it might."""
    store = ways.store
    for name in (store.store_id, store.uuid, store.uuid.upper(), ways.house.world.kuwait.store_id):
        yield path_of(name)
        yield path_of(name) + "/"
    for name in (
        "0", "-1", "007", f"0{store.store_id}", f"{store.store_id}0", "9" * 16, "9" * 17, "9" * 400,
        store.uuid.replace("-", ""), store.uuid[:-1], store.uuid + "0", "abc", "-", "a" * 5_000,
    ):  # fmt: skip
        yield path_of(name)
    yield from (ways.path + "//", ways.path.upper(), ways.path + "x", "/" + ways.path)


def header_sets(ways: Ways) -> Iterator[list[Header]]:
    """What may be said beside the path: right and wrong."""
    right = list(ways.headers.items())
    partner, shopper = right[0][1], right[1][1]
    yield right
    for missing in (0, 1):
        yield right[:missing] + right[missing + 1 :]
    yield []
    for name, value in (
        ("Accept", "text/html"), ("Accept", "application/json;q=0"), ("Accept", "*/*"),
        ("Accept-Language", "ar"), ("Accept-Language", "ar-SA, en;q=0.5"),
        ("Accept-Language", "fr"), ("Accept-Language", "\xff"), ("If-None-Match", "*"),
        ("If-None-Match", '"0"'), ("If-None-Match", ", "), ("X-Request-Id", "sane-1"),
        ("X-Request-Id", "not sane"), ("X-Request-Id", shopper), ("Content-Type", "text/plain"),
        ("Authorization", partner), ("X-CUSTOMER-TOKEN", shopper), ("X-Manager-Token", "x"),
        ("Host", "other"), ("Range", "bytes=0-3"), ("Cookie", "a=b"), ("Connection", "keep-alive"),
        ("TE", "trailers"), ("Keep-Alive", "timeout=5"), ("X-Forwarded-For", "10.0.0.1"),
    ):  # fmt: skip
        yield [*right, (name, value)]
    for text in ("", "x", partner, f"bearer {partner[7:]}", partner[7:], f"{partner}x", "\x80"):
        yield [("Authorization", text), right[1]]
    for text in ("", "x", shopper[:-1], shopper.upper(), f"  {shopper}\t", f"{shopper} x", "\x80"):
        yield [right[0], ("X-CUSTOMER-TOKEN", text)]


def both(ways: Ways, method: str, path: str, headers: list[Header]) -> Answer:
    """Ask on the short way, and on each long one; the answers are one. Returns it."""
    with ways.house.wire() as wire:
        wire.send(request(method, path, headers))
        short = one(wire.answer(method))
        wire.send(ways.short("after"))
        assert one(wire.answer())["x-request-id"] == "after", "nothing is left over"
    asked = request(method, path, [*headers, ("Content-Length", "0")])
    closed = request(method, path, [*headers, ("Connection", "close")])
    old = request(method, path, headers).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n")
    for sent, extra in ((asked, ()), (closed, ("connection",)), (old, ("connection",))):
        with ways.house.wire() as wire:
            wire.send(sent)
            long = one(wire.answer(method))
            if extra:
                assert wire.is_over(), "it closes, without a byte more"
        assert without(long, "x-request-id", *extra) == without(short, "x-request-id")
        assert all(long[name] == "close" for name in extra)
    return short


def test_every_spelling_of_the_path_is_one_on_both_ways(ways: Ways) -> None:
    found = {both(ways, "GET", path, list(ways.headers.items())).status for path in spellings(ways)}
    assert found == {200, 401, 404}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_header_is_one_on_both_ways(ways: Ways, method: str) -> None:
    found = {both(ways, method, ways.path, headers).status for headers in header_sets(ways)}
    assert found == {200, 304, 401, 406}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"])
def test_other_methods_are_one_on_both_ways(ways: Ways, method: str) -> None:
    assert both(ways, method, ways.path, list(ways.headers.items())).status == 405


def test_conditional_requests_are_one_on_both_ways(ways: Ways) -> None:
    right = list(ways.headers.items())
    for language in ("en", "ar"):
        asked = [*right, ("Accept-Language", language)]
        tag = both(ways, "GET", ways.path, asked)["etag"]
        for known in (tag, f"W/{tag}", f'"0", {tag}', f"{tag}, {tag}"):
            for method in ("GET", "HEAD"):
                status = both(ways, method, ways.path, [*asked, ("If-None-Match", known)]).status
                assert status == 304
        other = [*asked, ("If-None-Match", tag[:-2] + '"')]
        assert both(ways, "GET", ways.path, other).status == 200


def test_refusals_that_need_others_are_one_on_both_ways(ways: Ways) -> None:
    world = ways.house.world
    narrow = world.install(world.riyadh, "customers.login", name="Narrow")
    stranger = world.install(world.kuwait, name="Stranger")
    clara = world.login(world.clara)
    old = world.login(world.badr)
    for authorization, token, status in (
        (narrow.authorization, ways.token, 403), (stranger.authorization, ways.token, 404),
        (world.tokens[world.kuwait.store_id].authorization, ways.token, 200),
        (ways.headers["Authorization"], clara, 401), (ways.headers["Authorization"], old, 200),
    ):  # fmt: skip
        headers = [("Authorization", authorization), ("X-CUSTOMER-TOKEN", token)]
        assert both(ways, "GET", ways.path, headers).status == status
        assert both(ways, "HEAD", ways.path, headers).status == status


def test_the_limit_and_the_end_of_a_session_are_one_on_both_ways(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, rate_limit_shopper=10) as house:
        ways = Ways(house)
        with house.wire() as wire:
            wire.send(ways.short() * 9)
            assert [one(wire.answer()).status for _ in range(9)] == [200] * 9
            wire.send(ways.long() + ways.short() + ways.long())
            answers = [one(wire.answer()) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 429, 429], "one bucket for both ways"
        assert without(answers[1], "x-request-id") == without(answers[2], "x-request-id")
        other = Ways(house)
        house.world.time.forward(days=31)
        ended = both(other, "GET", other.path, list(other.headers.items()))
        assert ended.code == "ERROR_SESSION_EXPIRED"


# -- streams ---------------------------------------------------------------------------------------


def test_both_ways_in_one_packet_come_back_in_order(ways: Ways) -> None:
    kinds = (ways.short, ways.long, ways.posted, ways.away)
    sent, names = [], []
    for number in range(400):  # every neighbour of every kind, and more than one slice
        kind = kinds[(number * 7 + number // 4) % 4]
        names.append(f"{kind.__name__}-{number}")
        sent.append(kind(names[-1]))
    with ways.house.wire() as wire:
        wire.send(b"".join(sent))
        assert ids(wire, len(names)) == names


@pytest.mark.parametrize("order", ["short long", "long short", "posted short", "short posted away"])
def test_a_packet_may_end_at_every_byte(ways: Ways, order: str) -> None:
    names = order.split()
    sent = b"".join(getattr(ways, name)(name) for name in names)
    wire = ways.house.wire()
    with wire:
        for size in range(1, len(sent)):
            wire.send(sent[:size])
            wire.send(sent[size:])
            assert ids(wire, len(names)) == names, size
        for byte in sent:
            wire.send(bytes([byte]))
        assert ids(wire, len(names)) == names


def test_a_short_answer_waits_for_the_long_one_before_it(ways: Ways) -> None:
    head, _, body = ways.posted().partition(b"\r\n\r\n")
    with ways.house.wire() as wire:
        wire.send(head + b"\r\n\r\n" + body[:10])
        wire.send(body[10:] + ways.short("one") + ways.away() + ways.short("two"))
        assert ids(wire, 4) == ["posted", "one", "away", "two"]


def test_bodies_and_trailers_behind_are_read_past(ways: Ways) -> None:
    chunked = {**ways.headers, "Transfer-Encoding": "chunked"}
    inner = ways.short("smuggled")
    for sent in (
        request("GET", ways.path, ways.headers, inner),
        request("GET", ways.path, chunked) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner),
        request("GET", ways.path, chunked) + b"0\r\nX-Request-Id: smuggled\r\n\r\n",
        request("GET", ways.path, {**ways.headers, "Expect": "x"}),
        request("GET", ways.path, {**ways.headers, "Expect": "100-continue"}),
    ):
        with ways.house.wire() as wire:
            wire.send(ways.short("before") + sent + ways.short("after"))
            found = ids(wire, 3)
        assert [found[0], found[2]] == ["before", "after"]
        assert found[1] != "smuggled"


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_what_follows_a_wish_for_another_protocol_is_answered(ways: Ways, protocol: str) -> None:
    headers = {**ways.headers, "Connection": "Upgrade", "Upgrade": protocol}
    wish = request("GET", ways.path, {**headers, "X-Request-Id": "wish"})
    with ways.house.wire() as wire:
        wire.send(ways.short("one") + wish + ways.short("two") + wish + wish + ways.away("three"))
        assert ids(wire, 6) == ["one", "wish", "two", "wish", "wish", "three"]


BROKEN = [
    b"BROKEN\r\n\r\n", b"GET / HTTP/1.1\r\nX Y: z\r\n\r\n", b"GET / HTTP/1.1\r\nX : z\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET / HTTP/1.1\r\nX-Odd: " + b"a" * 40_000 + b"\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: repr(broken[:60]))
@pytest.mark.parametrize("before", [[], ["short"], ["long"], ["away", "short"], ["posted", "long"]])
def test_a_broken_request_is_refused_behind_the_answers_before_it(
    ways: Ways, before: list[str], broken: bytes
) -> None:
    with ways.house.wire() as wire:
        wire.send(b"".join(getattr(ways, name)(name) for name in before) + broken)
        wire.send(ways.short("never"))
        assert ids(wire, len(before)) == before
        last = wire.answer()
        if last is not None:  # the connection may be reset while we still send
            assert last.status in (400, 431)
            assert last["connection"] == "close"
            assert wire.answer() is None


def test_a_header_that_two_readers_would_read_differently_moves_nothing(ways: Ways) -> None:
    inner = ways.short("smuggled")
    for line in (
        b"Content-Length: 0\r\nContent-Length: %d", b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding : chunked", b"Content-Length : %d", b"Content-Length: +%d",
        b"Content-Length: %d\n", b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: xchunked",
    ):  # fmt: skip
        sized = line.replace(b"%d", str(len(inner)).encode())
        right = ways.short("outer").removesuffix(b"\r\n")
        with ways.house.wire() as wire:
            wire.send(right + sized + b"\r\n\r\n" + inner)
            wire.end()
            answers = wire.answers()
        assert "smuggled" not in [answer["x-request-id"] for answer in answers], line
        assert [answer.status for answer in answers] == [400], line


def test_whoever_goes_away_in_the_middle_of_a_line_of_requests_is_no_fault(ways: Ways) -> None:
    for count in (1, 2, 3, 50, 500):
        for kind in (ways.posted, ways.away, ways.long):
            with ways.house.wire() as wire:
                linger = (1).to_bytes(4, "little") + bytes(4)
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)  # a reset
                wire.send(kind() * count)
    ways.house.settle()
    assert ways.house.ask("GET", ways.path, ways.headers).status == 200
    assert ways.house.log.faults == []


def test_whoever_says_no_more_still_hears_the_answers(ways: Ways) -> None:
    for sent, names in (
        (ways.short("a"), ["a"]), (ways.long("a"), ["a"]), (ways.posted("a"), ["a"]),
        (ways.posted("a") + ways.short("b") + ways.long("c"), ["a", "b", "c"]),
        (ways.posted("a") * 40 + ways.short("b") * 40, ["a"] * 40 + ["b"] * 40),
        (ways.posted("a") + b"GET / HT", ["a"]), (ways.posted("a")[:-3], []), (b"GET", []),
    ):  # fmt: skip
        with ways.house.wire() as wire:
            wire.send(sent)
            wire.end()
            assert [answer["x-request-id"] for answer in wire.answers()] == names


# -- one among many --------------------------------------------------------------------------------


def resident(process_id: int) -> int:
    """The bytes of memory that a process has."""
    pages = Path(f"/proc/{process_id}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def flood(ways: Ways, server: Process, sent: bytes, *, is_read: bool) -> int:
    """Send without end on one connection, and ask on another meanwhile, which is always answered:
    by how much the server's memory grew."""
    before = resident(server.popen.pid)
    most, at = before, 0
    blob = memoryview(sent * (200_000 // len(sent)))
    with ways.house.wire() as endless, ways.house.wire() as other:
        endless.socket.setblocking(False)
        ends_at = time.monotonic() + 0.7
        while time.monotonic() < ends_at:
            reads, writes, _ = select.select([endless.socket], [endless.socket], [], 0)
            if writes:
                at = (at + endless.socket.send(blob[at:])) % len(blob)
            if is_read and reads:
                assert endless.socket.recv(1 << 20)
            other.send(ways.short())
            assert one(other.answer()).status == 200
            most = max(most, resident(server.popen.pid))
    return most - before


def test_an_endless_stream_costs_little_memory(present: World) -> None:
    """Before streams were parsed in slices: 500 MB in 4 s, while others waited up to 2 s."""
    if not Path("/proc/self/statm").exists():  # macOS: the same code, and no cheap measure of it
        return
    with serving(present, 1) as (port, server):
        ways = Ways(House(present, port, Log()))
        for sent in (ways.short(), ways.long(), b"GET /n HTTP/1.1\r\n\r\n"):
            for is_read in (True, False):
                grown = flood(ways, server, sent, is_read=is_read)
                assert grown < 48 * 2**20, (sent, is_read, grown)


def test_nothing_is_lost_where_a_client_reads_late(ways: Ways) -> None:
    names = [f"name-{number}" for number in range(24_000)]
    pad = b"\r\nX-Pad: " + b"x" * 900 + b"\r\n\r\n"  # so much that no buffer of the kernel holds it
    kinds = (ways.short, ways.long)
    sent = b"".join(
        kinds[number % 2](name).replace(b"\r\n\r\n", pad) for number, name in enumerate(names)
    )
    view, at = memoryview(sent), 0
    with ways.house.wire() as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
        wire.socket.setblocking(False)
        while at < len(view):  # until the server stops reading
            if not select.select([], [wire.socket], [], 0.3)[1]:
                break
            at += wire.socket.send(view[at:])
        assert at < len(view), "the server reads no more than it can answer"
        wire.socket.settimeout(PATIENCE_S)
        found: list[str] = []
        while len(found) < len(names):
            found.append(one(wire.answer())["x-request-id"])
            if at < len(view) and select.select([], [wire.socket], [], 0)[1]:
                at += wire.socket.send(view[at : at + 65_536])
    assert found == names


def test_a_thousand_connections(ways: Ways) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
    try:
        with ExitStack() as stack:
            wires = [stack.enter_context(ways.house.wire()) for _ in range(1_000)]
            for turn in range(3):
                for number, wire in enumerate(wires):
                    name = f"{turn}-{number}"
                    wire.send(ways.short(name) if (turn + number) % 2 else ways.long(name))
                for number, wire in enumerate(wires):
                    assert one(wire.answer())["x-request-id"] == f"{turn}-{number}"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


# -- ends ------------------------------------------------------------------------------------------


@contextmanager
def impatient(world: World) -> Iterator[House]:
    """A house whose server closes an idle connection after a second."""
    told = {**wire(world.engine.settings, App(world.engine)), "timeout_keep_alive": 1}
    config = uvicorn.Config(**told)
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield House(world, listener.getsockname()[1], Log())
        server.stop()
        thread.join(PATIENCE_S)


def test_an_idle_connection_is_closed(tmp_path: Path) -> None:
    orders = ["short", "long", "away", "short short", "long short", "short long", "posted short"]
    with (
        open_world(tmp_path, is_audited=False, rate_limit=0) as world,
        impatient(world) as house,
        ExitStack() as all_,
    ):
        ways = Ways(house)
        wires = [all_.enter_context(house.wire()) for _ in orders]
        for order, idle in zip(orders, wires, strict=True):
            for name in order.split():
                idle.send(getattr(ways, name)(name))
                assert ids(idle, 1) == [name]
        began, busy = time.monotonic(), all_.enter_context(house.wire())
        while time.monotonic() < began + 1.5:  # what comes in time keeps it open
            busy.send(ways.short("again"))
            assert ids(busy, 1) == ["again"]
        for one_wire in (*wires, busy):
            one_wire.socket.settimeout(3)
            assert one_wire.is_over()


def test_a_graceful_stop_cuts_no_answer(tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        ways = Ways(house)
        wires = [house.wire() for _ in range(20)]
        for number, wire in enumerate(wires):
            wire.send((ways.long if number % 2 else ways.short)("first"))
            assert ids(wire, 1) == ["first"]
        for wire in wires:
            wire.send(ways.short("then") * 30 + ways.long("then") * 5)
    for wire in wires:
        with wire:
            found = wire.answers()  # which checks that none is cut
            assert {answer["x-request-id"] for answer in found} <= {"then"}
            assert {answer.status for answer in found} <= {200}
