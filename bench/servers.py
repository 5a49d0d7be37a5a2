"""The servers that are compared, each a process of its own: `python -m bench.servers KIND PORT`.

All share the wire of `nuqta serve`: uvicorn with httptools and uvloop, no access log, no date and
server headers; and all answer with the same seven headers and the same body, so that only what
lies between request and answer differs.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn
from blacksheep import Application, Content, Request, Response, Router
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bench.machine import pin
from nuqta.api import server
from nuqta.api.app import App
from nuqta.engine.engine import open_engine
from nuqta.settings import Settings
from nuqta.web.limiter import limiters, make_shared

BODY = (
    b'{"status":"success","points":{"available_poitns":100,"used_poitns":0},'
    b'"message":{"type":"success","code":null,"name":null,"description":null}}'
)
OWN_HEADERS = [
    (b"etag", b'"1-100-0-ar"'),
    (b"cache-control", b"private, no-cache"),
    (b"content-language", b"ar"),
    (b"vary", b"Accept-Language"),
    (b"x-request-id", b"0123456789ab-1234"),
]
HEADERS = [
    *OWN_HEADERS,
    (b"content-type", b"application/json"),
    (b"content-length", str(len(BODY)).encode()),
]
Message = MutableMapping[str, Any]


class Running:
    """A server that answers at `port`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.pid = process.pid
        self.port = port


async def bare(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """The least that an ASGI application can do."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def framework() -> Application:
    """Our framework with a route that does nothing."""
    application = Application(router=Router())

    async def nothing(_: Request) -> Response:
        return Response(200, list(OWN_HEADERS), Content(b"application/json", BODY))

    application.router.add("GET", "/v1/customers/loyalty-program/{store}/points", nothing)
    return application


@contextmanager
def running(kind: str, environ: dict[str, str]) -> Iterator[Running]:
    """A server of that kind, on core 0, until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.servers", kind, str(port)], env=environ
    )
    try:
        wait_for(port, process)
        yield Running(process, port)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    """A port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once something answers at the port. Raises RuntimeError where the process ends."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.005)
    raise RuntimeError(f"the server ended with code {process.returncode}")


def main(kind: str, port: int) -> None:
    """Serve until told to stop."""
    pin(0)
    if kind == "points":
        server.serve(Settings(os.environ), "127.0.0.1", port, 1)
        return
    settings = Settings(os.environ)
    wire = server.wire(settings)
    if kind == "shared":  # what a worker of several is
        with TemporaryDirectory(prefix="nuqta-bench-") as name:
            make_shared(Path(name), settings.rate_limit_tracked)
            wire["app"] = App(open_engine(settings), shared=limiters(settings, Path(name)))
            uvicorn.Server(uvicorn.Config(**wire, host="127.0.0.1", port=port)).run()
        return
    wire["app"] = framework() if kind == "framework" else bare
    if kind == "stock":
        wire["http"] = HttpToolsProtocol
    uvicorn.Server(uvicorn.Config(**wire, host="127.0.0.1", port=port)).run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
