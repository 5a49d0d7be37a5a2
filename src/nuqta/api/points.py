"""The balance of a logged-in customer: the heart of the product, and its hot path.

`GET /v1/customers/loyalty-program/{STORE_ID}/points`. It stands in front of the framework as a
bare ASGI callable, which saves a third of its cost, and shares guard, refusals and replies with
every other route. One SQL statement finds the partner, the installation, the session and the
account; only where time has changed the account since it was last booked are its open lots read.
Source: contract, decisions, section 1; design, performance.
"""

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter_ns
from typing import Any, Final, Literal, TypeAlias

import msgspec

from nuqta import refusals
from nuqta.engine.access.sessions import HOUR_US
from nuqta.engine.access.tokens import NO_DKEY, dkey_in
from nuqta.engine.engine import Engine
from nuqta.engine.reading.balances import account_now
from nuqta.engine.stores import named
from nuqta.ledger.account import Account
from nuqta.refusals import Refusal
from nuqta.storage.faults import StorageFault
from nuqta.storage.rows import account_from
from nuqta.storage.statements import statement
from nuqta.web.fields import Field
from nuqta.web.guard import (
    TooMany,
    Uses,
    bearer,
    check_partner,
    check_session,
    judged,
    only,
    shopper_key,
    token,
)
from nuqta.web.limiter import Limiters
from nuqta.web.log import RequestLog, Seen
from nuqta.web.negotiation import accepts_json, language
from nuqta.web.replies import JSON, NOSNIFF, VARY, Headers, Message, Reply, refused, request_id
from nuqta.web.routes import Outcome, Request, Route

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATH: Final = "/v1/customers/loyalty-program/{store}/points"
SCOPE: Final = "loyalty_program.read"
METHODS: Final = "GET, HEAD"
_PREFIX, _SUFFIX = PATH.split("{store}")
_PLAIN_URL: Final = re.compile(
    rb"%b([0-9A-Za-z-]+)%b/?" % (re.escape(_PREFIX.encode()), re.escape(_SUFFIX.encode()))
)
"""The path as clients send it; one with escapes or a query goes the long way round."""
_BALANCE = statement("points.balance")
_BODY: Final = (
    b'{"status":"success","points":{"available_poitns":%d,"used_poitns":%d},'
    b'"message":{"type":"success","code":null,"name":null,"description":null}}'
)
_CACHE: Final = (b"cache-control", b"private, no-cache")
_LANGUAGES: Final = {"en": (b"content-language", b"en"), "ar": (b"content-language", b"ar")}
_log = logging.getLogger("nuqta.points")


def store_in(path: str) -> str | None:
    """The store that a path of this route names, with or without a slash at the end; else None."""
    if not path.startswith(_PREFIX):
        return None
    rest = path[len(_PREFIX) :]
    store = rest.removesuffix("/").removesuffix(_SUFFIX)
    return store if store and "/" not in store and store != rest.removesuffix("/") else None


class PointsRoute:
    """The route as an ASGI callable, for requests whose path is its own."""

    def __init__(self, engine: Engine, paces: Limiters, log: RequestLog) -> None:
        self._engine = engine
        self._vault = engine.vault
        self._now = engine.clock.now
        self._digest = engine.keyring.digest
        self._paces = paces
        self._limiter = paces.shoppers
        self._log = log
        self._count = log.tally("GET", PATH).add
        self._uses = Uses(engine)
        # Of the request in hand: nothing here waits for anything.
        self._paced: Headers = ()
        self._partner = self._store = self._customer = 0
        self._refusal: Refusal | None = None

    async def __call__(self, scope: Scope, store: str, send: Send) -> None:
        """Answer one request for the balance in `store`, whatever its method."""
        client = (scope.get("client") or ("",))[0]
        status, head, body = self.answer(scope["method"], store, only(scope["headers"]), client)
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    def in_front(
        self, method: str, url: bytes, headers: dict[bytes, bytes], client: str = ""
    ) -> Reply | None:
        """The answer to a plain request for the balance; None for all that is another's to judge.

        The wire calls this before it makes anything of the request, and writes the answer at once.
        """
        match = _PLAIN_URL.fullmatch(url)
        if match is None or method not in ("GET", "HEAD"):
            return None
        return self.answer(method, match[1].decode(), headers, client)

    def answer(
        self, method: str, store: str, headers: dict[bytes, bytes], client: str = ""
    ) -> Reply:
        """The answer to one request of the other end's address, as it leaves; logged. Never
        raises."""
        began_ns = perf_counter_ns()
        rid = request_id(headers.get(b"x-request-id"))
        self._paced = ()
        self._partner = 0
        fault: Exception | None = None
        try:
            status, head, body = self.reply(method, store, headers, client, rid)
        except StorageFault as trouble:
            fault = trouble
            _log.error("request %s: %s", rid.decode(), fault)
            status, head, body = self._refused(refusals.SERVICE_UNAVAILABLE, headers, rid)
        except Exception as trouble:
            fault = trouble
            _log.exception("request %s failed", rid.decode())
            status, head, body = self._refused(refusals.SERVER_ERROR, headers, rid)
        head += self._paced
        took_ns = perf_counter_ns() - began_ns
        self._count(status, took_ns)
        if status >= 400 or self._log.is_sampled():
            self._tell(Seen(rid, method, PATH, PATH), store, status, fault, took_ns)
        return status, head, b"" if method == "HEAD" else body

    def _tell(
        self, seen: Seen, store: str, status: int, fault: Exception | None, took_ns: int
    ) -> None:
        """Log what is to be logged; the partner and the store are known once they were judged."""
        seen.partner = self._partner
        seen.store = self._store if self._partner else store[:64]
        if status < 400:
            seen.customer = self._customer
        elif self._refusal is not None and fault is not None:
            seen.failed(self._refusal, fault)
        elif self._refusal is not None:
            seen.refused(self._refusal)
        self._log.write(seen, status, took_ns)
        self._log.balance_span(seen, status, took_ns)

    def reply(
        self, method: str, store: str, headers: dict[bytes, bytes], client: str, rid: bytes
    ) -> Reply:
        """The answer to one request. Raises StorageFault."""
        if method not in ("GET", "HEAD"):
            return self._refused(refusals.METHOD_NOT_ALLOWED, headers, rid)
        account = self._account(store, headers)
        if isinstance(account, Account):
            return self._balance(account, headers, rid)
        if isinstance(account, Refusal):
            proxy_header = self._engine.settings.proxy_header
            account = judged(self._paces, account, headers, client, proxy_header)
        if isinstance(account, TooMany):
            return self._refused(refusals.TOO_MANY_REQUESTS, headers, rid, account.wait_s)
        return self._refused(account, headers, rid)

    def _account(self, store: str, headers: dict[bytes, bytes]) -> Account | Refusal | TooMany:
        sent = bearer(headers.get(b"authorization"))
        session = token(headers.get(b"x-customer-token"))
        store_id, store_uuid = named(store)
        digest = self._digest(session or "")
        dkey = dkey_in(session) if session else NO_DKEY
        now = self._now()
        # The order of the statement's parameters as they first stand in it.
        values = (self._digest(sent or ""), store_id, store_uuid, dkey, digest)
        row = self._vault.reader().rows_of(_BALANCE.text, values)[0]
        partner_id, ends_at, known_id, scopes, own, customer_id, used_at, session_ends_at = row[:8]
        refusal = check_partner(sent, partner_id, ends_at, known_id, scopes, SCOPE, now)
        if refusal is not None:
            return refusal
        self._partner, self._store = partner_id, known_id
        if not self._limiter.is_off:
            pace = self._limiter.count(shopper_key(partner_id, known_id, digest), own)
            if pace is not None:
                self._paced = pace.headers
                if pace.wait_s:
                    return TooMany(pace.wait_s)
        refusal = check_session(session, customer_id, session_ends_at, dkey, known_id, now)
        if refusal is not None:
            return refusal
        if not accepts_json(headers.get(b"accept")):
            return refusals.NOT_ACCEPTABLE
        self._customer = customer_id
        if now - used_at > HOUR_US:
            self._uses.note(dkey, digest, used_at, now)
        account = account_from(row[8:])
        if max(now, account.recorded_at) < account.next_change_at:
            return account
        return account_now(self._engine, account.key, now) or refusals.SESSION_INVALID

    def _balance(self, account: Account, headers: dict[bytes, bytes], rid: bytes) -> Reply:
        in_language = language(headers.get(b"accept-language"))
        available, used = account.available, account.used
        # Strong: it differs whenever the body does, and whenever the books moved.
        etag = b'"%d-%d-%d-%b"' % (account.version, available, used, in_language.encode())
        head = [
            (b"etag", etag), _CACHE, _LANGUAGES[in_language], VARY, NOSNIFF,
            (b"x-request-id", rid),
        ]  # fmt: skip
        known = headers.get(b"if-none-match")
        if known is not None and _matches(known, etag):
            return 304, head, b""
        body = _BODY % (available, used)
        head += [JSON, (b"content-length", b"%d" % len(body))]
        return 200, head, body

    def _refused(
        self, refusal: Refusal, headers: dict[bytes, bytes], rid: bytes, wait_s: int = 0
    ) -> Reply:
        self._refusal = refusal
        in_language = language(headers.get(b"accept-language"))
        allow = METHODS if refusal is refusals.METHOD_NOT_ALLOWED else ""
        return refused(refusal, in_language, rid, retry_after_s=wait_s, allow=allow)


def _matches(known: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match names the tag, or any; weak tags compare by their text."""
    if known == etag:
        return True
    tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
    return tags == [b"*"] or etag in tags


class CustomerPoints(msgspec.Struct, frozen=True):
    """What the customer could spend at this instant, and what was spent so far; the misspellings
    are the contract's."""

    available_poitns: int
    used_poitns: int


class PointsAnswer(msgspec.Struct, frozen=True):
    """The balance: what _BODY writes."""

    status: Literal["success"]
    points: CustomerPoints
    message: Message


async def in_front(request: Request) -> Outcome:
    """Stands in the table; whoever asks is answered before it is looked up there."""
    raise AssertionError(f"{PATH} is answered in front of the framework: {request}")


_KNOWN: Final = Field(
    "If-None-Match", "text", "The ETag of an answer that is known already.", '"1-120-30-en"', False
)

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", PATH, "shopper", SCOPE, in_front,
          "The available and the used points of the logged-in customer.", takes_more=True,
          answer=PointsAnswer, headers=(_KNOWN,)),
)  # fmt: skip
