"""Children: forks of a warm process, each of which runs one mutant and says what became of it.

A child may loop for ever, wait for ever, eat memory or die: it has bounds for each, and reaching
one of them is noticing. A child that only waits is known by using no processor any more, so that a
busy machine makes no verdict.
"""

import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

SURVIVED: Final = "survived"
"""The verdict on a mutant that no test noticed; every other verdict says who or what did."""

_IDLE_S: Final = 6.0
"""A child that uses no processor for so long waits for something that never comes."""
_LONGEST_S: Final = 180.0
_MEMORY: Final = 2 * 2**30

Work: TypeAlias = Callable[[], str]
"""What a child does: it ends with a verdict."""


class Job(msgspec.Struct, frozen=True):
    """One child to be: by what name, what it does, and how many seconds of processor it may use.

    One that `serves` has children of its own: it has no bounds, and what it prints is kept there.
    """

    name: str
    work: Work
    seconds: float = 0.0
    serves: Path | None = None


class _Child(msgspec.Struct):
    job: Job
    pid: int
    pipe: int
    begun: float
    used: float = -1.0
    moved: float = 0.0
    """When it was last seen to use the processor."""
    end: str = ""


def verdicts(jobs: Iterable[Job], at_once: int) -> Iterator[tuple[str, str]]:
    """Run the jobs, so many at once; each one's name and verdict, as they end."""
    waiting = iter(jobs)
    running: dict[int, _Child] = {}
    try:
        while True:
            while len(running) < at_once and (job := next(waiting, None)) is not None:
                child = _born(job)
                running[child.pipe] = child
            if not running:
                return
            ready, _, _ = select.select(list(running), [], [], 1.0)
            for child in list(running.values()):
                if child.pipe in ready:
                    said = os.read(child.pipe, 65536).decode(errors="replace")
                    os.close(child.pipe)
                    del running[child.pipe]
                    yield child.job.name, _buried(child, said)
                elif child.job.serves is None:
                    _watch(child)
    finally:
        for child in running.values():  # the hunt was called off
            if child.job.serves:
                os.kill(child.pid, signal.SIGTERM)
            else:
                _kill(child.pid)


def _born(job: Job) -> _Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return _Child(job, pid, reading, time.monotonic(), moved=time.monotonic())
    try:  # from here on the child, which never comes back
        os.setsid()
        os.close(reading)
        if job.serves:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        else:
            _bound(job.seconds)
        kept = os.open(job.serves or os.devnull, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(kept, 1)
        os.dup2(kept, 2)
        said = job.work()
    except BaseException:
        said = "broke: " + " ".join(traceback.format_exc().split())[-300:]
    os.write(writing, said.encode()[:60_000])
    os._exit(0)


def _bound(seconds: float) -> None:
    used = time.process_time()
    limit = int(used + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 2))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))


def _watch(child: _Child) -> None:
    """End a child that has waited too long."""
    now, used = time.monotonic(), _used(child.pid)
    if used != child.used:
        child.used, child.moved = used, now
    if used >= 0 and now - child.moved > _IDLE_S:
        child.end = "it waits for ever"
    elif now - child.begun > _LONGEST_S:
        child.end = "it takes too long"
    else:
        return
    _kill(child.pid)


def _used(pid: int) -> float:
    """Ticks of processor that a process has used, and one more where it wants more; -1 where the
    system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return -1.0
    wants_more = fields[0] != "S"
    return int(fields[11]) + int(fields[12]) + (time.monotonic() if wants_more else 0.0)


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, signal.SIGKILL)


def _buried(child: _Child, said: str) -> str:
    _, status = os.waitpid(child.pid, 0)
    if child.job.serves:
        return said or f"it ended with {os.waitstatus_to_exitcode(status)}"
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # whom it has started
    if said:
        return said
    return child.end or f"it died of signal {os.waitstatus_to_exitcode(status)}"
