"""Outcomes: which refusals a route can give, and which headers its answers carry. Pure.

What every route of a kind may answer follows from who may call it; the rest stands in its row.
"""

from collections import defaultdict
from typing import Any, Final

from nuqta import refusals
from nuqta.api import points
from nuqta.refusals import Refusal
from nuqta.web.routes import Route, Who

_WIRE: Final = (
    refusals.BAD_REQUEST, refusals.NOT_FOUND, refusals.METHOD_NOT_ALLOWED,
    refusals.REQUEST_TIMEOUT, refusals.HEADERS_TOO_LARGE, refusals.SERVER_ERROR,
    refusals.SERVICE_UNAVAILABLE,
)  # fmt: skip
"""What any address may answer."""
_BODY: Final = (refusals.BODY_TOO_LARGE, refusals.UNSUPPORTED_BODY, refusals.VALIDATION)
EVERYWHERE: Final = (*_WIRE, *_BODY, refusals.NOT_ACCEPTABLE, refusals.KEY_CONFLICT)
"""What tells nothing of a single route."""
_APPLICATION: Final = (
    refusals.AUTHORIZATION_MISSING, refusals.AUTHORIZATION_INVALID, refusals.STORE_NOT_FOUND,
    refusals.FORBIDDEN,
)  # fmt: skip
_SESSION: Final = (
    refusals.SESSION_MISSING, refusals.SESSION_INVALID, refusals.SESSION_EXPIRED,
)  # fmt: skip
_PACE: Final = (refusals.TOO_MANY_REQUESTS,)
_BY_WHO: Final[dict[Who, tuple[Refusal, ...]]] = {
    "manager": (*_APPLICATION, *_SESSION, *_PACE),
    "partner": (*_APPLICATION, *_PACE),
    "shopper": (*_APPLICATION, *_SESSION, *_PACE),
    "source": (refusals.AUTHORIZATION_MISSING, refusals.AUTHORIZATION_INVALID, *_PACE),
    "public": (refusals.STORE_NOT_FOUND, *_PACE),
    "storefront": (refusals.STORE_NOT_FOUND, *_SESSION, *_PACE),
    "page": (),
}


def refused(route: Route) -> dict[int, list[Refusal]]:
    """Every refusal that the route can give, by status."""
    rows = [*_WIRE, *_BY_WHO[route.who], *route.refusals]
    if route.who != "page":
        rows.append(refusals.NOT_ACCEPTABLE)
    if route.path != points.PATH:  # the balance reads no body
        rows += _BODY
    if route.is_write:
        rows.append(refusals.KEY_CONFLICT)
    found: defaultdict[int, list[Refusal]] = defaultdict(list)
    for row in refusals.ALL:
        if row in rows:
            found[row.status].append(row)
    return dict(sorted(found.items()))


def own(route: Route) -> list[Refusal]:
    """The refusals that tell something of this route: not those of every address."""
    everywhere = set(EVERYWHERE) - set(route.refusals)
    return [row for rows in refused(route).values() for row in rows if row not in everywhere]


HEADERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "X-Request-Id": ("The caller's request id, or a new one.", {"type": "string"}),
    "Content-Language": ("The language of the texts.", {"enum": ["en", "ar"]}),
    "Vary": ("Accept-Language: the texts differ by it.", {"type": "string"}),
    "X-Content-Type-Options": (
        "nosniff: it is what Content-Type says, whatever it looks like.", {"enum": ["nosniff"]},
    ),
    "Cache-Control": ("Whether the answer may be kept.", {"type": "string"}),
    "ETag": ("Strong; it differs whenever the body does.", {"type": "string"}),
    "Idempotent-Replayed": (
        "true where the answer was given before, under the same Idempotency-Key.",
        {"enum": ["true"]},
    ),
    "Retry-After": ("After how many seconds to try again.", {"type": "string"}),
    "WWW-Authenticate": ("Which credential is asked for.", {"type": "string"}),
    "Allow": ("The methods that the address takes.", {"type": "string"}),
    "RateLimit-Policy": ("The quota: q requests in w seconds.", {"type": "string"}),
    "RateLimit": ("What is left: r requests, all of them again in t seconds.", {"type": "string"}),
    "RateLimit-Limit": ("The quota, as older clients read it.", {"type": "string"}),
    "RateLimit-Remaining": ("What is left of it.", {"type": "string"}),
    "RateLimit-Reset": ("In how many seconds it is whole again.", {"type": "string"}),
}  # fmt: skip
"""Every header that an answer may carry beside the wire's own: what it says, and its schema."""
_ALWAYS: Final = ("X-Request-Id", "Content-Language", "Vary", "X-Content-Type-Options")
_RATE: Final = tuple(name for name in HEADERS if name.startswith("RateLimit"))


def headers(route: Route, status: int) -> list[str]:
    """The names of the headers that an answer of that status may carry."""
    found = list(_ALWAYS)
    # Of the others only what fails is counted, and tells no caller where it stands.
    is_paced = route.who not in ("partner", "page") or bool(route.paced_by)
    if status < 400 and route.path == points.PATH:
        found += ["ETag", "Cache-Control"]
    elif status != 304:
        found.append("Cache-Control")
    if status == 200 and route.is_write and route.who != "page":
        found.append("Idempotent-Replayed")
    found += {401: ["WWW-Authenticate"], 405: ["Allow"]}.get(status, [])
    if status in (429, 503):
        found.append("Retry-After")
    # A manager is counted once known; a shopper before the session is looked at.
    uncounted = (405,) if route.who in ("shopper", "storefront") else (401, 405)
    return [*found, *_RATE] if is_paced and status not in uncounted else found


def is_certain(name: str) -> bool:
    """Whether a header is on every JSON answer."""
    return name in _ALWAYS
