"""What a route is. The table of all routes stands in the faces; this is one row of it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from nuqta.engine.engine import Engine
from nuqta.refusals import Refusal
from nuqta.web.delivery import Courier
from nuqta.web.guard import Caller, Shopper
from nuqta.web.replies import Fields

Who: TypeAlias = Literal["manager", "partner", "shopper"]
"""Who may call: a partner with a store's manager token; a partner on the store in the path; the
same with a customer's session."""


class Request(msgspec.Struct, frozen=True):
    """What a handler is given: who calls, the path's parts, the query, and the decoded body."""

    engine: Engine
    courier: Courier
    caller: Caller
    shopper: Shopper | None
    path: Mapping[str, str]
    body: Mapping[str, Any]
    language: str
    query: Mapping[str, str] = {}


class Invalid(msgspec.Struct, frozen=True):
    """A body with fields that are not valid, and the sentences about them."""

    fields: Fields


Handler: TypeAlias = Callable[[Request], Awaitable[dict[str, Any] | Refusal | Invalid]]


class Route(msgspec.Struct, frozen=True):
    """One row: method, path with {names}, who may call under which scope, handler, sentence.

    `fields` are the names that a body may have, `queries` those of a query; None does not look at
    the query. `paced_by` are those of them by whose value the
    route's pace is counted, where no token says whose it is.
    """

    method: str
    path: str
    who: Who
    scope: str
    handler: Handler
    sentence: str
    fields: tuple[str, ...] = ()
    paced_by: tuple[str, ...] = ()
    queries: tuple[str, ...] | None = None


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
