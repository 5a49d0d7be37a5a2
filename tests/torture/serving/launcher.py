"""The real `nuqta`, killed by itself at a named point: `python launcher.py ARGUMENTS`.

Nothing of nuqta is changed. APSW tells every connection's statements, and a VFS of ours every call
to the disk; whoever comes to the point that KILL_AT names for the KILL_NTH time kills its process,
or with KILL_ALL=1 its whole group. KILL_ONCE names a file that is taken away first: where it is
gone, somebody was killed already. Workers that the server starts run this file anew, and so are
armed too.
"""

import os
import re
import signal
import sys
import threading
from typing import Any, Final

import apsw

from nuqta.storage.statements import statement

_TRANSFER: Final = statement("points.add_transfer")
_MOVE: Final = _TRANSFER.parameters.index("move")
_MARKS: Final = {
    _TRANSFER.text: "command",
    statement("points.add_receipt").text: "command",
    statement("replies.keep").text: "command",
    statement("orders.add_event").text: "command",
    statement("events.place").text: "publish",
    statement("seals.add").text: "seal",
}
"""What a transaction is, by what it writes; one that only books what fell due is a sweep."""
_STEP: Final = re.compile(r"^\s*(CREATE|ALTER|DROP)\b", re.MULTILINE)
_DUE: Final = ("expire", "mature")

SERVING: Final = {
    "in a command": 60,
    "before the commit": 30,
    "after the commit": 30,
    "in the sweep": 12,
    "before the sweep's commit": 1,
    "after the sweep's commit": 1,
    "before publishing": 20,
    "after publishing": 20,
    "before sealing": 2,
    "after sealing": 2,
    "in a checkpoint": 200,
    "at the end of a checkpoint": 1,
}
"""The points of a server at work, and how often at most each is let pass before: a server gets
there within a second or two. What a commit has synced nobody has been answered yet."""
STARTING: Final = ("at a step's statement", "before a step's commit", "after a step's commit")
"""The points of a start that migrates."""


class Strike:
    """Kills at the n-th time that the point is reached."""

    def __init__(self, point: str, nth: int, once: str, is_all: bool) -> None:
        self.point = point
        self._left = nth
        self._once = once
        self._is_all = is_all
        self._lock = threading.Lock()
        self.has_served = False

    def at(self, point: str) -> None:
        """The point is reached."""
        if point != self.point:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._kill()

    def _kill(self) -> None:
        try:
            os.unlink(self._once)
        except FileNotFoundError:
            return
        if self._is_all:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """One connection: what its transaction in hand is."""

    def __init__(self, strike: Strike, connection: apsw.Connection) -> None:
        self._strike = strike
        self._kind = ""
        self._is_step = False
        connection.exec_trace = self.before
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, self.after)

    def before(self, _: apsw.Cursor, sql: str, values: Any) -> bool:
        """A statement is about to run."""
        if sql.startswith("BEGIN"):
            self._kind, self._is_step = "", False
        elif sql == "COMMIT":
            self._strike.at(_BEFORE.get(self._kind, ""))
            if self._is_step:
                self._strike.at("before a step's commit")
        elif sql in _MARKS:
            self._mark(_MARKS[sql], sql, values)
        elif _STEP.search(sql):
            self._is_step = True
            self._strike.at("at a step's statement")
        return True

    def _mark(self, kind: str, sql: str, values: Any) -> None:
        if sql == _TRANSFER.text and values[_MOVE] in _DUE:
            self._kind = self._kind or "sweep"
            self._strike.at("in the sweep")
            return
        if sql == _TRANSFER.text:
            self._strike.at("in a command")
        self._kind = kind

    def after(self, event: Any) -> None:
        """A statement has run."""
        if event["sql"] == "COMMIT":
            self._strike.has_served = self._strike.has_served or self._kind == "command"
            self._strike.at(_AFTER.get(self._kind, ""))
            if self._is_step:
                self._strike.at("after a step's commit")


_BEFORE: Final = {
    "command": "before the commit", "sweep": "before the sweep's commit",
    "publish": "before publishing", "seal": "before sealing",
}  # fmt: skip
_AFTER: Final = {
    "command": "after the commit", "sweep": "after the sweep's commit",
    "publish": "after publishing", "seal": "after sealing",
}  # fmt: skip


class Disk(apsw.VFS):
    """The disk as it is. In WAL mode only a checkpoint writes into the database's own file."""

    def __init__(self, strike: Strike) -> None:
        super().__init__("watched", "unix", makedefault=True)
        self._strike = strike

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "File":
        return File(self._strike, name, flags)


class File(apsw.VFSFile):
    """A file whose writes are told, once the server has changed something."""

    def __init__(
        self, strike: Strike, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        super().__init__("unix", name, flags)
        self._strike = strike
        self._is_database = bool(flags[0] & apsw.SQLITE_OPEN_MAIN_DB)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._is_database and self._strike.has_served:
            self._strike.at("in a checkpoint")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        if self._is_database and self._strike.has_served:
            self._strike.at("at the end of a checkpoint")
        super().xSync(flags)


def arm() -> list[object]:
    """Watch every connection of this process; what is given is to be kept."""
    point = os.environ.get("KILL_AT", "")
    if not point:
        return []
    is_all = os.environ.get("KILL_ALL") == "1"
    strike = Strike(point, int(os.environ["KILL_NTH"]), os.environ["KILL_ONCE"], is_all)
    kept: list[object] = [strike]

    def watch(connection: apsw.Connection) -> None:
        kept.append(Watched(strike, connection))

    apsw.connection_hooks.append(watch)
    if "checkpoint" in point:
        kept.append(Disk(strike))
    return kept


armed: Final = arm()

if __name__ == "__main__":
    from nuqta.cli import main

    sys.exit(main())
