"""What a route is. The table of all routes stands in the faces; this is one row of it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from nuqta.engine.engine import Engine
from nuqta.refusals import VALIDATION, Refusal
from nuqta.web.delivery import Courier
from nuqta.web.guard import Caller, Shopper
from nuqta.web.replies import Fields

Who: TypeAlias = Literal["manager", "partner", "shopper", "source"]
"""Who may call: a partner with a store's manager token; a partner on the store in the path; the
same with a customer's session; the store's own source of orders, by its Basic pair."""


class Request(msgspec.Struct, frozen=True):
    """What a handler is given: who calls, the path's parts, the query, the decoded body, the
    headers by lower name, and the body as it came."""

    engine: Engine
    courier: Courier
    caller: Caller
    shopper: Shopper | None
    path: Mapping[str, str]
    body: Mapping[str, Any]
    language: str
    query: Mapping[str, str] = {}
    headers: Mapping[bytes, bytes] = {}
    raw: bytes = b""


class Invalid(msgspec.Struct, frozen=True):
    """A body with fields that are not valid, and the sentences about them; `refusal` names the kind
    of fault where all are of one."""

    fields: Fields
    refusal: Refusal = VALIDATION


Outcome: TypeAlias = dict[str, Any] | Refusal | Invalid
Handler: TypeAlias = Callable[[Request], Awaitable[Outcome]]


class Route(msgspec.Struct, frozen=True):
    """One row: method, path with {names}, who may call under which scope, handler, sentence.

    `fields` are the names that a body may have, `queries` those of a query; None takes any: the
    handler looks at them itself, or they are Zid's, where clients send more than is asked for.
    `paced_by` are fields by whose value the route's pace is counted, where no token says whose it
    is. `unreadable` is told of a body that cannot be decoded, and may have another answer to it.
    A body that `is_long` has a limit of its own, ORDER_BYTES.
    """

    method: str
    path: str
    who: Who
    scope: str
    handler: Handler
    sentence: str
    fields: tuple[str, ...] | None = ()
    paced_by: tuple[str, ...] = ()
    queries: tuple[str, ...] | None = None
    unreadable: "Unreadable | None" = None
    is_long: bool = False


Unreadable: TypeAlias = Callable[[Request, Refusal], Awaitable[Refusal]]


def pattern_of(path: str) -> re.Pattern[str]:
    """What matches a path with {names}, with and without a slash at its end."""
    named_parts = re.sub(r"\{([a-z_]+)\}", r"(?P<\1>[^/]+)", path)
    return re.compile(named_parts + "/?")


def allowed(table: tuple[Route, ...], path: str) -> str:
    """The methods that a path takes, as the Allow header lists them; "" for an unknown path."""
    methods = [route.method for route in table if pattern_of(route.path).fullmatch(path)]
    if "GET" in methods:
        methods.append("HEAD")
    return ", ".join(sorted(set(methods)))
