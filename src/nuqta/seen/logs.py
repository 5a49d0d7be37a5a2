"""The log: one JSON object a line on stderr, written by a thread of its own. Never a secret.

Whoever logs hands a finished line over and goes on. A pipe that nobody reads holds that one thread
and nobody else: past a bound, lines are dropped and counted, and the next line that is written says
how many. Lines for people, which commands print, are no log.
"""

import logging
import os
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Any, Final

import msgspec

_TOKEN: Final = re.compile(r"nq[a-z]_[^\s\"/]+|[0-9A-Fa-f]{48,}")
"""Whoever puts a token where an id belongs shall not find it in the log: neither with its prefix
nor its random digits alone."""
_STDERR: Final = 2
_PATIENCE_S: Final = 2.0
"""Seconds that the end of a process waits for its log to be taken."""
_LOUD: Final = ("httpx", "oauthlib")  # addresses, which may hold secrets; tokens


class Fields:
    """A message that is a record and no sentence: its fields stand in the line by name."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def __str__(self) -> str:
        return msgspec.json.encode(self.values).decode()


def clean(text: str) -> str:
    """The text without what looks like a token."""
    return _TOKEN.sub("…", text)


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: instant, level, logger, and the message or its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """As logging says."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "at": at.replace("+00:00", "Z"), "level": record.levelname.lower(),
            "logger": record.name,
        }  # fmt: skip
        if isinstance(record.msg, Fields):
            line.update(record.msg.values)
        else:
            line["message"] = clean(record.getMessage())
        if record.exc_info:
            line["trace"] = clean(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


class Lines(logging.Handler):
    """Writes lines to a file descriptor from a thread, at most `waiting` of them in line."""

    def __init__(self, waiting: int, descriptor: int = _STDERR) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.dropped = 0
        self.on_drop: Callable[[int], None] = lambda dropped: None
        self._told = 0
        self._room = waiting
        self._descriptor = descriptor
        self._queue: SimpleQueue[str | threading.Event | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="nuqta-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a line over, or drop it. Never waits; logging gives the lock that guards it."""
        if self._queue.qsize() >= self._room:
            self._drop()
            return
        try:
            self._queue.put(self.format(record))
        except Exception:
            self.handleError(record)

    def _drop(self) -> None:
        self.dropped += 1
        self.on_drop(self.dropped)

    def flush(self, patience_s: float = _PATIENCE_S) -> None:
        """Wait until all that was logged so far is written, at most so long."""
        reached = threading.Event()
        self._queue.put(reached)
        if self._thread.is_alive():
            reached.wait(patience_s)

    def close(self) -> None:
        """Write what waits, as far as somebody takes it, and end."""
        self._queue.put(None)
        self._thread.join(_PATIENCE_S)
        super().close()

    # -- the log's thread -----------------------------------------------------------------------
    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            self._write(item + "\n" + self._rest())
            self._tell_of_dropped()

    def _rest(self) -> str:
        """More lines that wait, for one write; a mark ends them, and is put behind what came."""
        lines = []
        for _ in range(64):
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if not isinstance(item, str):
                self._queue.put(item)
                break
            lines.append(item + "\n")
        return "".join(lines)

    def _tell_of_dropped(self) -> None:
        missing = self.dropped - self._told
        if missing:
            self._told += missing
            text = f"{missing} lines were dropped: nobody took them"
            record = logging.LogRecord("nuqta.log", logging.WARNING, "", 0, text, (), None)
            self._write(self.format(record) + "\n")

    def _write(self, text: str) -> None:
        data = text.encode(errors="backslashreplace")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:  # whoever took the lines is gone, or there is no room for them
            self._drop()


def begin(waiting: int) -> None:
    """Log to stderr from here on, unless somebody has said otherwise already."""
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(Lines(waiting))
        root.setLevel(logging.INFO)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)


def lines() -> Lines | None:
    """What writes this process's log; None where somebody else does."""
    found = (handler for handler in logging.getLogger().handlers if isinstance(handler, Lines))
    return next(found, None)


def flush(patience_s: float = _PATIENCE_S) -> None:
    """Wait, not for long, until the log is written."""
    writer = lines()
    if writer is not None:
        writer.flush(patience_s)


def last_words(text: str, patience_s: float = _PATIENCE_S) -> None:
    """A line for people on stderr, by whoever is about to end: a pipe that nobody reads holds it
    no longer than that, and what was logged before comes before it."""
    flush(patience_s)
    data = f"{text}\n".encode(errors="backslashreplace")
    speaking = threading.Thread(target=_say, args=(data,), daemon=True)
    speaking.start()
    speaking.join(patience_s)


def _say(data: bytes) -> None:
    try:
        os.write(_STDERR, data)
    except OSError:
        return
