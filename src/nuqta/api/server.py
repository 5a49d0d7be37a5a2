"""The server: sockets, workers, and the wire's settings, which the design's pages measured."""

import contextlib
import fcntl
import logging
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, Final

import uvicorn

from nuqta.api.app import App, request_meters
from nuqta.api.serving import Server, Workers
from nuqta.engine.access.tokens import key_file
from nuqta.engine.engine import database_path, open_engine
from nuqta.seen import logs
from nuqta.seen.door import DoorMeters
from nuqta.seen.meters import prepare
from nuqta.settings import Settings
from nuqta.storage.faults import CannotStart
from nuqta.storage.gates import check_file, was_left_open
from nuqta.web.limiter import limiters, make_shared
from nuqta.web.protocol import Protocol

_FOLDER: Final = "nuqta-paces-"
_PACES: Final = "_NUQTA_PACES"
"""Names, in the environment of a worker, the folder in which all count; no setting of anybody's."""
_FILES: Final = 200
"""Open files beside connections: the books with a reader for each thread, logs, deliveries."""
_log = logging.getLogger("nuqta.server")


def make_worker() -> Server:
    """The server of one worker process, on the settings in its environment. Raises CannotStart."""
    settings = Settings(os.environ)
    _prepare(settings)
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    folder = Path(os.environ[_PACES])
    try:
        shared, of_door, of_requests = (
            limiters(settings, folder), DoorMeters(folder), request_meters(folder)
        )  # fmt: skip
    except OSError as error:  # a worker that comes later, when somebody has tidied up
        raise CannotStart(
            f"{folder}, in which the workers count together, is gone: {error.strerror}"
        ) from error
    app = App(open_engine(settings, meters=of_door), shared=shared, meters=of_requests)
    return Server(uvicorn.Config(**wire(settings, app)))


def _end_with_supervisor() -> None:
    """A worker whose supervisor was killed would hold the port against the next start for ever."""
    supervisor = multiprocessing.parent_process()
    if supervisor is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)


def serve(
    settings: Settings,
    host: str,
    port: int,
    workers: int,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve until told to stop. Raises CannotStart, with a sentence, before anything is served.

    `on_ready` is called once what is sent to the port will be answered.
    """
    _check_delivery(settings, host)
    _prepare(settings)
    path = database_path(settings.db)
    _check_what_was_left(path, settings.check_mebibytes)
    with open_engine(settings) as engine:  # every gate is tried before the port is taken
        _ = engine.keyring
        engine.check_seal_key()
    key = key_file(path)
    if not settings.secret and key.stat().st_mode & 0o077:
        _log.warning("%s can be read by others: it should have mode 0600", key)
    listener = _bind(host, port)
    if workers == 1:
        app = App(open_engine(settings), on_ready)
        Server(uvicorn.Config(**wire(settings, app))).run(sockets=[listener])
        return
    os.environ["NUQTA_DB"] = str(path.absolute())
    with _shared_paces(settings) as folder:
        _make_room_to_count(folder, workers)
        os.environ[_PACES] = str(folder)
        if on_ready is not None:
            on_ready()  # the port is open, and whatever comes before the workers waits for them
        Workers(workers, listener, make_worker, settings.stop_seconds).run()


@contextmanager
def _shared_paces(settings: Settings) -> Iterator[Path]:
    """A private folder in which the workers count together, until the server ends. Raises
    CannotStart."""
    _remove_left_folders()
    with (
        TemporaryDirectory(prefix=_FOLDER, ignore_cleanup_errors=True) as name,
        _held(Path(name)),
    ):
        try:
            make_shared(Path(name), settings.rate_limit_tracked)
        except OSError as error:
            raise CannotStart(
                f"the workers cannot count their callers together in {name}: {error.strerror};"
                " TMPDIR names another place, NUQTA_RATE_LIMIT_TRACKED asks for less"
            ) from error
        yield Path(name)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder, as long as the block lasts or the process lives; whether nobody else does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _remove_left_folders() -> None:
    """Remove what supervisors that were killed have left: folders of ours that nobody holds. One
    without files may be in the making, before it is held."""
    for folder in Path(gettempdir()).glob(f"{_FOLDER}*"):
        with contextlib.suppress(OSError):
            if folder.lstat().st_uid != os.geteuid():
                continue
            with _held(folder) as is_left:
                if is_left and any(folder.iterdir()):
                    shutil.rmtree(folder)


def _make_room_to_count(folder: Path, workers: int) -> None:
    """The files in which each worker counts what is for /metrics. Raises CannotStart."""
    try:
        for sheet in (DoorMeters().sheet, request_meters().sheet):
            prepare(sheet, folder, workers)
    except OSError as error:
        raise CannotStart(f"there is no room to count in {folder}: {error.strerror}") from error


def _check_delivery(settings: Settings, host: str) -> None:
    kind = settings.delivery
    if kind == "log" and not settings.delivery_log_force and not _is_loopback(host):
        raise CannotStart(
            "one-time codes would be written to the log, which is for development: set"
            " NUQTA_DELIVERY to smtp, webhook or none, or NUQTA_DELIVERY_LOG_FORCE=1"
        )
    if kind == "smtp" and not settings.smtp_url:
        raise CannotStart("NUQTA_DELIVERY is smtp, and NUQTA_SMTP_URL does not say where")
    if kind == "webhook" and not settings.delivery_webhook:
        raise CannotStart(
            "NUQTA_DELIVERY is webhook, and NUQTA_DELIVERY_WEBHOOK does not say where"
        )


def _check_what_was_left(path: Path, most_mebibytes: int) -> None:
    """After an unclean stop: look through a small file first, and a large one while serving."""
    if not was_left_open(path):
        return
    if path.stat().st_size <= most_mebibytes * 2**20:
        check_file(path)
    else:
        threading.Thread(target=_check_or_stop, args=(path,), daemon=True).start()


def _check_or_stop(path: Path) -> None:
    try:
        check_file(path)
    except CannotStart as damage:
        logs.last_words(f"nuqta stops: {damage}")
        os._exit(70)


def _prepare(settings: Settings) -> None:
    """What a server process is before it has an application: its log."""
    logs.begin(settings.log_lines_waiting)


def _protocol(settings: Settings) -> type[Protocol]:
    """The wire, bounded by the settings and by how many files this system lets us open."""
    protocol = Protocol.bounded_by(settings)
    room = _room(settings.connections)
    if room < settings.connections:
        _log.warning(
            "this system lets a process open %d files: NUQTA_CONNECTIONS is %d here, not %d"
            " (ulimit -n, LimitNOFILE)", room + _FILES, room, settings.connections,
        )  # fmt: skip
        protocol.connections_max = room
    return protocol


def _room(connections: int) -> int:
    """For how many connections this process may open files, after asking for as many as wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):  # macOS has a limit that it does not tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    return max(1, soft - _FILES)


def wire(settings: Settings, app: Any = None) -> dict[str, Any]:
    """What uvicorn is told: the same for every worker, and for whoever measures against it."""
    return {
        "app": app,
        "http": _protocol(settings),
        "ws": "none",
        "loop": "uvloop",
        "lifespan": "on",
        "access_log": False,  # costs 60 % of the reads; our own log samples them
        "proxy_headers": False,  # with the two below, 11 %
        "server_header": False,
        "date_header": False,
        "log_config": None,
        "log_level": "warning",
        "timeout_graceful_shutdown": settings.stop_seconds,
    }


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise CannotStart(f"port {port} of {host} cannot be opened: {error}") from error
    listener.set_inheritable(True)
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
