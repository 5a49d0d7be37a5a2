"""Origins: which store a browser is at, whether a page of that store asks, and what CORS says.

A store is found by the `Host` that the browser asked for; a database with a single store serves it
at any. A cookie comes along whoever made the browser ask, so what writes by cookie must be asked
for by a page of the store. Source: contract, decisions, section 5.
"""

from collections.abc import Mapping
from typing import Final

from nuqta.engine import stores
from nuqta.engine.stores import Store
from nuqta.storage.sqlite import Transaction

COOKIE: Final = "nuqta_session"
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
_NO_TOKEN: Final = "\x00"  # stands for a cookie that was sent twice: no token is like it
_ALLOWED_HEADERS: Final = (
    b"Content-Type, Accept-Language, X-CUSTOMER-TOKEN, CART-SESSION-ID, Idempotency-Key,"
    b" X-Request-Id"
)
_EXPOSED: Final = (
    b"X-Request-Id, Content-Language, Retry-After, Idempotent-Replayed, RateLimit,"
    b" RateLimit-Policy, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
)

Pairs = list[tuple[bytes, bytes]]


def store_at(tx: Transaction, headers: Mapping[bytes, bytes]) -> Store | None:
    """The store that is reached by the request's Host; None where none is."""
    return stores.at_domain(tx, _host(headers.get(b"host", b"")))


def session_cookie(headers: Mapping[bytes, bytes]) -> str | None:
    """The customer token that the browser keeps; None for none.

    A shop's pages keep cookies of every kind, so what others hold is not looked at. Of two
    different ones none is believed: a page of a neighbouring domain may have planted one.
    """
    pairs = (one.partition("=") for one in headers.get(b"cookie", b"").decode("latin-1").split(";"))
    found = {value.strip() for name, _, value in pairs if name.strip() == COOKIE} - {""}
    return _NO_TOKEN if len(found) > 1 else next(iter(found), None)


def is_own_page(tx: Transaction, store: Store, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a page of the store made the browser ask; without any sign of it, no."""
    if b"origin" in headers:
        return is_own_origin(tx, store, headers)
    return headers.get(b"sec-fetch-site") == b"same-origin"


def is_own_origin(tx: Transaction, store: Store, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the Origin is one of the store's domains, by https.

    A page on the browser's own machine counts only where the server was reached there as well:
    that is a theme in the making, and anywhere else it is some other program of the shopper's.
    """
    scheme, _, rest = headers.get(b"origin", b"").decode("latin-1").partition("://")
    host = _host(rest.encode("latin-1"))
    if host in _LOCAL:
        return scheme in ("http", "https") and _host(headers.get(b"host", b"")) in _LOCAL
    return scheme == "https" and rest == host and stores.is_at(tx, store.store_id, host)


def cors(tx: Transaction, store: Store, headers: Mapping[bytes, bytes]) -> Pairs:
    """What lets a page of the store's other domains read the answer; for all others nothing."""
    origin = headers.get(b"origin")
    varies = [(b"vary", b"Origin")]
    if origin is None or not is_own_origin(tx, store, headers):
        return varies
    return [
        *varies,
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", _EXPOSED),
    ]


def preflight(allow: str) -> Pairs:
    """What a browser asks before it asks: methods and headers, for ten minutes."""
    return [
        (b"access-control-allow-methods", allow.encode()),
        (b"access-control-allow-headers", _ALLOWED_HEADERS),
        (b"access-control-max-age", b"600"),
    ]


def _host(value: bytes) -> str:
    """A Host without its port and without the dot of the root."""
    host = value.decode("latin-1").strip().lower()
    name, colon, port = host.rpartition(":")
    if colon and port.isdecimal():
        host = name
    return host.removesuffix(".")
