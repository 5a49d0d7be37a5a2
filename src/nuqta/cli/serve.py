"""`nuqta serve`: the HTTP server; and `nuqta demo`, which brings its own shop to look around in."""

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EADDRINUSE
from typing import Annotated, Any

import typer

from nuqta.cli.frame import (
    Frame,
    Misused,
    Refused,
    command,
    complain,
    warn_of_unknown_settings,
    whole,
)
from nuqta.seen.logs import last_words

HostOption = Annotated[str, typer.Option(metavar="HOST", help="The address to listen at.")]
PortOption = Annotated[str, typer.Option(metavar="PORT", help="The port to listen at.")]

DemoDatabaseOption = Annotated[
    str | None,
    typer.Option("--db", metavar="PATH", show_default=False, help="The same as --keep."),
]

_PORT_MAX = 65_535
_WORKERS_MAX = 64


def register(app: typer.Typer) -> None:
    """Put both commands into the program."""
    command(app, "serve")(serve)
    command(app, "demo", DemoDatabaseOption)(demo)


def serve(
    frame: Frame,
    host: HostOption = "127.0.0.1",
    port: PortOption = "8080",
    workers: Annotated[str, typer.Option(metavar="N", help="Server processes.")] = "1",
    no_worker: Annotated[
        bool,
        typer.Option(
            "--no-worker",
            help="Leave due points and webhooks to `nuqta worker`.",
            show_default=False,
        ),
    ] = False,
) -> None:
    """Serve the API until it is interrupted, and do the worker's work beside it."""
    number = whole(port, "--port", 1, _PORT_MAX)
    processes = whole(workers, "--workers", 1, _WORKERS_MAX)
    settings = frame.settings()
    warn_of_unknown_settings()
    frame.open().close()  # a database that cannot be opened is a sentence here, not a log
    must_be_free(host, number, "--port {}")
    from nuqta.api.server import serve as serve_http
    from nuqta.worker.loop import beside

    where = f"nuqta serves {settings.db} at {address(host, number)}"
    with (
        told(f"{where}; Ctrl+C ends it", "nuqta has stopped") as on_ready,
        beside(settings) as start,
    ):

        def begin() -> None:
            on_ready()
            if not no_worker:
                start()  # only now: a file that another has open looks like one that was left open

        serve_http(settings, host, number, processes, begin)


def demo(
    frame: Frame,
    host: HostOption = "127.0.0.1",
    port: PortOption = "8080",
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Keep the database at this path; else it is gone when the demo ends.",
        ),
    ] = None,
) -> None:
    """Serve a sample shop with real orders, and print calls to copy and paste."""
    number = whole(port, "--port", 1, _PORT_MAX)
    must_be_free(host, number, "--port {0} or PORT={0} make demo")
    from nuqta.cli.demo import run

    run(frame, host, number, frame.db if keep is None else keep)


@contextmanager
def told(ready: str, ended: str) -> Iterator[Callable[[], None]]:
    """Gives what is to be called once the server answers; then both lines are said on stderr.

    Whoever ends us by SIGTERM is to see just that as our end, after the last line.
    """
    is_ready = False
    ended_by = 0

    def on_ready() -> None:
        nonlocal is_ready
        is_ready = True
        complain(ready, 0)

    def end(number: int, _: Any) -> None:
        nonlocal ended_by
        ended_by = number
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield on_ready
    finally:
        if is_ready:
            last_words(ended)
        signal.signal(signal.SIGTERM, before)
        if ended_by:
            signal.raise_signal(ended_by)


def address(host: str, port: int) -> str:
    """What is typed to reach a server."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def must_be_free(host: str, port: int, another: str) -> None:
    """Refused, with a sentence and before any work is done, where nothing can listen there.

    `another` says how another port, which stands for the braces, is chosen.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise Misused(f"--host: {host[:200]!r} is not an address to listen at") from error
    family, kind, protocol, _, place = found[0]
    try:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        if error.errno == EADDRINUSE:
            other = another.format(port + 1 if port < _PORT_MAX else port - 1)
            raise Refused(
                f"port {port} of {host} is taken by another program: choose another, such as"
                f" {other}"
            ) from error
        why = (error.strerror or str(error)).lower()
        raise Refused(f"--host {host} --port {port}: nothing can listen there: {why}") from error
