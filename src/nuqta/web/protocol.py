"""The wire below the application: uvicorn's httptools protocol, with two things it lacks.

A request that is no HTTP is answered in the contract's envelope, like everything else; and the
request line and headers have a bound, also while a header is still on its way. What surrounds the
pieces of a chunked body, trailers included, has the same bound, and is never taken for a header.
"""

from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from nuqta import refusals
from nuqta.web.negotiation import ENGLISH
from nuqta.web.replies import refused, request_id


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

    def data_received(self, data: bytes) -> None:
        """Feed the parser; cut a request that grows past a bound before it ends."""
        was_in_headers = self._in_headers
        self._has_begun = False
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
        if self._in_headers or not self.cycle.response_complete:
            self.send_400_response("")
        else:
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins: its bytes are counted anew."""
        super().on_message_begin()
        self._in_headers = self._has_begun = True
        self._head_bytes = self._rest_bytes = self._body_bytes = 0

    def on_body(self, body: bytes) -> None:
        """A piece of the body, for whose own bound the application cares."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The head has ended. One that is too large is refused even if it came in one piece."""
        self._in_headers = False
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > self.header_bytes:
            self._head_bytes = head
            raise ValueError("the head is too large")  # which the parser reports as broken
        super().on_headers_complete()
        self.headers = []  # the application has its own list; trailers end here

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be a request, in the envelope, and close."""
        is_large = self._head_bytes > self.header_bytes
        refusal = refusals.HEADERS_TOO_LARGE if is_large else refusals.BAD_REQUEST
        status, headers, body = refused(refusal, ENGLISH, request_id(None))
        head = [STATUS_LINE[status]]
        for name, value in (*headers, (b"connection", b"close")):
            head.extend((name, b": ", value, b"\r\n"))
        self.transport.write(b"".join((*head, b"\r\n", body)))
        self.transport.close()
