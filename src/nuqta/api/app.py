"""The application: the balance in front, every other route behind it in the framework.

Refusals and faults become HTTP here, and nowhere else but in the balance's own callable.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, cast

from blacksheep import Application, Content, Response
from blacksheep import Request as HttpRequest
from blacksheep.exceptions import MessageAborted
from blacksheep.server.routing import Router
from msgspec.structs import replace

from nuqta import refusals
from nuqta.api.points import PointsRoute, Receive, Scope, Send, store_in
from nuqta.api.routes import TABLE
from nuqta.engine.engine import Engine
from nuqta.engine.replies import Kept
from nuqta.refusals import Refusal
from nuqta.seen import logs
from nuqta.seen.requests import RequestMeters
from nuqta.seen.spans import Spans
from nuqta.storage.faults import StorageFault
from nuqta.texts import arabic, english
from nuqta.web.bodies import decoded, queried
from nuqta.web.delivery import Courier
from nuqta.web.fields import unknown
from nuqta.web.guard import (
    NOBODY,
    Caller,
    Counted,
    Guard,
    Shopper,
    TooMany,
    address_of,
    judged,
    only,
)
from nuqta.web.limiter import Limiters, limiters
from nuqta.web.log import REPLAYED, RequestLog, Seen, attributes
from nuqta.web.negotiation import accepts_json, language
from nuqta.web.origins import Pairs, cors, preflight, store_at
from nuqta.web.replies import (
    BASIC,
    BEARER,
    NOSNIFF,
    Reply,
    answered,
    refused,
    replayed,
    request_id,
)
from nuqta.web.routes import (
    KEY_LENGTH_MAX,
    Invalid,
    Outcome,
    Page,
    Request,
    Route,
    allowed,
    pattern_of,
)

_log = logging.getLogger("nuqta.app")
STOREFRONT: Final = "/api/v1/"
"""Where a shop's own pages call, and cookies and CORS have a part."""
_LOOK_S: Final = 1
_LONG_BODY: Final = 262_144
_PACED_LENGTH = 254  # an address has no more
_CONTENT: Final = (b"content-type", b"content-length")
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}")
_NO_KEY: Final = english("A key has 1 to 255 plain characters.")


class App:
    """The ASGI application of one server process, on an open engine. It counts its callers' pace,
    and what is for /metrics, for itself, unless it is given what it shares with others."""

    def __init__(
        self,
        engine: Engine,
        on_ready: Callable[[], None] | None = None,
        shared: Limiters | None = None,
        meters: RequestMeters | None = None,
        spans: Spans | None = None,
    ) -> None:
        self._on_ready = on_ready
        settings = engine.settings
        self._paces = shared or limiters(settings)
        self._engine = engine
        self._spans = spans or Spans()
        if self._spans.is_on:
            engine.door.spans = self._spans
        self.log = RequestLog(settings.log_reads, meters or request_meters(), self._spans)
        writer = logs.lines()
        if writer is not None:
            writer.on_drop = self.log.meters.dropped
        self._guard = Guard(engine, self._paces)
        self._points = PointsRoute(engine, self._paces, self.log)
        self.in_front = self._points.in_front
        self._courier = Courier(settings)
        self._next_look: asyncio.TimerHandle | None = None
        arabic()  # read before anything is served, and not in the middle of a first answer
        self._framework = self._build()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: the balance is answered here, all else by the framework."""
        if scope["type"] == "http":
            store = store_in(scope["path"])
            if store is not None:
                await self._points(scope, store, send)
                return
        await self._framework(scope, receive, send)

    def _build(self) -> Application:
        framework = Application(router=Router())  # the default one is every application's
        for route in TABLE[1:]:
            handler = self._handler(route)
            framework.router.add(route.method, route.path, handler)
            if route.method == "GET":
                framework.router.add("HEAD", route.path, handler)
        framework.router.fallback = self._fallback

        @framework.on_start
        async def start(_: Application) -> None:
            self._courier.start()
            self._look()
            if self._on_ready is not None:
                self._on_ready()

        @framework.on_stop
        async def stop(_: Application) -> None:
            if self._next_look is not None:
                self._next_look.cancel()
            await self._courier.stop()
            self._engine.close()
            logs.flush()

        return framework

    def _look(self) -> None:
        """Again and again, for what a person did elsewhere: tokens under a key that was dropped end
        in every worker, and a clock that was accepted tells the time also where nobody writes."""
        self._engine.keyring.look()
        self._engine.door.look_at_clock()
        self._next_look = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _handler(self, route: Route) -> Any:
        pattern = pattern_of(route.path)

        async def handle(request: HttpRequest) -> Response:
            # The framework finds /V1/MANAGERS as well, past whatever a proxy says of /v1/managers.
            is_ours = pattern.fullmatch(request.url.path.decode("latin-1"))
            return await self._answer(request, route if is_ours else None)

        return handle

    async def _fallback(self, request: HttpRequest) -> Response:
        return await self._answer(request, None)

    async def _answer(self, request: HttpRequest, route: Route | None) -> Response:
        headers = only((name.lower(), value) for name, value in request.headers)
        rid = request_id(headers.get(b"x-request-id"))
        in_language = language(headers.get(b"accept-language"))
        counted = Counted()
        path = route.path if route else request.url.path.decode("latin-1")
        seen = Seen(rid, request.method, path, route.path if route else "")
        with self._spans.around(f"{route.method} {path}" if route else "no route") as span:
            reply = await self._safely(request, route, headers, in_language, seen, counted)
            if span is not None:
                span.set_attributes(attributes(seen, reply[0]))
        status, head, body = reply
        if path.startswith(STOREFRONT):
            head = [*head, *self._cors(headers)]
        self.log.told(seen, status)
        kinds = [value for name, value in head if name == b"content-type"]
        content = [(name, value) for name, value in head if name not in _CONTENT]
        content += counted.headers
        return Response(status, content, Content(kinds[0], body) if kinds else None)

    async def _safely(
        self,
        request: HttpRequest,
        route: Route | None,
        headers: dict[bytes, bytes],
        in_language: str,
        seen: Seen,
        counted: Counted,
    ) -> Reply:
        """The answer, whatever happens: a fault becomes one here."""
        rid = seen.request
        try:
            return await self._reply(request, route, headers, in_language, seen, counted)
        except StorageFault as fault:
            _log.error("request %s: %s", rid.decode(), fault)
            seen.failed(refusals.SERVICE_UNAVAILABLE, fault)
            return refused(refusals.SERVICE_UNAVAILABLE, in_language, rid)
        except MessageAborted:  # the caller went away in the middle of its body
            seen.refused(refusals.BAD_REQUEST)
            return refused(refusals.BAD_REQUEST, in_language, rid)
        except Exception as fault:
            _log.exception("request %s failed", rid.decode())
            seen.failed(refusals.SERVER_ERROR, fault)
            return refused(refusals.SERVER_ERROR, in_language, rid)

    def _is_browsers(self, request: HttpRequest, headers: dict[bytes, bytes]) -> bool:
        """Whether a browser asks, before it asks, for what a shop's own pages call."""
        path = request.url.path.decode("latin-1")
        return path.startswith(STOREFRONT) and len(self._cors(headers)) > 1

    def _cors(self, headers: dict[bytes, bytes]) -> Pairs:
        """What a browser at one of the store's domains is told of who may read the answer."""
        try:
            reader = self._engine.vault.reader()
            store = store_at(reader, headers)
            return cors(reader, store, headers) if store else []
        except StorageFault:
            return []

    async def _reply(
        self,
        request: HttpRequest,
        route: Route | None,
        headers: dict[bytes, bytes],
        in_language: str,
        seen: Seen,
        counted: Counted,
    ) -> Reply:
        rid = seen.request
        if route is None:
            allow = allowed(TABLE, request.url.path.decode("latin-1"))
            if request.method in allow.split(", "):  # the path only looks like a route's: %2F
                allow = ""
            if request.method == "OPTIONS" and allow and self._is_browsers(request, headers):
                return 204, [*preflight(allow), NOSNIFF, (b"x-request-id", rid)], b""
            refusal = refusals.METHOD_NOT_ALLOWED if allow else refusals.NOT_FOUND
            seen.refused(refusal)
            return refused(refusal, in_language, rid, allow=allow)
        outcome = await self._outcome(request, route, headers, in_language, seen, counted)
        match outcome:
            case Kept():
                seen.outcome = REPLAYED
                return replayed(outcome, rid)
            case Page():
                head = [*outcome.headers, NOSNIFF, (b"x-request-id", rid)]
                if outcome.content_type:
                    head.append((b"content-type", outcome.content_type))
                return outcome.status, head, outcome.body
            case TooMany():
                refusal, wait_s = refusals.TOO_MANY_REQUESTS, outcome.wait_s
                seen.refused(refusal)
                return refused(refusal, in_language, rid, retry_after_s=wait_s)
            case Invalid():
                seen.refused(outcome.refusal)
                return refused(outcome.refusal, in_language, rid, fields=outcome.fields)
            case Refusal():
                seen.refused(outcome)
                challenge = BASIC if route.who == "source" else BEARER
                return refused(outcome, in_language, rid, challenge=challenge)
            case _:
                return answered(outcome, in_language, rid)

    async def _outcome(
        self,
        request: HttpRequest,
        route: Route,
        headers: dict[bytes, bytes],
        in_language: str,
        seen: Seen,
        counted: Counted,
    ) -> Outcome | TooMany:
        """What becomes of a request for a known route: guard, negotiation, body, pace, handler."""
        path = {name: value or "" for name, value in (request.route_values or {}).items()}
        seen.store = path.get("store", "")
        caller, shopper = self._who(route, headers, path, request, counted)
        if not isinstance(caller, Caller):
            proxy_header = self._engine.settings.proxy_header
            return judged(self._paces, caller, headers, _client(request), proxy_header)
        seen.store, seen.partner = caller.store_id, caller.partner_id or 0
        seen.customer = shopper.customer_id if shopper else 0
        if route.who != "page" and not accepts_json(headers.get(b"accept")):
            return refusals.NOT_ACCEPTABLE
        raw = await self._received(request, route)
        if isinstance(raw, Refusal):
            return raw
        body = await self._decoded(raw, headers.get(b"content-type"))
        asked = Request(
            self._engine, self._courier, self._paces, caller, shopper, path, {}, in_language,
            headers=headers, raw=raw, route=route, key=_key(route, headers),
            address=address_of(headers, _client(request), self._engine.settings.proxy_header),
            meters=self.log.meters,
        )  # fmt: skip
        if isinstance(body, Refusal):
            return body if route.unreadable is None else await route.unreadable(asked, body)
        too_many = self._paced(route, caller, body, counted)
        if too_many is not None:
            return too_many
        query = queried(request.url.query, is_strict=not route.takes_more)
        if isinstance(query, Refusal):
            told = route.unreadable if route.who == "page" else None
            return query if told is None else await told(asked, query)
        if not route.takes_more:
            strange = unknown(route.fields, body, in_language)
            strange.update(unknown(route.queries, query, in_language))
            if strange:
                return Invalid(strange)
        if asked.key is not None and _KEY.fullmatch(asked.key) is None:
            return asked.invalid("Idempotency-Key", _NO_KEY)
        return await route.handler(replace(asked, body=body, query=query))

    async def _decoded(self, raw: bytes, content_type: bytes | None) -> dict[str, Any] | Refusal:
        """What a body says; a long one is read beside the loop, which has others to answer."""
        depth, digits = self._engine.settings.json_depth, self._engine.settings.json_digits
        if len(raw) <= _LONG_BODY:
            return decoded(raw, content_type, depth, digits)
        return await self._engine.beside(decoded, raw, content_type, depth, digits)

    def _who(
        self,
        route: Route,
        headers: dict[bytes, bytes],
        path: dict[str, str],
        request: HttpRequest,
        counted: Counted,
    ) -> tuple[Caller | Refusal | TooMany, Shopper | None]:
        if route.who == "page":
            return NOBODY, None
        if route.who == "manager":
            return self._guard.manager(headers, route.scope, counted), None
        if route.who == "storefront":
            return self._guard.browser(headers, counted, is_write=route.is_write)
        if route.who == "public":
            client = _client(request)
            return self._guard.anybody(path["store"], headers, client, counted), None
        if route.who == "source":
            return self._guard.source(headers, path["store"], counted), None
        caller = self._guard.partner(
            headers, path["store"], route.scope, counted, for_shopper=route.who == "shopper"
        )
        if route.who == "partner" or not isinstance(caller, Caller):
            return caller, None
        shopper = self._guard.shopper(headers, caller)
        return (shopper, None) if isinstance(shopper, Refusal) else (caller, shopper)

    def _paced(
        self, route: Route, caller: Caller, body: dict[str, Any], counted: Counted
    ) -> TooMany | None:
        if not route.paced_by:
            return None
        whose = tuple(str(body.get(name, ""))[:_PACED_LENGTH] for name in route.paced_by)
        return self._guard.pace(caller, whose, counted)

    async def _received(self, request: HttpRequest, route: Route) -> bytes | Refusal:
        settings = self._engine.settings
        most = settings.order_bytes if route.is_long else settings.body_bytes
        body = bytearray()
        async for chunk in cast("AsyncIterator[bytes]", request.stream()):  # its stub is wrong
            body += chunk
            if len(body) > most:
                return refusals.BODY_TOO_LARGE
        return bytes(body)


def request_meters(folder: Path | None = None) -> RequestMeters:
    """What is counted of the routes of the table, here or with others in a folder. Raises
    OSError."""
    routes = tuple((route.method, route.path) for route in TABLE)
    return RequestMeters(routes, tuple(row.code for row in refusals.ALL), folder)


def _client(request: HttpRequest) -> str:
    """The address of the connection; "" where its other end has gone already."""
    client = request.scope.get("client")
    return str(client[0]) if client else ""


def _key(route: Route, headers: dict[bytes, bytes]) -> str | None:
    """The key under which a call that writes can be repeated."""
    sent = headers.get(b"idempotency-key") if route.is_write else None
    return None if sent is None else sent.decode("latin-1")
