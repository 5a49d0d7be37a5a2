"""The load generator: one thread, plain sockets, requests that were made beforehand.

Two groups of connections take turns: while the answers of one are read and its next requests sent,
those of the other wait at the server, so that the server is never idle and what is measured is its
own pace. It costs a small part of what the cheapest server costs.
"""

import re
import socket
from collections.abc import Sequence
from itertools import cycle
from time import perf_counter_ns

import msgspec

_ANSWER = re.compile(
    rb"HTTP/1\.1 200 OK\r\n(?:[a-z-]+: [^\r\n]*\r\n){7}(?:ratelimit[^\r\n]*\r\n){0,5}\r\n"
    rb'\{"status":"success","points":\{"available_poitns":\d+,"used_poitns":\d+\},'
    rb'"message":\{"type":"success","code":null,"name":null,"description":null\}\}'
)
_EVERY = 61
"""One answer in so many is looked at as a whole; every one must be a 200 that ends."""


class Slice(msgspec.Struct, frozen=True):
    """What one slice of time saw: answers, its seconds, the nanoseconds of each answer."""

    answers: int
    seconds: float
    latencies_ns: list[int]

    @property
    def pace(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class Load:
    """Kept-alive connections to one server, which send the given requests in turn."""

    def __init__(self, port: int, requests: Sequence[bytes], connections: int = 16) -> None:
        sockets = [_connected(port) for _ in range(connections)]
        self._groups = (sockets[: connections // 2], sockets[connections // 2 :])
        self._requests = cycle(requests)
        self._count = 0

    def run(self, seconds: float) -> Slice:
        """Load the server for that long; every answer is in when this returns."""
        latencies: list[int] = []
        requests, groups = self._requests, self._groups
        began = perf_counter_ns()
        ends = began + int(seconds * 1e9)
        sent = [[self._send(one, next(requests)) for one in group] for group in groups]
        turn = 0
        while perf_counter_ns() < ends:
            group, times = groups[turn], sent[turn]
            for place, one in enumerate(group):
                latencies.append(self._answered(one) - times[place])
            for place, one in enumerate(group):
                times[place] = self._send(one, next(requests))
            turn = 1 - turn
        for group, times in ((groups[turn], sent[turn]), (groups[1 - turn], sent[1 - turn])):
            for place, one in enumerate(group):
                latencies.append(self._answered(one) - times[place])
        return Slice(len(latencies), (perf_counter_ns() - began) / 1e9, latencies)

    def close(self) -> None:
        """Close every connection."""
        for group in self._groups:
            for one in group:
                one.close()

    def _send(self, one: socket.socket, request: bytes) -> int:
        one.send(request)
        return perf_counter_ns()

    def _answered(self, one: socket.socket) -> int:
        answer = one.recv(65_536)
        while answer[-2:] != b"}}":
            more = one.recv(65_536)
            if not more:
                raise RuntimeError(f"the server hung up after {answer!r}")
            answer += more
        now = perf_counter_ns()
        self._count += 1
        if answer[9:12] != b"200" or (
            self._count % _EVERY == 0 and _ANSWER.fullmatch(answer) is None
        ):
            raise RuntimeError(f"not the answer that was asked for: {answer!r}")
        return now


def _connected(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one
