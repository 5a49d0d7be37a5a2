"""A server that can be killed at a named point, and clients that talk to it until it is gone.

Nothing is tested here.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from nuqta.settings import Settings
from tests.http.server import PATIENCE_S
from tests.tidy import ROOT

LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))
_QUICK: Final = {
    "NUQTA_RATE_LIMIT": "0", "NUQTA_WORKER_PAUSE_MS": "10", "NUQTA_WORKER_LEASE_SECONDS": "1",
    "NUQTA_SEAL_SECONDS": "1", "NUQTA_WEBHOOKS_PER_STORE": "1000",
    "NUQTA_METHODS_PER_STORE": "1000", "NUQTA_HOLDS_PER_CUSTOMER": "1000",
}  # fmt: skip
"""Whoever was killed leaves a lease behind: it is short."""


def quiet_port() -> int:
    """A port where nobody listens, from where systems do not take those of clients: a thousand
    clients beside us would have it before the server does."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Point:
    """Where a server kills itself: at the `nth` time; `is_all`: with all of its processes."""

    def __init__(self, folder: Path, name: str, nth: int, is_all: bool = True) -> None:
        self._armed = folder / "armed"
        self._armed.touch()
        self.name = name
        self.environ = {
            "KILL_AT": name, "KILL_NTH": str(nth), "KILL_ONCE": str(self._armed),
            "KILL_ALL": str(int(is_all)),
        }  # fmt: skip

    @property
    def was_reached(self) -> bool:
        """Whether somebody was killed there."""
        return not self._armed.exists()


class Server:
    """A running `nuqta serve` (or other `arguments`), in a group of its own."""

    def __init__(
        self,
        settings: Settings,
        workers: int = 1,
        point: Point | None = None,
        script: str = LAUNCHER,
        arguments: Sequence[str] = (),
        more: Sequence[str] = (),
    ) -> None:
        self.port = quiet_port()
        self.log = Path(settings.db).with_name("server.log")
        ours = {name: text for name, text in os.environ.items() if not name.startswith("NUQTA_")}
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        environ = {**ours, **_QUICK, "PYTHONPATH": path, **(point.environ if point else {})}
        environ["TMPDIR"] = str(self.log.parent)  # what killed servers leave, the next removes
        serve = ("serve", "--port", str(self.port), "--workers", str(workers), *more)
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, script, "--db", settings.db, *(arguments or serve)],
                env=environ, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait_until_open(self) -> bool:
        """Wait until somebody listens; False where it ended before."""
        ends_at = time.monotonic() + PATIENCE_S * 2
        while time.monotonic() < ends_at:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            if not self.is_alive(0.01):
                return False
        raise AssertionError(f"nobody listens: {self.said}")

    def is_alive(self, seconds: float) -> bool:
        """Whether the process is there, and still so in so many seconds."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> None:
        """kill -9 of all its processes at once; nothing where they are gone."""
        if self.popen.returncode is None:  # else its number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait(PATIENCE_S)

    def stop(self) -> None:
        """Let it end by itself."""
        self.popen.terminate()
        self.popen.wait(PATIENCE_S)

    @property
    def said(self) -> str:
        """All that servers on these books ever said."""
        return self.log.read_text(errors="replace")


@contextmanager
def serving(
    settings: Settings,
    workers: int = 1,
    point: Point | None = None,
    script: str = LAUNCHER,
    more: Sequence[str] = (),
) -> Iterator[Server]:
    """A server with `more` options, killed in the end if it still runs."""
    server = Server(settings, workers, point, script, more=more)
    try:
        yield server
    finally:
        server.kill()


class Told(msgspec.Struct, frozen=True):
    """An answer: its status, its body, its ETag ("" for none), and whether it says that it was
    given before."""

    status: int
    body: bytes
    etag: str = ""
    is_replayed: bool = False


class Listening(Protocol):
    """Where a server listens."""

    port: int


class Line:
    """A client's connection to a server that may be killed at any moment; it is kept open."""

    def __init__(self, server: Listening) -> None:
        self._server = server
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        """Connect. Raises OSError where nobody listens."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._server.port)

    async def ask(self, data: bytes) -> Told | None:
        """The answer to a request; None where no whole answer came, and where nobody listens."""
        try:
            await self.open()
            return await self._ask(data)
        except (OSError, asyncio.IncompleteReadError):
            await self.close()
            return None

    async def settled(self, data: bytes) -> Told | None:
        """The answer, under the same key until there is one; None where the server is gone."""
        while True:
            told = await self.ask(data)
            if told is not None and told.status != 503:
                return told
            if told is None:
                try:
                    await self.open()
                except OSError:
                    return None

    async def _ask(self, data: bytes) -> Told:
        assert self._streams is not None
        reader, writer = self._streams
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            await self.close()
        return Told(
            int(head[0].split(" ")[1]), body, headers.get("etag", ""),
            headers.get("idempotent-replayed") == "true",
        )  # fmt: skip

    async def close(self) -> None:
        """Leave the server."""
        if self._streams is not None:
            writer, self._streams = self._streams[1], None
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def lines(server: Listening, many: int) -> AsyncIterator[list[Line]]:
    """So many connections to a server."""
    found = [Line(server) for _ in range(many)]
    try:
        yield found
    finally:
        await asyncio.gather(*(line.close() for line in found))
