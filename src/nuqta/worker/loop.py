"""The worker's day: one at a time for a database, it books what fell due and tells what happened.

Whoever holds the lease works; another worker waits for it. The lease is renewed while its holder
lives and given back when it ends; one that was killed loses it by the clock. Should two work for a
moment all the same, an event is told twice, and nothing worse: positions only move from where a
worker read them. A fault is logged, and its step is tried again.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from nuqta.engine.engine import Engine, open_engine
from nuqta.ledger.instants import SECOND_US
from nuqta.settings import Settings
from nuqta.storage.faults import StorageFault
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement
from nuqta.worker.backup import back_up_when_due
from nuqta.worker.compact import compact_when_due
from nuqta.worker.deliver import Deliveries
from nuqta.worker.expiring import remind
from nuqta.worker.publish import publish
from nuqta.worker.sweep import forget, settle

_log = logging.getLogger("nuqta.worker")
_TAKE = statement("leases.take")
_GIVE_BACK = statement("leases.give_back")
_LEASE: Final = "worker"
_AFTER_FAULT: Final = 10
"""A step that failed is left alone for so many rests: a log must stay readable."""
_FORGET_S: Final = 3_600
_REMIND_S: Final = 60
_BACK_UP_S: Final = 60
_COMPACT_S: Final = 60
_PATIENCE_S: Final = 5
"""Seconds that the end of a process waits for its worker; what was under way is told again."""


class Lease:
    """The right to work on a database, held by one worker at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._holder = secrets.token_hex(16)

    def take(self) -> bool:
        """Take the lease, or renew it; False where another worker has it. Raises StorageFault."""
        now = self._engine.clock.wall()
        ends_at = now + self._engine.settings.worker_lease_seconds * SECOND_US

        def work(tx: Transaction) -> bool:
            return bool(tx.run(_TAKE, name=_LEASE, holder=self._holder, now=now, ends_at=ends_at))

        return self._engine.door.write_now("take the lease", work, whatever_the_clock=True)

    def give_back(self) -> None:
        """End it, where it is ours. Raises StorageFault."""

        def work(tx: Transaction) -> int:
            return tx.run(_GIVE_BACK, name=_LEASE, holder=self._holder)

        self._engine.door.write_now("give the lease back", work, whatever_the_clock=True)


class Worker:
    """One worker on an open engine. `run` lasts until `stop`, which any thread may call."""

    def __init__(
        self, engine: Engine, deliveries: Callable[[Engine], Deliveries] = Deliveries
    ) -> None:
        self.engine = engine
        self.lease = Lease(engine)
        self._deliveries = deliveries(engine)
        self._deliveries.may_go_on = self._is_ours
        self._pause_s = engine.settings.worker_pause_ms / 1000
        self._holds_until = 0.0
        self._is_over = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()

    def stop(self) -> None:
        """End soon: a batch under way is booked, a delivery under way is told again later."""
        self._is_over = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Work while the lease is ours, wait while it is another's."""
        self._loop = asyncio.get_running_loop()
        while not self._is_over:
            if await self._renew():
                try:
                    await self._work()
                finally:
                    with contextlib.suppress(StorageFault):
                        await asyncio.to_thread(self.lease.give_back)
            else:
                await self._rest(self._pause_s)

    async def _work(self) -> None:
        """Tend the books and deliver, until told to stop or the lease is lost."""
        tending = asyncio.create_task(self._tend(steps(self.engine.settings)))
        # Copies have a round of their own, so that nothing else waits for a large one.
        copying: dict[Step, float] = {compact_erased: _COMPACT_S, self._back_up: _BACK_UP_S}
        others = [
            asyncio.create_task(other)
            for other in (self._keep_lease(), self._deliver(), self._tend(copying))
        ]
        try:
            await tending
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await self._deliveries.stop()

    async def _keep_lease(self) -> None:
        third = self.engine.settings.worker_lease_seconds / 3
        while self._is_ours():
            await asyncio.sleep(third)
            await self._renew()

    async def _renew(self) -> bool:
        begun = asyncio.get_running_loop().time()
        try:
            if await asyncio.to_thread(self.lease.take):
                self._holds_until = begun + self.engine.settings.worker_lease_seconds
            else:
                self._holds_until = 0.0
        except StorageFault as fault:
            _log.error("the lease: %s", fault)
        return self._is_ours()

    def _is_ours(self) -> bool:
        """Whether no other worker can have the lease yet, by the clock that no one can set."""
        loop = self._loop
        return loop is not None and not self._is_over and loop.time() < self._holds_until

    async def _tend(self, of_round: "dict[Step, float]") -> None:
        """Every step in its turn; at once again where there is more to do, else after a rest."""
        loop = asyncio.get_running_loop()
        not_before = dict.fromkeys(of_round, 0.0)
        while self._is_ours():
            is_busy = False
            for step, rest_s in of_round.items():
                if not self._is_ours() or loop.time() < not_before[step]:
                    continue
                wait_s, has_more = await self._do(step, rest_s)
                not_before[step] = loop.time() + wait_s
                is_busy = is_busy or has_more
            if not is_busy:
                await self._rest(self._pause_s)

    async def _do(self, step: "Step", rest_s: float) -> tuple[float, bool]:
        """One step, in a thread: how long it is left alone, and whether it has more to do."""
        try:
            has_more = await asyncio.to_thread(step, self.engine)
        except StorageFault as fault:
            _log.error("%s: %s", step.__name__.lstrip("_"), fault)
        except Exception:
            _log.exception("%s failed", step.__name__.lstrip("_"))
        else:
            return (0.0 if has_more else rest_s), has_more
        return self._pause_s * _AFTER_FAULT, False

    def _back_up(self, engine: Engine) -> bool:
        """Copy the books where that is due; there is never more."""
        back_up_when_due(engine, self._is_ours)
        return False

    async def _deliver(self) -> None:
        while True:
            started = 0
            try:
                started = self._deliveries.start_due()
            except StorageFault as fault:
                _log.error("deliver: %s", fault)
            await self._deliveries.rest(self._pause_s)
            if not started:
                await asyncio.sleep(0)

    async def _rest(self, seconds: float) -> None:
        if self._is_over:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)


Step = Callable[[Engine], bool]


def settle_due(engine: Engine) -> bool:
    """Book a batch of what fell due; whether there is more."""
    return settle(engine, engine.clock.now())[1] > 0


def forget_old(engine: Engine) -> bool:
    """Forget what ended long ago; there is never more."""
    forget(engine, engine.clock.now())
    return False


def remind_of_expiries(engine: Engine) -> bool:
    """Tell of what expires soon; there is never more."""
    remind(engine)
    return False


def compact_erased(engine: Engine) -> bool:
    """Write a small file anew where somebody was erased; there is never more."""
    compact_when_due(engine)
    return False


def publish_events(engine: Engine) -> bool:
    """Give events their positions; whether there may be more."""
    return publish(engine) > 0


def seal_books(engine: Engine) -> bool:
    """Seal a batch of what was booked meanwhile; whether there may be more."""
    return engine.sealer.step().accounts > 0


def steps(settings: Settings) -> dict[Step, float]:
    """What is done in each round, and for how many seconds it is then left alone."""
    return {**_STEPS, seal_books: float(settings.seal_seconds)}


_STEPS: Final[dict[Step, float]] = {
    settle_due: 0.0,
    remind_of_expiries: _REMIND_S,
    publish_events: 0.0,
    forget_old: _FORGET_S,
}


# -- beside something else -------------------------------------------------------------------------
class _Thread(threading.Thread):
    """A worker in a thread, with an engine and an event loop of its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="nuqta-worker", daemon=True)
        self._settings = settings
        self._worker: Worker | None = None
        self._is_over = threading.Event()

    def run(self) -> None:
        """A worker that ends by a fault begins again: the server beside it lives on, and nobody
        else would book what falls due."""
        while not self._is_over.is_set():
            try:
                with open_engine(self._settings) as engine:
                    self._worker = Worker(engine)
                    if not self._is_over.is_set():
                        asyncio.run(self._worker.run())
            except StorageFault as fault:
                _log.error("the worker has ended, and begins again: %s", fault)
            except Exception:
                _log.exception("the worker has ended, and begins again")
            self._is_over.wait(self._settings.worker_pause_ms / 1000 * _AFTER_FAULT)

    def end(self) -> None:
        """Tell it to stop, and wait a little."""
        self._is_over.set()
        if self._worker is not None:
            self._worker.stop()
        self.join(_PATIENCE_S)


@contextmanager
def beside(settings: Settings) -> Iterator[Callable[[], None]]:
    """Gives what starts a worker beside whatever runs in the block; it ends with the block."""
    thread = _Thread(settings)
    try:
        yield thread.start
    finally:
        if thread.ident is not None:
            thread.end()
