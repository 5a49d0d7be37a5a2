"""Hostile requests, made from right ones by luck: broken, mixed, endless, smuggled. No test stands
here; whatever is made here, the server answers it or closes the connection.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final, TypeAlias

from tests.http.server import House, path_of, request
from tests.orders.shop import Shop, basic, plain, zid

Making: TypeAlias = Callable[["Hostile"], bytes]
_LINES: Final = (
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity, chunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    b"Transfer-encoding:\tchunked", b"Transfer-Encoding:\x0bchunked", b"X: y\r\n Content-Length: 5",
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: +5", b"Content-Length: 0x5",
    b"Content-Length: 5, 5", b"Content-Length: 99999999999999999999", b"Content-Length: -1",
    b"Content-Length: 4194305", b"Expect: 100-continue", b"Expect: x", b"Connection: close",
    b"Connection: Upgrade\r\nUpgrade: h2c", b"Upgrade: websocket", b"Host: a\r\nHost: b",
    b"Content-Encoding: gzip", b"Content-Type: application/x-www-form-urlencoded",
    b"Content-Type: multipart/form-data; boundary=x", b"Content-Type: application/json; charset=x",
    b"Idempotency-Key: \xff", b"Cookie: " + b"a=b; " * 400, b"X-Odd: " + b"a" * 40_000,
    b"Authorization: Basic Og==", b"Range: bytes=0-", b"X\x00: y", b"X-Odd: a\nb", b"\r\n",
)  # fmt: skip
_WORDS: Final = (
    "9" * 5_000, "-" + "9" * 400, "1e400", "1e-400", "1E+999999999", "0." + "9" * 5_000, "NaN",
    "Infinity", "-0", "01", "0x10", "1_000", "true", "null", "[]", "{}", '""', '"\\u0000"',
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u202e"', '"' + "a" * 70_000 + '"', "[" * 40, "{" * 40,
    "[" * 33 + "]" * 33, '{"a":' * 500, '"' + "[" * 200 + '"', '"\\', '"\x01"', "1 2", "1,",
    '{"a":1,"a":2}', "9007199254740993", "1" + "0" * 18, "[[[[[[[]]]]]]]", '"\ufeff"',
)  # fmt: skip
_BYTES: Final = (
    b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\r",
    b"\n", b"\r\n", b"\r\n\r\n", b"%00", b"%", b" ", b"\t", b":", b"\x7f", b"\xc0\x80",
)  # fmt: skip


class Hostile:
    """Makes hostile requests against a house, by one seed."""

    def __init__(self, house: House, luck: Random) -> None:
        self.luck = luck
        self._right = list(_right(house))

    def one(self) -> bytes:
        """The next of them."""
        return self.luck.choice(_MAKINGS)(self)

    def right(self) -> bytes:
        """A right request, with a body or without."""
        return self.luck.choice(self._right)

    def parts(self) -> tuple[bytes, bytes]:
        """Head and body of a right request that has a body."""
        head, _, body = self.luck.choice(
            [one for one in self._right if one[-1:] == b"}"]
        ).partition(b"\r\n\r\n")
        return head, body

    def framed(self, body: bytes, *lines: bytes) -> bytes:
        """A right head around another body, whose length it tells."""
        head, _ = self.parts()
        kept = [one for one in head.split(b"\r\n") if not one.lower().startswith(b"content-length")]
        return b"\r\n".join([*kept, b"Content-Length: %d" % len(body), *lines]) + b"\r\n\r\n" + body


def _right(house: House) -> Iterator[bytes]:
    world, shop = house.world, Shop(house, house.world.riyadh)
    store, pair = world.riyadh, shop.pair()
    manager = {**house.manager(store), "Content-Type": "application/json"}
    shopper = house.shopper(store, world.login(world.aisha))

    def posted(path: str, headers: dict[str, str], body: object, method: str = "POST") -> bytes:
        return request(method, path, headers, json.dumps(body).encode())

    yield request("GET", path_of(store.store_id), shopper)
    yield request("GET", path_of(store.store_id) + "?x", shopper)
    yield request("GET", "/v1/managers/store/customers?page=1&per_page=15", house.manager(store))
    adjust: dict[str, Any] = {"customerId": 1, "direction": "+", "points": 1, "reason": "نقطة"}
    yield posted(
        "/v1/managers/loyalty-program/customers/adjust-customer-points",
        {**manager, "Idempotency-Key": "hostile"}, adjust,
    )  # fmt: skip
    yield posted("/v1/managers/store/orders/1001/loyalty", manager, plain(shop), "PUT")
    source = {"Authorization": basic(pair.username, pair.password)}
    yield posted(
        f"/v1/webhooks/orders/{store.store_id}",
        {**source, "Content-Type": "application/json"}, zid(shop),
    )  # fmt: skip
    yield posted(
        f"/v1/stores/{store.store_id}/auth/verify",
        {**house.partner(store), "Content-Type": "application/json"},
        {"email": "nobody@shop.example", "code": "123456"},
    )  # fmt: skip


def _raw(hostile: Hostile) -> bytes:
    """Bytes that are nothing."""
    return hostile.luck.randbytes(hostile.luck.randint(1, 4_000))


def _flipped(hostile: Hostile) -> bytes:
    """Some bits turned over."""
    data = bytearray(hostile.right())
    for _ in range(hostile.luck.randint(1, 12)):
        data[hostile.luck.randrange(len(data))] ^= 1 << hostile.luck.randrange(8)
    return bytes(data)


def _spliced(hostile: Hostile) -> bytes:
    """The beginning of one request and the end of another."""
    first, second = hostile.right(), hostile.right()
    return (
        first[: hostile.luck.randrange(len(first))] + second[hostile.luck.randrange(len(second)) :]
    )


def _dotted(hostile: Hostile) -> bytes:
    """Odd bytes here and there."""
    data = hostile.right()
    for _ in range(hostile.luck.randint(1, 4)):
        at = hostile.luck.randrange(len(data))
        data = data[:at] + hostile.luck.choice(_BYTES) + data[at + hostile.luck.randrange(2) :]
    return data


def _headed(hostile: Hostile) -> bytes:
    """Header lines twice, or that contradict the others."""
    head, end, body = hostile.right().partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    for _ in range(hostile.luck.randint(1, 3)):
        line = hostile.luck.choice([*_LINES, hostile.luck.choice(lines[1:])])
        lines.insert(hostile.luck.randint(1, len(lines)), line)
    return b"\r\n".join(lines) + end + body


def _chunked(hostile: Hostile) -> bytes:
    """A body in chunks that are none."""
    head, body = hostile.parts()
    lines = [one for one in head.split(b"\r\n") if not one.lower().startswith(b"content-length")]
    chunks: list[bytes] = []
    while body and len(chunks) < 40:
        size = hostile.luck.randint(1, 60)
        told = size + hostile.luck.choice((0, 0, 0, 0, 1, -1, 2**40))
        mark = hostile.luck.choice((b"", b"", b";a=b", b";" + b"x" * 3_000, b"\x00", b"_"))
        chunks.append(b"%x" % max(0, told) + mark + b"\r\n" + body[:size] + b"\r\n")
        body = body[size:]
    end = hostile.luck.choice(
        (b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"00000000000000000\r\n\r\n", b"")
    )
    return b"\r\n".join([*lines, b"Transfer-Encoding: chunked", b"", b""]) + b"".join(chunks) + end


def _smuggled(hostile: Hostile) -> bytes:
    """A request within the body of another, whose length is told in two ways."""
    head, body = hostile.parts()
    hidden = b"0\r\n\r\n" + hostile.right() if hostile.luck.random() < 0.5 else hostile.right()
    line = hostile.luck.choice(_LINES[:14])
    return head + b"\r\n" + line + b"\r\n\r\n" + body + hidden


def _worded(hostile: Hostile) -> bytes:
    """JSON with a value that is none, or is far too much."""
    _, body = hostile.parts()
    fields = list(json.loads(body))
    name, word = hostile.luck.choice(fields), hostile.luck.choice(_WORDS)
    rest = {key: value for key, value in json.loads(body).items() if key != name}
    text = json.dumps(rest)[:-1] + f', "{name}": {word}}}'
    return hostile.framed(text.encode("utf-8"))


def _formed(hostile: Hostile) -> bytes:
    """Multipart and url-encoded garbage."""
    luck = hostile.luck
    if luck.random() < 0.3:
        body = b"&".join(luck.randbytes(4) + b"=%" + luck.randbytes(2) for _ in range(300))
        return hostile.framed(body, b"Content-Type: application/x-www-form-urlencoded")
    part = b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
    names = (b"a", b'"', b"\x00", b"a" * 5_000, b"\xff", b"..")
    body = b"".join(
        part % (luck.choice(names), luck.randbytes(9)) for _ in range(luck.randint(1, 400))
    )
    body += luck.choice((b"--x--\r\n", b"--x", b"--y--", b""))
    at = luck.randrange(len(body))
    return hostile.framed(body[:at] + luck.choice(_BYTES) + body[at:],
                          b"Content-Type: multipart/form-data; boundary=x")  # fmt: skip


def _huge(hostile: Hostile) -> bytes:
    """Much more than is taken, of one thing or of many."""
    luck = hostile.luck
    kind = luck.randrange(4)
    if kind == 0:
        return hostile.framed(b'{"a": "' + b"x" * luck.randint(200_000, 600_000) + b'"}')
    if kind == 1:
        return b"GET /" + b"a" * luck.randint(1_000, 80_000) + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    if kind == 2:
        return b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * luck.randint(1_000, 9_000) + b"\r\n"
    return hostile.right() * luck.randint(20, 60)


def _cut(hostile: Hostile) -> bytes:
    """Less than a request."""
    data = hostile.right()
    return data[: hostile.luck.randrange(1, len(data))]


_MAKINGS: Final[tuple[Making, ...]] = (
    _raw, _flipped, _flipped, _spliced, _spliced, _dotted, _dotted, _headed, _headed, _chunked,
    _smuggled, _smuggled, _worded, _worded, _formed, _huge, _cut,
)  # fmt: skip
