"""What a route is. The table of all routes stands in the faces; this is one row of it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias

import msgspec

from nuqta.engine import replies
from nuqta.engine.engine import Engine
from nuqta.engine.replies import CallKey, Kept
from nuqta.refusals import VALIDATION, Refusal
from nuqta.seen.requests import RequestMeters
from nuqta.storage.sqlite import Transaction
from nuqta.texts import say
from nuqta.web.delivery import Courier
from nuqta.web.fields import Field
from nuqta.web.guard import Caller, Shopper, any_of
from nuqta.web.limiter import Limiters
from nuqta.web.replies import Fields, Message, encode

Who: TypeAlias = Literal["manager", "partner", "shopper", "source", "public", "storefront", "page"]
"""Who may call: a partner with a store's manager token; a partner on the store in the path; the
same with a customer's session; the store's own source of orders, by its Basic pair; anybody, about
the store in the path; a customer's browser, on a store's own domain; anybody's browser, for a page
that looks after itself."""


class Invalid(msgspec.Struct, frozen=True):
    """A body with fields that are not valid, and the sentences about them; `refusal` names the kind
    of fault where all are of one."""

    fields: Fields
    refusal: Refusal = VALIDATION


class Page(msgspec.Struct, frozen=True):
    """An answer that is no JSON of the contract's: a page, a script, a redirect."""

    status: int
    content_type: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Paper(msgspec.Struct, frozen=True):
    """What a page answers, for the description: the content type of each status, "" where there is
    no body."""

    kinds: dict[int, str]


Answer: TypeAlias = dict[str, Any] | msgspec.Struct
"""What becomes the JSON body of an answer."""
Outcome: TypeAlias = Answer | Refusal | Invalid | Page | Kept


class Request(msgspec.Struct, frozen=True):
    """What a handler is given: who calls, the path's parts, the query, the decoded body, the
    headers by lower name, and the body as it came.

    `key` is the call's Idempotency-Key, None where it has none; `address` the network from which
    it came, as `guard.address_of` says it; `meters` what this server counts of requests.
    """

    engine: Engine
    courier: Courier
    paces: Limiters
    caller: Caller
    shopper: Shopper | None
    path: Mapping[str, str]
    body: Mapping[str, Any]
    language: str
    query: Mapping[str, str] = {}
    headers: Mapping[bytes, bytes] = {}
    raw: bytes = b""
    route: "Route | None" = None
    key: str | None = None
    address: str = ""
    meters: RequestMeters | None = None

    def say(self, text: str, **values: object) -> str:
        """An English text in the caller's language."""
        return say(text, self.language, **values)

    def told(self, kind: str, name: str, description: str) -> Message:
        """The message of a write, from two English texts; `kind` is object or success."""
        return Message(kind, "MSG_POPUP_OK", self.say(name), self.say(description))

    def invalid(self, field: str, text: str, **values: object) -> Invalid:
        """A field that is not valid, and the sentence about it."""
        return Invalid({field: [self.say(text, **values)]})

    async def write(self, name: str, work: Callable[[Transaction], Outcome]) -> Outcome:
        """What `work` comes to in one transaction; a call that carries a key has its answer kept
        in the same one, and its repetition is given that and changes nothing.

        `work` may run more than once. What is refused has changed nothing and is not kept here: the
        same key may come back when it can be done. A refusal by the books is kept by their own
        receipt. Raises StorageFault.
        """
        call = self._call()
        if call is None:
            return await self.engine.door.write(name, work)
        return await self.engine.door.write(name, lambda tx: self._once(tx, call, work))

    def _once(
        self, tx: Transaction, call: CallKey, work: Callable[[Transaction], Outcome]
    ) -> Outcome:
        known = replies.find(tx, call)
        if known is not None:
            return known
        outcome = work(tx)
        if not isinstance(outcome, _UNKEPT):
            now = self.engine.clock.now()
            replies.keep(tx, call, Kept(200, self.language, encode(outcome)), now)
        return outcome

    def _call(self) -> CallKey | None:
        if self.key is None or self.route is None:
            return None
        path = {**self.path, "store": self.caller.store_id}  # by its id or its UUID: the same call
        content = {
            "call": f"{self.route.method} {self.route.path}",
            "path": path,
            "body": dict(self.body),
            "cart": self.headers.get(b"cart-session-id", b"").decode("latin-1"),
        }
        return replies.call_key(
            self.caller.store_id,
            self.shopper.customer_id if self.shopper else 0,
            self.caller.origin,
            self.key,
            content,
        )


_UNKEPT: Final = (Refusal, Invalid, Page, Kept)
Handler: TypeAlias = Callable[[Request], Awaitable[Outcome]]


class Route(msgspec.Struct, frozen=True):
    """One row: method, path with {names}, who may call under which scope, handler, sentence.

    Of several scopes, written with ` | ` between, one is enough; "" asks for none.
    `fields` are what a body may hold, `queries` what a query may; a route that `takes_more` ignores
    whatever else is sent, as Zid's do, where clients send more than is asked for; on any other, a
    name that it does not know is refused. `answer` is the type of a good answer (a page has a
    Paper), `refusals` are those that its handler may give, beyond what every route of its kind may,
    and `headers` those that it reads beside the credentials; they are what the description of the
    API is made from. `paced_by` are fields by whose value the route's pace is counted, where no
    token says whose it is. `unreadable` is told of a body that cannot be decoded, of a page's also
    of a query, and may have another answer to it. A body that `is_long` has a limit of its own,
    ORDER_BYTES.
    """

    method: str
    path: str
    who: Who
    scope: str
    handler: Handler
    sentence: str
    fields: tuple[Field, ...] = ()
    queries: tuple[Field, ...] = ()
    takes_more: bool = False
    answer: Any = None
    refusals: tuple[Refusal, ...] = ()
    paced_by: tuple[str, ...] = ()
    unreadable: "Unreadable | None" = None
    is_long: bool = False
    headers: tuple[Field, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of which the caller needs one; empty where it needs none."""
        return any_of(self.scope)

    @property
    def is_write(self) -> bool:
        """Whether it may change something, and so takes an Idempotency-Key."""
        return self.method != "GET"


Unreadable: TypeAlias = Callable[[Request, Refusal], Awaitable[Outcome]]
KEY_LENGTH_MAX: Final = 255


def pattern_of(path: str) -> re.Pattern[str]:
    """What matches a path with {names}, with and without a slash at its end."""
    named_parts = re.sub(r"\\\{([a-z_]+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
    return re.compile(named_parts + "/?")


def allowed(table: tuple[Route, ...], path: str) -> str:
    """The methods that a path takes, as the Allow header lists them; "" for an unknown path."""
    methods = [route.method for route in table if pattern_of(route.path).fullmatch(path)]
    if "GET" in methods:
        methods.append("HEAD")
    return ", ".join(sorted(set(methods)))
