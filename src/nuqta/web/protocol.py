"""The wire below the application: uvicorn's httptools protocol, with two things it lacks.

A request that is no HTTP is answered in the contract's envelope, like everything else; and the
request line and headers have a bound, also while a header is still on its way.
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

    def data_received(self, data: bytes) -> None:
        """Feed the parser; cut a request whose head grows past the bound before it ends."""
        was_in_headers = self._in_headers
        super().data_received(data)
        if was_in_headers and self._in_headers:
            self._head_bytes += len(data)
            if self._head_bytes > self.header_bytes and not self.transport.is_closing():
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins: its head is counted anew."""
        super().on_message_begin()
        self._in_headers = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head has ended. One that is too large is refused even if it came in one piece."""
        self._in_headers = False
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > self.header_bytes:
            self._head_bytes = head
            raise ValueError("the head is too large")  # which the parser reports as broken
        super().on_headers_complete()

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
