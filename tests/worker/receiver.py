"""A real receiver of events: an HTTP server that keeps what came and answers as it is told."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from tests.http.server import PATIENCE_S

Reply = tuple[int, Mapping[str, str]]


class Told(msgspec.Struct, frozen=True):
    """One request that came: its headers in lower case, and its body as it was sent."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event in the body."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Receiver:
    """What came, in order of arrival; `answer` decides what is said to a request."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/events"
        self.told: list[Told] = []
        self.answer: Callable[[Told], Reply] = lambda told: (200, {})
        self._came = threading.Condition()

    def take(self, told: Told) -> Reply:
        """Keep a request, and say what it is answered."""
        with self._came:
            self.told.append(told)
            self._came.notify_all()
        return self.answer(told)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that more requests bring about."""
        with self._came:
            assert self._came.wait_for(is_so, PATIENCE_S), len(self.told)

    @property
    def ids(self) -> list[str]:
        """The ids of the events that came, in order of arrival, repeats and all."""
        return [told.headers["x-nuqta-event-id"] for told in self.told]

    @property
    def numbers(self) -> list[tuple[int, int]]:
        """(customer, number) of what came, in order of arrival."""
        return [(told.event["customer_id"], told.event["number"]) for told in self.told]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # whoever sent it was killed half-way
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, extra = receiver.take(Told(self.path, headers, body))
            self.send_response(status)
            for name, value in {"content-length": "0", **extra}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing is said on stderr."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Whoever was killed in the middle is no error of ours."""

    server = Server(("127.0.0.1", 0), Handler)
    receiver = Receiver(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join(PATIENCE_S)
        server.server_close()
