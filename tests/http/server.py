"""A real server on a real socket, and a client that sends bytes as they stand.

The server is uvicorn with our own protocol class and wire settings, in a thread of the test's own
process, so that the world and its clock can be moved while it answers. Nothing is tested here.
"""

import json
import logging
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final

import msgspec
import uvicorn

from nuqta.api import server
from nuqta.api.app import App
from nuqta.api.points import PATH
from nuqta.api.serving import Server
from nuqta.engine.engine import Engine
from nuqta.engine.stores import Store
from nuqta.seen.spans import Spans
from tests.world import Shopper, World, open_world

Header = tuple[str, str]
Headers = Mapping[str, str] | Sequence[Header]

PATIENCE_S: Final = 15
"""After so long without a byte a test fails; nothing is ever waited for otherwise."""
METRICS_TOKEN: Final = "known-to-prometheus-alone-0123456789"
SNAPSHOTS: Final = Path(__file__).with_name("snapshots")


class Answer(msgspec.Struct, frozen=True):
    """What came back: names of headers in lower case, in the order in which they were sent."""

    status: int
    headers: tuple[Header, ...]
    body: bytes
    head: bytes

    def __getitem__(self, name: str) -> str:
        """The one value of a header."""
        values = [value for known, value in self.headers if known == name]
        assert len(values) == 1, (name, self.head)
        return values[0]

    @property
    def names(self) -> list[str]:
        """The names of the headers, sorted."""
        return sorted(name for name, _ in self.headers)

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error envelope, whose shape is checked; "" for an answer that is none."""
        if self.status < 400:
            return ""
        found = self.json
        message = found["message"]
        assert list(found)[:3] == ["status", "error_code", "message"], found
        assert list(message) == ["type", "code", "name", "description"], found
        assert found["status"] == "error", found
        assert found["error_code"] == message["code"], found
        kind = "validation_errors" if message["code"] == "ERROR_POPUP_OK" else "error"
        assert message["type"] == kind, found
        assert message["name"], found
        assert message["description"], found
        assert self["content-type"] == "application/json"
        assert int(self["content-length"]) == len(self.body)
        assert self["x-request-id"]
        return str(message["code"])


class Wire:
    """One connection. What is sent is sent as it stands."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Send; False where the server has closed the connection meanwhile."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def end(self) -> None:
        """Say that nothing more will be sent."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the other side has closed it all
            return

    def answer(self, method: str = "GET") -> Answer | None:
        """The next answer; None where the server closed the connection without one."""
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        lines = head.decode("latin-1").split("\r\n")
        headers = tuple(_header(line) for line in lines[1:-2])
        status = int(lines[0].split(" ")[1])
        length = next((int(value) for name, value in headers if name == "content-length"), 0)
        has_body = method != "HEAD" and status >= 200 and status not in (204, 304)
        body = self._exactly(length) if has_body else b""
        return Answer(status, headers, body, head)

    def answers(self) -> list[Answer]:
        """Every answer until the server closes the connection."""
        found = []
        while (answer := self.answer()) is not None:
            found.append(answer)
        return found

    def is_over(self) -> bool:
        """Whether the server closes the connection now, without another byte."""
        return not self._rest and not self._more()

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._rest:
            if not self._more():
                assert not self._rest, self._rest
                return None
        head, _, self._rest = self._rest.partition(end)
        return head + end

    def _exactly(self, length: int) -> bytes:
        while len(self._rest) < length:
            assert self._more(), self._rest
        body, self._rest = self._rest[:length], self._rest[length:]
        return body

    def _more(self) -> bool:
        try:
            data = self.socket.recv(65_536)
        except ConnectionResetError:
            return False
        self._rest += data
        return bool(data)


class Log(logging.Handler):
    """Everything that was logged, as text; of two houses that stand at once, the newer has it."""

    stack: ClassVar[list["Log"]] = []

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        self.lines: list[str] = []
        self._is_new = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        if self is self.stack[-1]:
            with self._is_new:
                self.lines.append(self.format(record))
                self._is_new.notify_all()

    def wait_for(self, pattern: str, start: int = 0) -> re.Match[str]:
        """The first line, from `start` on, in which the pattern is found; it may still come."""

        def found() -> re.Match[str] | None:
            matches = (re.search(pattern, line) for line in self.lines[start:])
            return next(filter(None, matches), None)

        with self._is_new:
            match = self._is_new.wait_for(found, PATIENCE_S)
        assert match is not None, (pattern, self.lines[start:])
        return match

    @property
    def text(self) -> str:
        """All lines together."""
        return "\n".join(self.lines)

    @property
    def faults(self) -> list[str]:
        """The lines that tell of a defect: tracebacks, wherever they come from."""
        return [line for line in self.lines if "Traceback" in line]


class House:
    """A world with a server in front of it."""

    def __init__(self, world: World, port: int, log: Log) -> None:
        self.world = world
        self.port = port
        self.log = log

    def wire(self) -> Wire:
        """A new connection."""
        return Wire(self.port)

    def ask(
        self, method: str, path: str, headers: Headers = (), body: bytes | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        with self.wire() as wire:
            wire.send(request(method, path, headers, body))
            answer = wire.answer(method)
        assert answer is not None, (method, path)
        return answer

    def send(self, method: str, path: str, headers: Headers = (), body: object = None) -> Answer:
        """One request with a JSON body."""
        data = b"" if body is None else json.dumps(body).encode()
        extra = [("Content-Type", "application/json")]
        return self.ask(method, path, [*_pairs(headers), *extra], data)

    def balance(self, shopper: Shopper, token: str, **headers: str) -> Answer:
        """The endpoint, as a partner asks it; `headers` are written with _ for -."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        store = self.store_of(shopper)
        return self.ask("GET", path_of(store.store_id), {**self.shopper(store, token), **more})

    def store_of(self, shopper: Shopper) -> Store:
        """The store where a customer shops."""
        stores = (self.world.riyadh, self.world.kuwait)
        return next(store for store in stores if store.store_id == shopper.store_id)

    def partner(self, store: Store) -> dict[str, str]:
        """The partner's header for a store."""
        return {"Authorization": f"Bearer {self.world.tokens[store.store_id].authorization}"}

    def shopper(self, store: Store, token: str) -> dict[str, str]:
        """The partner's header, and a customer's."""
        return {**self.partner(store), "X-CUSTOMER-TOKEN": token}

    def manager(self, store: Store) -> dict[str, str]:
        """The partner's header, and the manager's."""
        access = self.world.tokens[store.store_id].access_token
        return {**self.partner(store), "X-Manager-Token": access}

    def settle(self) -> None:
        """Wait until everything that was noted for the door has been written."""
        self.world.engine.door.write_now("settle", lambda tx: None)


def path_of(store: object) -> str:
    """The endpoint's path for a store's name."""
    return PATH.replace("{store}", str(store))


def request(method: str, path: str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """A request as bytes; a body brings its length."""
    pairs = _pairs(headers)
    if "host" not in {name.lower() for name, _ in pairs}:
        pairs = [("Host", "nuqta"), *pairs]
    if body is not None:
        pairs.append(("Content-Length", str(len(body))))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in pairs)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


@contextmanager
def serving(engine: Engine, spans: Spans | None = None) -> Iterator[int]:
    """A server on the engine; the port. The engine is closed as the server ends."""
    one = Server(uvicorn.Config(**server.wire(engine.settings, App(engine, spans=spans))))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = int(listener.getsockname()[1])
    thread = threading.Thread(target=one.run, args=([listener],), name="nuqta-http")
    thread.start()
    try:
        yield port
    finally:
        one.stop()
        thread.join(PATIENCE_S)
        listener.close()
        assert not thread.is_alive(), "the server does not end"


@contextmanager
def logging_all() -> Iterator[Log]:
    """Everything logged in this process meanwhile."""
    log, root, ours = Log(), logging.getLogger(), logging.getLogger("nuqta")
    level = ours.level
    root.addHandler(log)
    log.stack.append(log)
    ours.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        root.removeHandler(log)
        log.stack.remove(log)
        ours.setLevel(level)


@contextmanager
def open_house(folder: Path, *, is_whole: bool = True, **changes: int | str) -> Iterator[House]:
    """A world behind a server. As it ends its books are audited, and nothing may have failed.

    A test that breaks something on purpose says `is_whole=False`.
    """
    settings: dict[str, int | str] = {
        "rate_limit": 0, "failed_tries": 0, "metrics_token": METRICS_TOKEN, **changes,
    }  # fmt: skip
    with (
        logging_all() as log,
        open_world(folder, None, is_audited=False, **settings) as world,
        serving(world.engine) as port,
    ):
        yield House(world, port, log)
        if is_whole:
            report = world.proof()
            assert report.ok, report.violations
            assert log.faults == [], log.faults[0]


def matches_snapshot(name: str, text: str) -> bool:
    """Whether the text is the one kept under that name; NUQTA_UPDATE_SNAPSHOTS=1 keeps it anew."""
    path = SNAPSHOTS / name
    if os.environ.get("NUQTA_UPDATE_SNAPSHOTS") == "1":
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8") == text


def _pairs(headers: Headers) -> list[Header]:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


def _header(line: str) -> Header:
    name, _, value = line.partition(": ")
    return name.lower(), value
