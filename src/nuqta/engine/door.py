"""The one door for points, and the queue before it: group commit by one writing thread.

Whoever wants to change something puts a job into the queue and waits. The writer takes all that
waits, runs it in one transaction, commits once, and only then answers. A command that is refused
touches only itself; a fault rolls the whole batch back, and its jobs are then tried one at a time,
so that one bad row spoils nobody else's wish. Source: design, architecture and storage.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from nuqta.engine.clock import Clock, ClockMoved
from nuqta.ledger.commands import Answer, Command
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.ledger.posting import decide
from nuqta.storage import books
from nuqta.storage.faults import Busy, Full, StorageFault, Unknown
from nuqta.storage.sqlite import Transaction, Vault
from nuqta.storage.statements import statement

T = TypeVar("T")
_log = logging.getLogger("nuqta.door")
_GET = statement("meta.get")
_PUT = statement("meta.put")
_RAISE = statement("meta.raise")
_MARK_US: Final = SECOND_US


class QueueFull(StorageFault):
    """More waits for the door than the setting allows."""


class RolledBack(Exception):
    """Raised by a piece of work to undo its own transaction: no fault, and so not logged as one."""


class Closed(StorageFault):
    """The door is closed: the process is about to stop."""


def post(tx: Transaction, commands: Sequence[Command], clock: Instant) -> list[Answer]:
    """Load, decide, record: the answers in the order of the commands. The caller commits.

    Raises StorageFault; then nothing may be committed.
    """
    facts = books.load(tx, commands)
    outcome = decide(list(commands), facts, clock)
    books.record(tx, outcome)
    return outcome.answers


class _Job:
    """One thing that waits: commands, or a piece of work; and who waits for it."""

    __slots__ = ("commands", "error", "future", "is_timeless", "loop", "name", "result", "work")

    def __init__(
        self,
        name: str,
        commands: Sequence[Command] | None,
        work: Callable[[Transaction], Any] | None,
        loop: asyncio.AbstractEventLoop | None,
        is_timeless: bool = False,
    ) -> None:
        self.name = name
        self.commands = commands
        self.work = work
        self.loop = loop
        self.is_timeless = is_timeless
        self.future: Any = Future() if loop is None else loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        if self.future.done():  # whoever waited has gone away
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Door:
    """The writing thread of a process, and the queue before it."""

    def __init__(self, vault: Vault, clock: Clock, batch: int, queue: int) -> None:
        self._vault = vault
        self._clock = clock
        self._batch = batch
        self._room = queue
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._marked_at: Instant = 0
        self._accepted = _number(vault.reader(), "clock_accepted")
        self._is_closed = False
        self._gate = threading.Lock()  # nothing enters the queue behind its end
        self._thread = threading.Thread(target=self._run, name="nuqta-writer", daemon=True)
        self._thread.start()

    # -- for callers ----------------------------------------------------------------------------
    async def post(self, command: Command) -> Answer:
        """Post one command and wait for its commit. Raises StorageFault."""
        answers: list[Answer] = await self._enter(
            _Job("post", (command,), None, asyncio.get_running_loop())
        )
        return answers[0]

    async def write(
        self, name: str, work: Callable[[Transaction], T], *, whatever_the_clock: bool = False
    ) -> T:
        """Run `work` in the writer's next transaction and wait for its commit.

        `work` may run more than once, so it changes nothing but the database. Work that books
        nothing is also done `whatever_the_clock` shows. Raises StorageFault.
        """
        loop = asyncio.get_running_loop()
        result: T = await self._enter(_Job(name, None, work, loop, whatever_the_clock))
        return result

    def post_all(self, commands: Sequence[Command]) -> list[Answer]:
        """As `post`, for a batch in one commit, from a thread that may block."""
        answers: list[Answer] = self._enter(_Job("post", commands, None, None)).result()
        return answers

    def write_now(
        self, name: str, work: Callable[[Transaction], T], *, whatever_the_clock: bool = False
    ) -> T:
        """As `write`, from a thread that may block."""
        result: T = self._enter(_Job(name, None, work, None, whatever_the_clock)).result()
        return result

    def note(self, name: str, work: Callable[[Transaction], object]) -> None:
        """Let `work` ride along with the next commit; nobody waits, and its loss harms nobody."""
        if not self._is_closed and self._queue.qsize() < self._room:
            self._queue.put(_Job(name, None, work, None))

    def look_at_clock(self) -> None:
        """Go on by a clock that was accepted elsewhere, also where nothing is to be committed."""
        with contextlib.suppress(StorageFault):
            self._believe_clock()

    def close(self) -> None:
        """Commit what waits, then end the thread."""
        with self._gate:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _enter(self, job: _Job) -> Any:
        with self._gate:
            if self._is_closed:
                raise Closed("the server is stopping")
            if self._queue.qsize() >= self._room:
                raise QueueFull("too much waits for the door")
            self._queue.put(job)
        return job.future

    # -- the writer's thread --------------------------------------------------------------------
    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            jobs, is_last = self._waiting(first)
            believed = self._believed(jobs)
            if believed:
                self._commit(believed)
            _answer(jobs)
            if is_last:
                return

    def _waiting(self, first: _Job) -> tuple[list[_Job], bool]:
        jobs = [first]
        while len(jobs) < self._batch:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> None:
        name = jobs[0].name if len(jobs) == 1 else "batch"
        now = self._clock.now()
        try:
            results = self._vault.write(name, lambda tx: self._marked(tx, jobs, now))
        except (Busy, Full, Unknown) as fault:
            _log.error("a commit failed: %s", fault)
            for job in jobs:
                job.error = fault
        except BaseException as fault:  # whatever it is, whoever waits must hear of it
            if len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
                return
            if not isinstance(fault, RolledBack):
                _log.exception("%s failed", name)
            jobs[0].error = fault
        else:
            if not _are_timeless(jobs):
                self._marked_at = max(self._marked_at, now - now % _MARK_US)
            for job, result in zip(jobs, results, strict=True):
                job.result = result

    def _marked(self, tx: Transaction, jobs: list[_Job], now: Instant) -> list[Any]:
        """The work, and for the start gate the second in which something was last committed: a mark
        with each commit would make a lone command write a page more. Work that is done whatever the
        clock shows leaves no mark of it."""
        if now - self._marked_at >= _MARK_US and not _are_timeless(jobs):
            tx.run(_RAISE, name="booked_at", value=now - now % _MARK_US)
        return self._work(tx, jobs)

    def _work(self, tx: Transaction, jobs: list[_Job]) -> list[Any]:
        """Commands that stand together are decided together; other work runs in its turn."""
        results: list[Any] = []
        together: list[_Job] = []
        for job in jobs:
            if job.commands is not None:
                together.append(job)
                continue
            results.extend(self._post(tx, together))
            together = []
            results.append(job.work(tx) if job.work else None)
        results.extend(self._post(tx, together))
        return results

    def _post(self, tx: Transaction, jobs: list[_Job]) -> list[list[Answer]]:
        commands = [command for job in jobs for command in job.commands or ()]
        if not commands:
            return [[] for _ in jobs]
        answers = iter(post(tx, commands, self._clock.now()))
        return [[next(answers) for _ in job.commands or ()] for job in jobs]

    def _believed(self, jobs: list[_Job]) -> list[_Job]:
        """The jobs that may be done as the clock stands; the others are told why not."""
        try:
            self._believe_clock()
        except StorageFault as fault:
            _log.error("a commit failed: %s", fault)
            for job in jobs:
                job.error = None if job.is_timeless else fault
            return [job for job in jobs if job.is_timeless]
        return jobs

    def _believe_clock(self) -> None:
        """Raises ClockMoved until a person has accepted a clock that jumped."""
        if not self._clock.has_moved():
            return
        accepted = _number(self._vault.reader(), "clock_accepted")
        if accepted <= self._accepted:
            raise ClockMoved("the clock has jumped; accept it with: nuqta clock accept")
        self._accepted = accepted
        self._clock.accept()


def _are_timeless(jobs: list[_Job]) -> bool:
    return all(job.is_timeless for job in jobs)


def _answer(jobs: list[_Job]) -> None:
    """Wake those who wait: one wake-up for each event loop, however many wait in it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        if job.loop is None:
            job.settle()
        else:
            by_loop.setdefault(job.loop, []).append(job)
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_all, waiting)
        except RuntimeError:  # the loop has ended; nobody waits any more
            _log.info("%d answers found nobody waiting", len(waiting))


def _settle_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.settle()


def _number(tx: Transaction, name: str) -> int:
    row = tx.row(_GET, name=name)
    return int(row[0]) if row else 0


def booked_at(tx: Transaction) -> Instant:
    """The second in which this database last committed something; 0 for none."""
    return _number(tx, "booked_at")


def accept_clock(tx: Transaction, now: Instant) -> None:
    """A person says that the clock is right: for running servers and for the start gate."""
    tx.run(_PUT, name="clock_accepted", value=_number(tx, "clock_accepted") + 1)
    tx.run(_PUT, name="booked_at", value=now)
