"""Bad input below HTTP's own rules, and up to its edges: bytes as they stand, on a raw socket.

Whatever comes, the answer is a 4xx in the contract's envelope or a closed connection; never a 5xx,
never another customer's number; and the server answers afterwards. The fuzz prints its seed; set
NUQTA_FUZZ_SEED to play one again.
"""

import os
import random
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import Answer, House, open_house, path_of, request
from tests.world import Shopper

POINTS_OF = {"aisha": 111_111_111, "badr": 222_222_222}
FUZZ_REQUESTS = 2_500
FUZZ_SECONDS = 8


class Aim:
    """A right request for Aisha's balance, to be spoiled."""

    def __init__(self, house: House) -> None:
        world = house.world
        self.house = house
        self.path = path_of(world.riyadh.store_id)
        self.headers = house.shopper(world.riyadh, world.login(world.aisha))
        self.right = request("GET", self.path, self.headers)

    def with_header(self, name: str, value: bytes) -> bytes:
        """The right request with one header more."""
        sent = request("GET", self.path, {**self.headers, name: "@@"})
        return sent.replace(b"@@", value)

    def answers(self, data: bytes, *, ends: bool = True) -> list[Answer]:
        """Everything that comes back until the connection is closed."""
        with self.house.wire() as wire:
            wire.send(data)
            if ends:
                wire.end()
            return wire.answers()

    def first(self, data: bytes) -> Answer | None:
        """The first answer to what is sent, the connection staying open on our side."""
        with self.house.wire() as wire:
            wire.send(data)
            return wire.answer()

    def still_answers(self) -> None:
        """The server is as well as before."""
        answer = self.first(self.right)
        assert answer is not None
        assert answer.json["points"]["available_poitns"] == POINTS_OF["aisha"]


@pytest.fixture(scope="module")
def aim(house: House) -> Aim:
    for shopper in (house.world.aisha, house.world.badr):
        house.world.earn(shopper, POINTS_OF[shopper.name.lower()])
    return Aim(house)


def is_refused(answer: Answer | None) -> bool:
    """A 4xx in the envelope, or a connection that was closed without a word."""
    return answer is None or (400 <= answer.status < 500 and answer.code != "")


# -- lines and headers that are none ---------------------------------------------------------------

LINES = [
    b"GET", b"GET / HTTP", b"GET / HTTP/", b"GET / HTTP/1", b"GET / HTTP/1.7",
    b"GET / HTTP/9.9", b"GET / http/1.1", b"GET / FTP/1.1", b"GET /\x00 HTTP/1.1",
    b"GET / HTTP/1.1 x", b" GET / HTTP/1.1", b"G\x00T / HTTP/1.1", b"GET\t/\tHTTP/1.1",
    b"get / HTTP/1.1", b"BREW / HTTP/1.1", b"A" * 9_000 + b" / HTTP/1.1", b"GET ? HTTP/1.1",
    b"GET points HTTP/1.1", b"GET http:// HTTP/1.1", b"GET http://x HTTP/1.1",
    b"GET //[ HTTP/1.1x", b"CONNECT x:80 HTTP/1.1",
    b"GET /\xd9\x86 HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET /a b HTTP/1.1",
    b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x80\x2e\x01\x00\x02",
    b"{\"json\": true}", b"HTTP/1.1 200 OK", b"SSH-2.0-OpenSSH_9.2", b"\xf0\x9f\x98\x80" * 9,
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: repr(line[:24]))
def test_a_request_line_that_is_none(aim: Aim, line: bytes) -> None:
    answer = aim.first(line + b"\r\nHost: nuqta\r\n\r\n")
    assert answer is not None
    assert (answer.status, answer.code) == (400, "ERROR_BAD_REQUEST")
    assert answer["content-language"] == "en"
    aim.still_answers()


HEADER_LINES = [
    b"X-Odd: a\rb", b"X-Odd: a\nb", b"X-Odd: a\x00b", b"X-Odd: a\x0bb", b"X-Odd: a\x7fb",
    b"X-Odd: a\r\n folded", b"X-Odd: a\r\n\tfolded", b" X-Odd: a", b"X Odd: a", b"X-Odd : a",
    b": a", b"X-Odd", b"X-\xd9\x86: a", b"X-Odd\x00: a", b"X(Odd): a", b"\x00: a",
    b"Content-Length: x", b"Content-Length: -1", b"Content-Length: 1e3", b"Content-Length: 0x1",
    b"Content-Length: 1, 2", b"Content-Length: 99999999999999999999999999",
    b"Content-Length: 1\r\nContent-Length: 2", b"Content-Length: 1\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, gzip", b"Transfer-Encoding: x",
]  # fmt: skip


@pytest.mark.parametrize("line", HEADER_LINES, ids=repr)
@pytest.mark.parametrize("stands", ["first", "last"])
def test_a_header_line_that_is_none(aim: Aim, line: bytes, stands: str) -> None:
    head = aim.right.removesuffix(b"\r\n")
    if stands == "first":
        start, _, rest = head.partition(b"\r\n")
        head = start + b"\r\n" + line + b"\r\n" + rest
    else:
        head += line + b"\r\n"
    answer = aim.first(head + b"\r\n")
    assert answer is not None
    assert (answer.status, answer.code) == (400, "ERROR_BAD_REQUEST")
    aim.still_answers()


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\n\r", b"\r\r\n", b"\x0b\n", b""], ids=repr)
def test_lines_end_as_http_says(aim: Aim, ending: bytes) -> None:
    for answer in aim.answers(aim.right.replace(b"\r\n", ending)):
        assert is_refused(answer)
    aim.still_answers()


VALUES = [
    b"a\rb", b"a\nb", b"a\x00b", b"a\r\n b", b"\xff\xfe", "نقطة".encode(), b"\xf0\x9f\x98\x80",
    b"'; DROP TABLE sessions; --", b"%00", b"${jndi:ldap://x}", b"{{7*7}}", b"../../etc/passwd",
    b"\xed\xa0\x80", b"\t", b",", b"null", b"nqc_" * 500, b"x" * 8_192, b"_" * 8_192,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value[:24]))
@pytest.mark.parametrize("name", ["Authorization", "X-CUSTOMER-TOKEN"])
def test_a_credential_of_odd_bytes(aim: Aim, name: str, value: bytes) -> None:
    sent = request("GET", aim.path, {**aim.headers, name: "@@"}).replace(b"@@", value)
    answer = aim.first(sent)
    assert is_refused(answer)
    assert answer is not None
    assert answer.status in (400, 401)
    aim.still_answers()


@pytest.mark.parametrize("value", VALUES[4:13], ids=repr)
@pytest.mark.parametrize(
    "name", ["Accept", "Accept-Language", "If-None-Match", "X-Request-Id", "Content-Type", "Host"]
)
def test_other_headers_of_odd_bytes_harm_nothing(aim: Aim, name: str, value: bytes) -> None:
    answer = aim.first(aim.with_header(name, value))
    assert answer is not None
    assert answer.status == 200
    assert answer["x-request-id"].encode() != value


# -- too much --------------------------------------------------------------------------------------


def endless(kind: str) -> Iterator[bytes]:
    """A head that does not end, in pieces."""
    starts = {
        "one value": b"GET / HTTP/1.1\r\nX-Odd: ",
        "many headers": b"GET / HTTP/1.1\r\n",
        "one name": b"GET / HTTP/1.1\r\n",
        "path": b"GET /",
        "query": b"GET /?",
        "trailers": b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n",
        "chunk extensions": b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    }
    pieces = {"many headers": b"a: b\r\n", "trailers": b"x-trail: aaaaaaaaaaa\r\n"}
    yield starts[kind]
    for _ in range(200_000):
        yield pieces.get(kind, b"a" * 20) * 50


@pytest.mark.parametrize("kind", ["one value", "many headers", "one name", "path", "query"])
def test_a_head_that_never_ends_is_cut(aim: Aim, kind: str) -> None:
    with aim.house.wire() as wire:
        sent = 0
        for piece in endless(kind):
            if not wire.send(piece):
                break
            sent += len(piece)
        assert sent < 16 * 2**20, "it was cut"
    aim.still_answers()


@pytest.mark.parametrize("kind", ["trailers", "chunk extensions"])
def test_what_surrounds_a_body_is_bounded_too(aim: Aim, kind: str) -> None:
    with aim.house.wire() as wire:
        assert any(not wire.send(piece) for piece in endless(kind)), "it was cut"
    aim.still_answers()


HEADS = {
    "one value": lambda size: request("GET", "/x", {"X-Odd": "a" * size}),
    "path": lambda size: request("GET", "/" + "a" * size),
    "many": lambda size: request("GET", "/x", [("x-odd", "a" * 100)] * (size // 100)),
}


@pytest.mark.parametrize("kind", HEADS)
def test_the_bound_of_a_head(aim: Aim, kind: str) -> None:
    for size, status in ((30_000, 404), (40_000, 431), (1_000_000, 431)):
        answer = aim.first(HEADS[kind](size))
        if answer is None:  # closed while we were still sending
            assert size > 40_000
            continue
        assert answer.status == status
        assert answer.code == {404: "ERROR_NOT_FOUND", 431: "ERROR_HEADERS_TOO_LARGE"}[status]
    aim.still_answers()


@pytest.mark.parametrize(("size", "status"), [(3_000, 404), (5_000, 431)])
def test_the_bound_of_a_head_that_comes_byte_by_byte(
    tmp_path: Path, size: int, status: int
) -> None:
    with open_house(tmp_path, header_bytes=4_096) as house, house.wire() as wire:
        for byte in request("GET", "/x", {"X-Odd": "a" * size}):
            if not wire.send(bytes([byte])):
                break
        answer = wire.answer()
        assert answer is not None
        assert answer.status == status


def test_many_requests_in_one_piece_are_no_large_head(aim: Aim) -> None:
    count = 200
    with aim.house.wire() as wire:
        wire.send(request("GET", "/nothing", {"X-Odd": "a" * 900}) * count)
        answers = [wire.answer() for _ in range(count)]
    assert [answer and answer.status for answer in answers] == [404] * count


# -- stores and customers that are none ------------------------------------------------------------

IDS = [
    "0", "-1", "007", "+1", "1.0", "1e3", "1_000", " 1", "0x10", str(2**53), str(2**63),
    str(2**64), str(10**400), "text", "null", "%00", "1%00", "%2F", "1%2F2", "%2e%2e", "..", ".",
    "%D9%A1%D9%A2", "%F0%9F%98%80", "%FF", "%ED%A0%80", "%C0%80", "%", "%zz", "*", "1;2", "1,2",
    "%0d%0aX-Odd:1", "a" * 2_000, "[]", "{}", "'", "%27%20OR%201=1--",
    "00000000-0000-0000-0000-00000000000g",
]  # fmt: skip


@pytest.mark.parametrize("text", IDS, ids=lambda text: text[:24])
def test_a_store_that_is_none(aim: Aim, text: str) -> None:
    answer = aim.first(request("GET", path_of(text), aim.headers))
    assert answer is not None
    if " " in text:
        assert answer.status == 400
    else:
        assert answer.status == 404
        assert answer.code in ("ERROR_STORE_NOT_FOUND", "ERROR_NOT_FOUND")
    aim.still_answers()


@pytest.mark.parametrize("text", IDS, ids=lambda text: text[:24])
def test_a_customer_that_is_none(aim: Aim, text: str) -> None:
    headers = aim.house.manager(aim.house.world.riyadh)
    for method in ("POST", "DELETE"):
        path = f"/v1/managers/store/customers/{text}/login"
        answer = aim.first(request(method, path, headers))
        assert answer is not None
        if " " in text:
            assert answer.status == 400
        else:
            assert answer.status == 404
            assert answer.code in ("ERROR_CUSTOMER_NOT_FOUND", "ERROR_NOT_FOUND")
    aim.still_answers()


@pytest.mark.parametrize(
    "path", ["/v1/../v1", "//v1", "/./", "/v1/customers/loyalty-program/../1/points", "/*", "*"]
)
def test_an_odd_path_is_no_route(aim: Aim, path: str) -> None:
    answer = aim.first(request("OPTIONS" if path == "*" else "GET", path, aim.headers))
    assert answer is not None
    assert (answer.status, answer.code) == (404, "ERROR_NOT_FOUND")


# -- HTTP that is unusual and right ----------------------------------------------------------------


def test_methods_that_http_knows_and_we_do_not(aim: Aim) -> None:
    for method in ("PURGE", "M-SEARCH", "PROPFIND", "LINK", "SUBSCRIBE", "QUERY"):
        answer = aim.first(request(method, aim.path, aim.headers))
        assert is_refused(answer)


def test_http_1_0_is_answered_and_closed(aim: Aim) -> None:
    answers = aim.answers(aim.right.replace(b"HTTP/1.1", b"HTTP/1.0"), ends=False)
    assert [answer.status for answer in answers] == [200]


def test_connection_close_is_kept(aim: Aim) -> None:
    answers = aim.answers(aim.with_header("Connection", b"close"), ends=False)
    assert [answer.status for answer in answers] == [200]
    assert answers[0]["connection"] == "close"


def test_pipelined_requests_are_answered_in_their_order(aim: Aim) -> None:
    ids = [f"id-{number}" for number in range(40)]
    with aim.house.wire() as wire:
        wire.send(b"".join(aim.with_header("X-Request-Id", name.encode()) for name in ids))
        answers = [wire.answer() for _ in ids]
    assert [answer and answer["x-request-id"] for answer in answers] == ids


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "TLS/1.0", "x"])
def test_an_upgrade_is_not_taken(aim: Aim, protocol: str) -> None:
    headers = {**aim.headers, "Connection": "Upgrade", "Upgrade": protocol}
    websocket = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
    answer = aim.first(request("GET", aim.path, {**headers, **websocket}))
    assert answer is not None
    assert answer.status == 200
    aim.still_answers()


def test_a_body_on_get_is_read_past(aim: Aim) -> None:
    chunked = request("GET", aim.path, {**aim.headers, "Transfer-Encoding": "chunked"})
    for sent in (
        request("GET", aim.path, aim.headers, b"hello"),
        request("GET", aim.path, aim.headers, b"x" * 300_000),
        request("GET", aim.path, aim.headers, aim.right),
        chunked + b"5\r\nhello\r\n0\r\n\r\n",
        chunked + b"5;ext=1\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n",
    ):
        with aim.house.wire() as wire:
            wire.send(sent)
            wire.send(aim.with_header("X-Request-Id", b"after"))
            first, second = wire.answer(), wire.answer()
        assert first is not None
        assert second is not None
        assert (first.status, second.status) == (200, 200)
        assert second["x-request-id"] == "after", "a body is never taken for a request"


def test_a_trailer_is_no_header(aim: Aim) -> None:
    path = f"/v1/stores/{aim.house.world.riyadh.store_id}/auth/login"
    head = request("POST", path, {"Transfer-Encoding": "chunked"})
    trailer = f"Authorization: {aim.headers['Authorization']}\r\n".encode()
    answer = aim.first(head + b"0\r\n" + trailer + b"\r\n")
    assert answer is not None
    assert answer.code == "ERROR_AUTHORIZATION_MISSING"


def test_expect_100_continue(aim: Aim) -> None:
    world = aim.house.world
    headers = {**aim.house.partner(world.riyadh), "Expect": "100-continue"}
    head = request(
        "POST", f"/v1/stores/{world.riyadh.store_id}/auth/verify",
        {**headers, "Content-Length": "2"},
    )  # fmt: skip
    with aim.house.wire() as wire:
        wire.send(head)
        go_on = wire.answer()
        assert go_on is not None
        assert go_on.status == 100
        wire.send(b"{}")
        answer = wire.answer()
        assert answer is not None
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    answer = aim.first(aim.with_header("Expect", b"100-continue"))
    assert answer is not None
    assert answer.status in (100, 200)


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-1\r\n", b"5\r\nhel", b"g", b"1\r\nab\r\n"])
def test_chunks_that_are_none(aim: Aim, chunks: bytes) -> None:
    world = aim.house.world
    head = request(
        "POST", f"/v1/stores/{world.riyadh.store_id}/auth/login",
        {**aim.house.partner(world.riyadh), "Transfer-Encoding": "chunked"},
    )  # fmt: skip
    for answer in aim.answers(head + chunks):
        assert is_refused(answer)
    aim.still_answers()


def test_a_request_that_is_not_finished_harms_nobody(aim: Aim) -> None:
    world = aim.house.world
    post = request(
        "POST", f"/v1/stores/{world.riyadh.store_id}/auth/login",
        aim.house.partner(world.riyadh), b'{"email": "aisha@shop.example"}',
    )  # fmt: skip
    for whole in (aim.right, post):
        for size in range(0, len(whole), 7):
            assert all(is_refused(answer) for answer in aim.answers(whole[:size]))
            with aim.house.wire() as wire:
                wire.send(whole[:size])
    aim.still_answers()


# -- luck ------------------------------------------------------------------------------------------


def seeded() -> random.Random:
    """Luck that can be played again: the seed is printed where a test fails."""
    seed = os.environ.get("NUQTA_FUZZ_SEED") or secrets.token_hex(4)
    os.write(1, f"NUQTA_FUZZ_SEED={seed}\n".encode())
    return random.Random(seed)


def spoiled(luck: random.Random, right: bytes) -> bytes:
    """A right request after a few strokes of luck."""
    data = bytearray(right)
    for _ in range(luck.randint(1, 6)):
        at = luck.randrange(len(data) + 1)
        match luck.randrange(6):
            case 0:
                data[at:at] = luck.randbytes(luck.randint(1, 12))
            case 1:
                del data[at : at + luck.randint(1, 20)]
            case 2:
                data[at : at + 1] = luck.choice([b"\r", b"\n", b"\x00", b":", b" ", b"\xff", b"/"])
            case 3:
                other = luck.randrange(len(data) + 1)
                data[at:at] = data[other : other + luck.randint(1, 60)]
            case 4:
                data[at:at] = luck.choice([b"\r\n", b"\r\n\r\n", b"%00", b"%", b"\t", b"\x80"])
            case _:
                data[at : at + 1] = bytes([luck.randrange(256)])
    return bytes(data)


def shown(shopper: Shopper, answer: Answer) -> bool:
    """Whether an answer shows this customer's points."""
    return str(POINTS_OF[shopper.name.lower()]).encode() in answer.body


def test_fuzz_of_bytes(aim: Aim) -> None:
    """Whatever is sent with Aisha's session shows Aisha's points or none, and never a fault."""
    luck, world = seeded(), aim.house.world
    post = request(
        "POST", f"/v1/stores/{world.riyadh.store_id}/auth/verify",
        {**aim.house.partner(world.riyadh), "Content-Type": "application/json"},
        b'{"email": "badr@shop.example", "code": "123456"}',
    )  # fmt: skip
    ends_at = time.monotonic() + FUZZ_SECONDS
    for _ in range(FUZZ_REQUESTS):
        data = spoiled(luck, luck.choice([aim.right, aim.right, post]))
        for answer in aim.answers(data):
            assert answer.status < 500, data
            assert not shown(world.badr, answer), data
            if answer.status >= 400 and answer.body:
                assert answer.code, data
        if time.monotonic() > ends_at:
            break
    aim.still_answers()


def test_fuzz_of_header_values(aim: Aim) -> None:
    """Odd values in every header that is read, on one connection for as long as it lasts."""
    luck, world = seeded(), aim.house.world
    names = [
        "Authorization", "X-CUSTOMER-TOKEN", "Accept", "Accept-Language", "If-None-Match",
        "X-Request-Id", "Content-Type", "X-Manager-Token", "Host", "Range", "Cookie",
    ]  # fmt: skip
    words = [
        "*/*", "q=", ";", ",", "application/json", "ar", "en", "W/", '"', "*", "Bearer ", "nqc_",
        "nqp_", "0", "=", "1.", "\xff", "\x80", "\t", " ", "-", "_", aim.headers["Authorization"],
        aim.headers["X-CUSTOMER-TOKEN"][:30],
    ]  # fmt: skip
    wire = aim.house.wire()
    for _ in range(FUZZ_REQUESTS):
        odd = {name: "".join(luck.choices(words, k=luck.randint(0, 9))) for name in names}
        kept = luck.sample(names, luck.randint(1, 4))
        headers = {**aim.headers, **{name: odd[name] for name in kept}}
        wire.send(request("GET", aim.path, headers))
        answer = wire.answer()
        assert answer is not None, headers
        assert answer.status in (200, 304, 401, 406), headers
        assert not shown(world.badr, answer), headers
        assert answer.status in (200, 304) or answer.code
        if not {"Authorization", "X-CUSTOMER-TOKEN", "Accept"} & set(kept):
            assert answer.status in (200, 304), headers
    wire.socket.close()
    aim.still_answers()
