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
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import msgspec

from nuqta.engine.clock import Clock, ClockMoved
from nuqta.ledger.commands import Answer, Command
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.ledger.posting import decide
from nuqta.seen.door import DoorMeters, kind_of
from nuqta.seen.spans import Spans
from nuqta.storage import books
from nuqta.storage.faults import Busy, Damaged, Full, StorageFault, Unknown
from nuqta.storage.sqlite import Transaction, Vault
from nuqta.storage.statements import statement

T = TypeVar("T")
_log = logging.getLogger("nuqta.door")
_GET = statement("meta.get")
_PUT = statement("meta.put")
_RAISE = statement("meta.raise")
_MARK_US: Final = SECOND_US
PROBE_S: Final = 1.0


class QueueFull(StorageFault):
    """More waits for the door than the setting allows."""

    kind = "queue_full"


class RolledBack(Exception):
    """Raised by a piece of work to undo its own transaction: no fault, and so not logged as one."""


class Closed(StorageFault):
    """The door is closed: the process is about to stop."""

    kind = "closed"


class State(msgspec.Struct, frozen=True):
    """How the door stands, for whoever asks whether it can write.

    `trouble` is the kind of fault for which the last commit failed, "" where it was made;
    `has_room` says whether more may wait.
    """

    is_alive: bool
    is_closed: bool
    has_room: bool
    trouble: str


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

    __slots__ = (
        "commands", "error", "future", "is_timeless", "link", "loop", "name", "result", "work",
    )  # fmt: skip

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
        self.link: Any = None
        """The span of the request that waits, where requests have spans."""

    def settle(self) -> None:
        if self.future.done():  # whoever waited has gone away
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Door:
    """The writing thread of a process, and the queue before it. `spans` are made where a server
    sets them."""

    def __init__(
        self,
        vault: Vault,
        clock: Clock,
        batch: int,
        queue: int,
        meters: DoorMeters | None = None,
    ) -> None:
        self._vault = vault
        self._clock = clock
        self._batch = batch
        self._room = queue
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._marked_at: Instant = 0
        self._accepted = _number(vault.reader(), "clock_accepted")
        self._asked_at: Instant = clock.now()
        self._is_closed = False
        self._trouble = ""
        self._next_probe = 0.0
        self.meters = meters or DoorMeters()
        self.spans: Spans | None = None
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

    def state(self) -> State:
        """How the door stands. Costs nothing, and asks nobody."""
        has_room = self._queue.qsize() < self._room
        return State(self._thread.is_alive(), self._is_closed, has_room, self._trouble)

    async def try_again(self) -> None:
        """Whether a commit can be made again, where the last one failed: one is tried, at most once
        in PROBE_S seconds, and waited for as long. What comes of it says `state`."""
        now = time.monotonic()
        if now < self._next_probe:
            return
        self._next_probe = now + PROBE_S
        probe = asyncio.ensure_future(self.write("probe", _probe))
        await asyncio.wait({probe}, timeout=PROBE_S)
        if probe.done():
            probe.exception()  # it was logged, and stands in `state`
        else:
            probe.add_done_callback(lambda done: done.cancelled() or done.exception())

    def close(self) -> None:
        """Commit what waits, then end the thread."""
        with self._gate:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _enter(self, job: _Job) -> Any:
        if self.spans is not None:
            job.link = self.spans.here()
        with self._gate:
            if self._is_closed:
                raise Closed("the server is stopping")
            length = self._queue.qsize()
            if length >= self._room:
                raise QueueFull("too much waits for the door")
            self._queue.put(job)
            self.meters.queued(length + 1)
        return job.future

    # -- the writer's thread --------------------------------------------------------------------
    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            jobs, is_last = self._waiting(first)
            self.meters.queued(self._queue.qsize())
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
        began = time.perf_counter_ns()
        try:
            results = self._vault.write(name, lambda tx: self._marked(tx, jobs, now))
        except (Busy, Full, Unknown) as fault:
            _log.error("a commit failed: %s", fault)
            self._note_trouble(fault, jobs)
            for job in jobs:
                job.error = fault
        except BaseException as fault:  # whatever it is, whoever waits must hear of it
            if len(jobs) > 1:
                self.meters.retried()
                for job in jobs:
                    self._commit([job])
                return
            if not isinstance(fault, RolledBack):
                _log.exception("%s failed", name)
                self._note_trouble(fault, jobs)
            jobs[0].error = fault
        else:
            self._note_done(name, jobs, time.perf_counter_ns() - began)
            if not _are_timeless(jobs):
                self._marked_at = max(self._marked_at, now - now % _MARK_US)
            for job, result in zip(jobs, results, strict=True):
                job.result = result

    def _note_done(self, name: str, jobs: list[_Job], took_ns: int) -> None:
        self._trouble = ""
        self.meters.done(len(jobs), took_ns, self._vault.commit_ns)
        if self.spans is not None:
            named = name if len({job.name for job in jobs}) > 1 else jobs[0].name
            links = self.spans.links([job.link for job in jobs if job.link is not None])
            self.spans.after(f"door {named}", took_ns, {"nuqta.batch": len(jobs)}, links)

    def _note_trouble(self, fault: BaseException, jobs: list[_Job]) -> None:
        """What is wrong with one row, or with one piece of work, does not stop the others."""
        self.meters.failed(fault, len(jobs))
        if isinstance(fault, StorageFault) and not isinstance(fault, Damaged):
            self._trouble = kind_of(fault)
            self.meters.failing()

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
            self._note_trouble(fault, jobs)
            for job in jobs:
                job.error = None if job.is_timeless else fault
            return [job for job in jobs if job.is_timeless]
        return jobs

    def _believe_clock(self) -> None:
        """Raises ClockMoved until a person has accepted a clock that jumped. What was accepted
        while nothing had jumped is forgotten within a second: it is no word on a later jump."""
        if not self._clock.has_moved():
            now = self._clock.now()
            if abs(now - self._asked_at) >= SECOND_US:
                self._asked_at = now
                with contextlib.suppress(StorageFault):
                    self._accepted = _number(self._vault.reader(), "clock_accepted")
            return
        accepted = _number(self._vault.reader(), "clock_accepted")
        if accepted <= self._accepted:
            raise ClockMoved("the clock has jumped; accept it with: nuqta clock accept")
        self._accepted = accepted
        self._clock.accept()


def _probe(tx: Transaction) -> None:
    """A row is written anew, whatever it says: an empty commit would not ask the disk."""
    tx.run(_PUT, name="probe", value=_number(tx, "probe") + 1)


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
