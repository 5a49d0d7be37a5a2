"""Slow callers, many of them on one thread: senders of a byte now and then, and readers of nothing.
No test stands here.
"""

import select
import socket
import threading
from types import TracebackType
from typing import Final

TURN_S: Final = 0.05
"""Seconds between two bytes of a slow sender."""


class _Slow:
    """One connection that sends `data` again and again, and reads nothing. A sender sends a byte a
    turn, of what is never a whole request, so that an answer means that it is cut; a reader sends
    whole ones."""

    def __init__(self, port: int, data: bytes, *, is_sender: bool) -> None:
        self.line = socket.socket()
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.line.connect(("127.0.0.1", port))
        self.line.setblocking(False)
        self._data = data
        self._step = 1 if is_sender else 65_536
        self._ends = select.POLLERR | select.POLLHUP | (select.POLLIN if is_sender else 0)
        self._at = 0

    def turn(self) -> bool:
        """Go on; False where the server has given the connection up."""
        poll = select.poll()
        poll.register(self.line, select.POLLOUT | self._ends)
        for _, event in poll.poll(0):
            if event & self._ends:
                return False
            if event & select.POLLOUT:
                try:
                    self._at += self.line.send(self._data[self._at : self._at + self._step])
                except OSError:
                    return False
                if self._at == len(self._data):
                    self._at = 0
        return True


class Crowd:
    """So many senders and so many readers, who come back when they are cut; `with` begins them."""

    def __init__(self, port: int, sent: bytes, read: bytes, many: int, *, again: bool) -> None:
        self._port = port
        self._data = [(sent, True)] * many + [(read, False)] * many
        self._is_again = again
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.cuts = 0
        self.standing = 2 * many

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._halt.set()
        self._thread.join()

    def _one(self, at: int) -> _Slow:
        data, is_sender = self._data[at]
        return _Slow(self._port, data, is_sender=is_sender)

    def _run(self) -> None:
        crowd = [self._one(at) for at in range(self.standing)]
        while not self._halt.wait(TURN_S):
            for at, one in enumerate(crowd):
                if one.line.fileno() < 0 or one.turn():
                    continue
                one.line.close()
                self.cuts += 1
                self.standing -= 1
                if self._is_again:
                    crowd[at] = self._one(at)
                    self.standing += 1
        for one in crowd:
            one.line.close()
