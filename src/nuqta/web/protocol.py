"""The wire below the application: uvicorn's httptools protocol, with the bounds that it lacks.

A request that is no HTTP is answered in the contract's envelope, like everything else; and the
request line and headers have a bound, also while a header is still on its way. What surrounds the
pieces of a chunked body, trailers included, has the same bound, and is never taken for a header.
What comes is parsed in small slices, and not before what stands ahead of it was answered: a client
that sends without end, or never reads, costs no more memory than one packet and no more of the
loop's time than one slice at a time (before: 500 MB in 4 seconds from one connection).

Whoever is too slow is cut, as a sender and as a reader; connections and requests past their
numbers are answered 503 at once.
"""

from asyncio import Handle, TimerHandle, Transport
from collections.abc import Awaitable, Callable, MutableMapping
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Any, ClassVar, Final, TypeAlias

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from nuqta import refusals
from nuqta.refusals import Refusal
from nuqta.settings import Settings
from nuqta.texts import ENGLISH
from nuqta.web.guard import only
from nuqta.web.log import RequestLog
from nuqta.web.negotiation import language
from nuqta.web.replies import Headers, Reply, refused, request_id

InFront: TypeAlias = Callable[[str, bytes, dict[bytes, bytes], str], Reply | None]
"""What an application may have as `in_front`: method, URL, headers and the address of the other end
in, a reply or None out."""

_Message: TypeAlias = MutableMapping[str, Any]
_SLICE: Final = 4_096
"""Bytes that are parsed in one turn of the loop: some dozen requests."""
_NO_LINGERING: Final = pack("ii", 1, 0)
_CLOSE: Final = (b"connection", b"close")
_ALIVE: Final = "/healthz"
_OF_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


class _Flow(FlowControl):
    """uvicorn's flow control, which reads on only where what has come was parsed.

    uvicorn reads on whenever an application asks or has answered, though others wait in line.
    """

    def __init__(self, transport: Transport, has_to_wait: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_to_wait = has_to_wait

    def resume_reading(self) -> None:
        """Read on, unless something that has come still waits."""
        if not self._has_to_wait():
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    """One connection. `header_bytes` bounds a request's line and headers together,
    `receive_seconds` the time from its first byte, or from the connection's beginning, to its last,
    and `send_seconds` the time for which bytes wait because nobody reads them. A process has at
    most `connections_max` connections, and `in_flight_max` requests that are not answered yet.
    """

    header_bytes: ClassVar[int] = 32_768
    receive_seconds: ClassVar[int] = 30
    send_seconds: ClassVar[int] = 30
    connections_max: ClassVar[int] = 10_000
    in_flight_max: ClassVar[int] = 2_000
    _in_flight: ClassVar[set[RequestResponseCycle]] = set()

    @classmethod
    def bounded_by(cls, settings: Settings) -> type["Protocol"]:
        """The protocol of one server, with the bounds that are set."""
        bounds = {
            "header_bytes": settings.header_bytes,
            "receive_seconds": settings.receive_seconds,
            "send_seconds": settings.send_seconds,
            "connections_max": settings.connections,
            "in_flight_max": settings.in_flight,
            "_in_flight": set(),
        }
        return type("Protocol", (cls,), bounds)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._in_headers = True
        self._head_bytes = 0
        self._rest_bytes = 0
        self._body_bytes = 0
        self._has_begun = False
        self._piece_bytes = 0
        self._in_front: InFront | None = getattr(self.app, "in_front", None)
        self._log: RequestLog | None = getattr(self.app, "log", None)
        self._is_answered = False
        self._idle_timer: TimerHandle | None = None
        self._idle_from: float | None = None
        self._in_body = False
        self._unparsed = b""
        self._turn: Handle | None = None
        self._last_words = b""
        self._has_ended = False
        self._under_way: RequestResponseCycle | None = None
        self._receives_from: float | None = None
        self._receive_timer: TimerHandle | None = None
        self._send_timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A connection begins; one too many ends with a word."""
        super().connection_made(transport)
        self._count_connections()
        self.flow = _Flow(transport, self._has_to_wait)
        if len(self.connections) > self.connections_max:
            self._refuse(refusals.SERVICE_UNAVAILABLE)
            return
        self._receives_from = self.loop.time()
        self._receive_timer = self.loop.call_later(self.receive_seconds, self._cut_if_slow)

    def _has_to_wait(self) -> bool:
        """Whether anything that has come still waits: to be parsed, to begin, or for the end."""
        return bool(self._unparsed or self.pipeline or self._last_words)

    def data_received(self, data: bytes) -> None:
        """Parse what has come: at once where it is little and its turn, else slice by slice."""
        if self._last_words:
            return
        if len(data) <= _SLICE and not self._unparsed and not self.pipeline:
            self._parse(data)
            return
        self._unparsed += data  # at most what was on its way as reading was paused
        if self._turn is None:
            self._parse_slice()

    def _parse_slice(self) -> None:
        """Parse one slice of what waits, then let others have the loop."""
        self._turn = None
        if self.transport.is_closing() or self.pipeline:
            return  # whoever ends the line looks here again
        piece, self._unparsed = self._unparsed[:_SLICE], self._unparsed[_SLICE:]
        self._parse(piece)
        if self._unparsed:
            self.flow.pause_reading()
        self._go_on()

    def _go_on(self) -> None:
        """Take up what waits, once nothing stands ahead of it; read on where nothing does."""
        if self.transport.is_closing():
            self._unparsed = b""
        elif self._unparsed:
            if self._turn is None and not self.pipeline:
                self._turn = self.loop.call_soon(self._parse_slice)
        elif self._turn is None:
            self.flow.resume_reading()

    def _parse(self, data: bytes) -> None:
        """Feed the parser; cut a request that grows past a bound before it ends."""
        self._idle_from = None
        self._unset_keepalive_if_required()
        was_in_headers = self._in_headers
        self._has_begun = False
        self._piece_bytes = len(data)
        try:
            self._feed(data)
        except HttpParserError:
            self.send_400_response("")
            return
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

    def _feed(self, data: bytes) -> None:
        """Feed the parser. No other protocol is spoken here, so what follows a wish for one is HTTP
        like what came before it: the parser stops behind the wish, and is told to go on.
        """
        while data:
            try:
                self.parser.feed_data(data)
            except HttpParserUpgrade as wish:
                data = data[wish.args[0] :]
            else:
                return

    def _check_bound(self) -> None:
        if self._head_bytes > self.header_bytes and not self.transport.is_closing():
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins: its bytes are counted anew."""
        if self._in_front is None:
            super().on_message_begin()
        else:  # the scope waits until somebody needs it
            self.url, self.headers, self.expect_100_continue = b"", [], False
        if self._receives_from is None:
            self._receives_from = self.loop.time()
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
        if self._in_front is None:
            super().on_headers_complete()
        elif not self._answers_at_once(self._in_front):
            self._idle_from = None
            url, headers, expects = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expects
            self.headers.extend(headers)  # the list that the scope has
            super().on_headers_complete()
        self.headers = []  # the application has its own list; trailers end here
        self._in_body = True

    def _answers_at_once(self, in_front: InFront) -> bool:
        """Whether the request was answered here, without the task, the event and the messages that
        the interface of applications needs (measured: 24 of a read's 89 µs).

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
        ):
            return False
        headers = only(self.headers)
        if not _OF_A_BODY.isdisjoint(headers):
            return False
        client = self.client[0] if self.client else ""
        reply = in_front(parser.get_method().decode("ascii"), self.url, headers, client)
        if reply is None:
            return False
        self._is_answered = True
        self.transport.write(_as_bytes(*reply))
        self.server_state.total_requests += 1
        self._idles()
        return True

    def _idles(self) -> None:
        """Nothing is under way from now on."""
        self._idle_from = self.loop.time()
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _close_if_idle(self) -> None:
        """Close a connection on which nothing came for as long as the server's own timer allows.

        It looks again where something came meanwhile; a timer made and cancelled for each request
        cost it 5 µs.
        """
        self._idle_timer = None
        if self._idle_from is None:  # the long way round has the connection, with its own timer
            return
        left_s = self._idle_from + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._idle_timer = self.loop.call_later(left_s, self._close_if_idle)
        else:
            self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for too long."""
        super().timeout_keep_alive_handler()
        self._watch_the_rest()

    def pause_writing(self) -> None:
        """More waits to be read than is kept for a caller: it must be read in time."""
        super().pause_writing()
        self._watch_the_rest()

    def resume_writing(self) -> None:
        """Most of it was read."""
        super().resume_writing()
        if self._send_timer is not None and not self.transport.is_closing():
            self._send_timer.cancel()
            self._send_timer = None

    def _watch_the_rest(self) -> None:
        """Cut the connection where what waits to be read still waits after `send_seconds`: closing
        alone would wait for a reader for ever."""
        if self._send_timer is None and self.transport.get_write_buffer_size():
            self._send_timer = self.loop.call_later(self.send_seconds, self._cut)

    def _cut(self) -> None:
        """End the connection, and tell the kernel not to wait for a reader either."""
        line = self.transport.get_extra_info("socket")
        line.setsockopt(SOL_SOCKET, SO_LINGER, _NO_LINGERING)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and its timers with it."""
        for timer in (self._idle_timer, self._turn, self._receive_timer, self._send_timer):
            if timer is not None:
                timer.cancel()
        self._unparsed = b""
        self.pipeline.clear()
        if self._under_way is not None:  # uvicorn tells only the last in line
            self._under_way.disconnected = True
            self._under_way.message_event.set()
        super().connection_lost(exc)
        self._count_connections()

    def _count_connections(self) -> None:
        if self._log is not None:
            self._log.meters.connected(len(self.connections))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._under_way = cycle
        chosen: Any = _unavailable
        if len(self._in_flight) < self.in_flight_max or _asks_if_alive(cycle.scope):
            self._in_flight.add(cycle)
            chosen = self._counted(cycle, app)
        super()._start_asgi_task(cycle, chosen)

    def _counted(self, cycle: RequestResponseCycle, app: Any) -> Any:
        """The application, which leaves the count as it ends: also where the caller went away."""

        async def counted(*interface: Any) -> None:
            try:
                await app(*interface)
            finally:
                self._in_flight.discard(cycle)

        return counted

    def on_message_complete(self) -> None:
        """The request has ended; one that was answered at once needs nothing more."""
        self._in_body = False
        self._receives_from = None
        if self._is_answered:
            return
        super().on_message_complete()
        if self.cycle.response_complete:  # before its body had come, which ended uvicorn's timer
            self._idles()

    def _cut_if_slow(self) -> None:
        """Cut a request that takes too long to come. Looked at now and then: no timer a request."""
        left_s: float = self.receive_seconds
        now = self.loop.time()
        if self._receives_from is not None:
            if self.flow.read_paused or self._has_to_wait():  # it is we who take no more
                self._receives_from = now
            left_s += self._receives_from - now
        if left_s > 0:
            self._receive_timer = self.loop.call_later(left_s, self._cut_if_slow)
        elif not self._piece_bytes:
            self.transport.close()  # nothing was ever said: there is nothing to answer
        else:
            self._refuse(refusals.REQUEST_TIMEOUT)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be a request."""
        is_large = self._head_bytes > self.header_bytes
        self._refuse(refusals.HEADERS_TOO_LARGE if is_large else refusals.BAD_REQUEST)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in the envelope, behind the answers to what came before, and close."""
        rid = request_id(None)
        status, headers, body = refused(refusal, ENGLISH, rid)
        if self._log is not None:
            self._log.broken(refusal, rid)
        self._unparsed = b""
        self._last_words = _as_bytes(status, [*headers, _CLOSE], body)
        if self._in_body and self.pipeline:
            self.pipeline.popleft()  # its body is what is broken: it shall never begin
        elif self._in_body:
            if self._is_answered or self.cycle.response_started:
                self._last_words = b""
            self._end()
            return
        if getattr(self.cycle, "response_complete", True):
            self._end()
        else:
            self.flow.pause_reading()

    def on_response_complete(self) -> None:
        """An application has answered; the next in line begins, or what still waits is parsed."""
        is_last = not self.pipeline and not self._unparsed
        if self._under_way is not None:
            self._in_flight.discard(self._under_way)
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_the_rest()
        if is_last and (self._last_words or self._has_ended):
            self._end()
        else:
            self._go_on()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The caller says no more, and still hears the answers to what it said."""
        self._has_ended = True
        return not getattr(self.cycle, "response_complete", True) and not self._in_body

    def _end(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self._last_words)
            self.transport.close()
            self._watch_the_rest()

    def shutdown(self) -> None:
        """The process is to stop: what is under way is answered, and nothing more begins."""
        super().shutdown()
        if self.transport.is_closing():
            self._watch_the_rest()

    def give_up(self) -> None:
        """The process has waited long enough: whoever was not answered hears that it is unknown
        what becomes of the request, and the connection ends."""
        self.pipeline.clear()
        one = self._under_way
        if one is not None and not one.response_complete and not one.disconnected:
            if not one.response_started and not self.transport.is_closing():
                status, headers, body = refused(
                    refusals.SERVICE_UNAVAILABLE, ENGLISH, request_id(None)
                )
                self.transport.write(_as_bytes(status, [*headers, _CLOSE], body))
            one.disconnected = True
            one.message_event.set()
            self.flow.resume_writing()
        self.transport.close()


def _asks_if_alive(scope: Any) -> bool:
    """Whether it is asked if the server lives, without a body that might never come. Who is told
    no starts the server anew: a few who send slowly must not bring that about."""
    if scope["path"] != _ALIVE:
        return False
    return _OF_A_BODY.isdisjoint(name for name, _ in scope["headers"])


async def _unavailable(
    scope: _Message,
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """An application that has no time, and says so before it reads a body."""
    headers = only(scope["headers"])
    status, head, body = refused(
        refusals.SERVICE_UNAVAILABLE,
        language(headers.get(b"accept-language")),
        request_id(headers.get(b"x-request-id")),
    )
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def _as_bytes(status: int, headers: Headers, body: bytes) -> bytes:
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join((STATUS_LINE[status], *lines, b"\r\n", body))
