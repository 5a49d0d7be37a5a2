"""The processes that serve: uvicorn's server, which here stops as soon as nothing is under way, and
the several of them that share a port.

uvicorn looks every tenth of a second whether it is to stop, waits another tenth whatever is open,
and cancels in the end what still waits, which its callers see as a server error.
"""

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Final, cast

import uvicorn

from nuqta.seen import logs
from nuqta.storage.faults import CannotStart
from nuqta.web.protocol import Protocol

_log = logging.getLogger("nuqta.server")
_LOOK_S: Final = 0.01
"""Seconds between two looks at what is still open, while a server stops."""
_LAST_WORDS_S: Final = 2
"""Seconds in which requests that were given up end by themselves, once the books are closed."""
_CLOSING_S: Final = 20
"""Seconds beyond its own that a worker has to close the books; then it is killed, which they bear.
"""
_REST_S: Final = 0.5
"""Seconds before a worker that died is replaced."""
_CANNOT_START: Final = 3
"""The exit code of a worker that will not start a second time either."""


class Server(uvicorn.Server):
    """One process's server. `stop` may be called from any thread, a signal does the same."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_told = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        if not self.should_exit:  # else it was told before anybody could be woken
            await self._is_told.wait()

    def stop(self) -> None:
        """Answer what is under way, then end."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._is_told.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop; a second Ctrl+C waits for nobody."""
        super().handle_exit(sig, frame)
        self.stop()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, answer what is under way, close the books.

        What is not answered in time is given up: its callers hear 503, and what already waits for
        the door is still committed as the books are closed.
        """
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        if not await self._ends_by_itself():
            self._give_up()
            await asyncio.sleep(_LOOK_S)
        await self.lifespan.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_LAST_WORDS_S)

    async def _ends_by_itself(self) -> bool:
        """Whether everything ends within the time that is set for it."""
        state, ends_at = self.server_state, time.monotonic() + self._patience_s
        while state.connections or state.tasks:
            for connection in list(state.connections):  # also one that began a moment ago
                connection.shutdown()
            await asyncio.sleep(_LOOK_S)
            if self.force_exit or time.monotonic() > ends_at:
                return not state.connections and not state.tasks
        return True

    @property
    def _patience_s(self) -> float:
        return self.config.timeout_graceful_shutdown or 0

    def _give_up(self) -> None:
        connections = cast("set[Protocol]", self.server_state.connections)
        under_way = len(self.server_state.tasks)
        _log.warning("%d requests were not answered before the end of the server", under_way)
        for connection in list(connections):
            connection.give_up()


class Workers:
    """Server processes on one port: started together, replaced when they die, stopped together.

    `make` is called in each of them and gives its server; it is a function of a module.
    """

    def __init__(
        self, count: int, listener: socket.socket, make: Callable[[], Server], stop_seconds: int
    ) -> None:
        multiprocessing.allow_connection_pickling()
        self._context = multiprocessing.get_context("spawn")
        self._count = count
        self._listener = listener
        self._make = make
        self._stop_seconds = stop_seconds
        self._told: list[int] = []

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, which are then raised again. Raises CannotStart where a
        worker cannot."""
        with self._told_by_signals() as ear:
            workers = [self._start() for _ in range(self._count)]
            try:
                while not self._told:
                    wait([ear, *[worker.sentinel for worker in workers]])
                    workers = [self._alive(worker, ear) for worker in workers]
            finally:
                self._end(workers)
        for number in self._told:
            signal.raise_signal(number)

    def _start(self) -> SpawnProcess:
        worker = self._context.Process(target=_work, args=(self._make, self._listener))
        worker.start()
        return worker

    def _alive(self, worker: SpawnProcess, ear: socket.socket) -> SpawnProcess:
        """The worker, or the one that takes its place where it died."""
        if self._told or worker.is_alive():
            return worker
        if worker.exitcode == _CANNOT_START:
            raise CannotStart("a worker could not start; it has said why")
        _log.error("worker %s died with code %s; another begins", worker.pid, worker.exitcode)
        wait([ear], timeout=_REST_S)
        return worker if self._told else self._start()

    def _end(self, workers: list[SpawnProcess]) -> None:
        self._listener.close()  # the last of them to be open: whoever connects now is refused
        for worker in workers:
            worker.terminate()
        ends_at = time.monotonic() + self._stop_seconds + _CLOSING_S
        for worker in workers:
            worker.join(max(0, ends_at - time.monotonic()))
            if worker.is_alive():
                _log.error("worker %s does not end and is killed", worker.pid)
                worker.kill()
                worker.join()

    @contextmanager
    def _told_by_signals(self) -> Iterator[socket.socket]:
        """A socket that can be read once a signal to stop has come."""
        ear, mouth = socket.socketpair()
        mouth.setblocking(False)

        def hear(number: int, _: FrameType | None) -> None:
            self._told.append(number)
            with contextlib.suppress(BlockingIOError):
                mouth.send(b"!")

        before = {one: signal.signal(one, hear) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            with ear, mouth:
                yield ear
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)


def _work(make: Callable[[], Server], listener: socket.socket) -> None:
    """What a worker does."""
    try:
        make().run(sockets=[listener])
    except CannotStart as error:
        _log.critical("%s", error)
        logs.flush()
        os._exit(_CANNOT_START)
    except KeyboardInterrupt:  # Ctrl+C goes to all of them; it has ended as it should
        return
