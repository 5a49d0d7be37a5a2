"""Two real receivers of one-time codes, for deliveries to arrive at: a mail server and a webhook.

Each runs in a thread of the test's process and hands over what it took, as it came.
"""

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec

from tests.http.server import PATIENCE_S


class Hook(msgspec.Struct, frozen=True):
    """What a webhook took."""

    path: str
    headers: dict[str, str]
    body: bytes


class Mail(msgspec.Struct, frozen=True):
    """What a mail server took, and who signed in to it."""

    sender: str
    recipients: tuple[str, ...]
    login: str
    data: bytes


class Hooks:
    """A webhook that stands: where, what it took, and what it answers."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/send?to=gateway"
        self.status = 200
        self._taken: queue.SimpleQueue[Hook] = queue.SimpleQueue()

    def take(self, hook: Hook) -> None:
        self._taken.put(hook)

    def next(self) -> Hook:
        """The next delivery, which may still be on its way."""
        return self._taken.get(timeout=PATIENCE_S)

    @property
    def is_empty(self) -> bool:
        return self._taken.empty()


@contextmanager
def webhook() -> Iterator[Hooks]:
    """A webhook on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(hooks.status)
            self.send_header("content-length", "0")
            self.end_headers()
            hooks.take(Hook(self.path, headers, body))

        def log_message(self, format: str, *values: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        hooks = Hooks(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hooks
        finally:
            server.shutdown()
            thread.join()


class Post:
    """A mail server: just enough of SMTP (RFC 5321) to take a message, with or without AUTH."""

    def __init__(self) -> None:
        self.port = 0
        self._taken: queue.SimpleQueue[Mail] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def next(self) -> Mail:
        """The next message, which may still be on its way."""
        return self._taken.get(timeout=PATIENCE_S)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        listening = asyncio.start_server(self._talk, "127.0.0.1", 0)
        server = self._loop.run_until_complete(listening)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(server.wait_closed())
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        sender, recipients, login = "", [], ""
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            word = line[:4].upper()
            answer = "250 fine"
            if word == "EHLO":
                answer = "250-here\r\n250 AUTH PLAIN"
            elif word == "AUTH":
                login, answer = line.split()[-1], "235 welcome"
            elif word == "MAIL":
                sender = line
            elif word == "RCPT":
                recipients.append(line)
            elif word == "DATA":
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                self._taken.put(Mail(sender, tuple(recipients), login, data))
            elif word == "QUIT":
                answer = "221 bye"
            writer.write(f"{answer}\r\n".encode())
            if word == "QUIT":
                break
        writer.close()
        await writer.wait_closed()


@contextmanager
def mail_server() -> Iterator[Post]:
    """A mail server on a port of its own."""
    post = Post()
    post.start()
    try:
        yield post
    finally:
        post.stop()
