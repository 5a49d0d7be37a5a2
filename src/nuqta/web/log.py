"""The log of requests: refusals and writes always, reads only sampled. Never a secret.

A full log of reads was measured to cost 60 % of them. Source: design, performance, 1.
"""

import logging
import re
from typing import Any, Final
from urllib.parse import unquote

import msgspec

# Whoever puts a token where an id belongs shall not find it in the log: neither with its prefix nor
# its random digits alone.
_TOKEN: Final = re.compile(r"nq[a-z]_[^\s\"/]+|[0-9A-Fa-f]{48,}")
_LENGTH_MAX: Final = 200
_log: Final = logging.getLogger("nuqta.requests")


class RequestLog:
    """One JSON line a request. `reads` logs one read in so many, 0 none."""

    def __init__(self, reads: int) -> None:
        self._reads = reads
        self._since = 0

    def write(self, request: bytes, method: str, path: str, status: int, **more: str) -> None:
        """A write or a refusal. `more` holds ids and codes only."""
        line: dict[str, Any] = {"request": _safe(request.decode()), "method": method}
        line |= {"path": _safe(path), "status": status}
        line.update((name, _safe(value)) for name, value in more.items())
        _log.info(msgspec.json.encode(line).decode())

    def read(self, request: bytes, method: str, path: str, status: int, **more: str) -> None:
        """A read that was answered."""
        if not self._reads:
            return
        self._since += 1
        if self._since >= self._reads:
            self._since = 0
            self.write(request, method, path, status, **more)


def _safe(text: str) -> str:
    """The text as the log may have it: decoded first, so that no token hides behind a `%`."""
    return _TOKEN.sub("…", unquote(text))[:_LENGTH_MAX]
