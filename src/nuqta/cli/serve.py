"""`nuqta serve`: the HTTP server; and `nuqta demo`, which brings its own shop to look around in."""

import socket
from typing import Annotated

import typer

from nuqta.cli.frame import Frame, Misused, Refused, command, whole

HostOption = Annotated[str, typer.Option(metavar="HOST", help="The address to listen at.")]
PortOption = Annotated[str, typer.Option(metavar="PORT", help="The port to listen at.")]

_PORT_MAX = 65_535
_WORKERS_MAX = 64


def register(app: typer.Typer) -> None:
    """Put both commands into the program."""
    command(app, "serve")(serve)
    command(app, "demo")(demo)


def serve(
    frame: Frame,
    host: HostOption = "127.0.0.1",
    port: PortOption = "8080",
    workers: Annotated[str, typer.Option(metavar="N", help="Server processes.")] = "1",
) -> None:
    """Serve the API until it is interrupted."""
    number = whole(port, "--port", 1, _PORT_MAX)
    processes = whole(workers, "--workers", 1, _WORKERS_MAX)
    settings = frame.settings()
    frame.open().close()  # a database that cannot be opened is a sentence here, not a log
    from nuqta.api.server import serve as serve_http

    serve_http(settings, host, number, processes)


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
    must_be_free(host, number)
    from nuqta.cli.demo import run

    run(frame, host, number, frame.db if keep is None else keep)


def must_be_free(host: str, port: int) -> None:
    """Refused, with a sentence and before any work is done, where nothing can listen there."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise Misused(f"{host[:200]!r} is not an address to listen at") from error
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise Refused(
                f"nothing can listen at {host} port {port} ({error.strerror}):"
                " choose another --port"
            ) from error
