"""The wire below the application: uvicorn's httptools protocol, with two things it lacks.

A request that is no HTTP is answered in the contract's envelope, like everything else; and the
request line and headers have a bound, also while a header is still on its way. What surrounds the
pieces of a chunked body, trailers included, has the same bound, and is never taken for a header.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Final, TypeAlias

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from nuqta import refusals
from nuqta.web.negotiation import ENGLISH
from nuqta.web.replies import Headers, Reply, refused, request_id

InFront: TypeAlias = Callable[[str, bytes, Headers], Reply | None]
"""What an application may have as `in_front`: method, URL and headers in, a reply or None out."""

_OF_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


class Protocol(HttpToolsProtocol):
    """One connection. `header_bytes` bounds a request's line and headers together."""

    header_bytes: ClassVar[int] = 32_768

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_headers = True
        self._head_bytes = 0
        self._rest_bytes = 0
        self._body_bytes = 0
        self._has_begun = False
        self._piece_bytes = 0
        self._in_front: InFront | None = getattr(self.app, "in_front", None)
        self._is_answered = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser; cut a request that grows past a bound before it ends."""
        was_in_headers = self._in_headers
        self._has_begun = False
        self._piece_bytes = len(data)
        super().data_received(data)
        if self._has_begun:  # how much of this piece is the new head's is not known: none of it
            return
        if self._in_headers:
            self._head_bytes += len(data)
            self._check_bound()
        elif not was_in_headers:
            self._rest_bytes += len(data)
            # A piece of a chunked body costs up to seven bytes around one of its own.
            self._head_bytes = self._rest_bytes - 8 * self._body_bytes
            self._check_bound()

    def _check_bound(self) -> None:
        if self._head_bytes <= self.header_bytes or self.transport.is_closing():
            return
        if self._in_headers or not (self._is_answered or self.cycle.response_complete):
            self.send_400_response("")
        else:
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins: its bytes are counted anew."""
        super().on_message_begin()
        self._in_headers = self._has_begun = True
        self._is_answered = False
        self._head_bytes = self._rest_bytes = self._body_bytes = 0

    def on_body(self, body: bytes) -> None:
        """A piece of the body, for whose own bound the application cares."""
        if self._is_answered:
            return
        self._body_bytes += len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The head has ended. One that is too large is refused even if it came in one piece."""
        self._in_headers = False
        # Counted only where it can be too large: a counted head is at most 5/4 of its bytes.
        if 2 * (self._head_bytes + self._piece_bytes) > self.header_bytes:
            head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if head > self.header_bytes:
                self._head_bytes = head
                raise ValueError("the head is too large")  # which the parser reports as broken
        if self._in_front is None or not self._answers_at_once(self._in_front):
            super().on_headers_complete()
        self.headers = []  # the application has its own list; trailers end here

    def _answers_at_once(self, in_front: InFront) -> bool:
        """Whether the request was answered here, without the task, the event and the messages that
        the interface of applications needs (measured: XX of a read's YY µs).

        Only where nothing can differ: nothing else is under way on the connection, which stays
        open; no body, no waiting for one, no change of protocol.
        """
        parser = self.parser
        if (
            not getattr(self.cycle, "response_complete", True)  # there is none before the first
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or self.flow.write_paused
            or self.transport.is_closing()
            or not _OF_A_BODY.isdisjoint([name for name, _ in self.headers])
        ):
            return False
        reply = in_front(parser.get_method().decode("ascii"), self.url, self.headers)
        if reply is None:
            return False
        self._is_answered = True
        status, headers, body = reply
        self.transport.write(_as_bytes(status, headers, body))
        self.on_response_complete()
        return True

    def on_message_complete(self) -> None:
        """The request has ended; one that was answered at once needs nothing more."""
        if not self._is_answered:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be a request, in the envelope, and close."""
        is_large = self._head_bytes > self.header_bytes
        refusal = refusals.HEADERS_TOO_LARGE if is_large else refusals.BAD_REQUEST
        status, headers, body = refused(refusal, ENGLISH, request_id(None))
        self.transport.write(_as_bytes(status, [*headers, (b"connection", b"close")], body))
        self.transport.close()


def _as_bytes(status: int, headers: Headers, body: bytes) -> bytes:
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join((STATUS_LINE[status], *lines, b"\r\n", body))
