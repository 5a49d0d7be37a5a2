"""The session that a browser keeps, and the script that a theme's cart calls.

A shop's page hands the customer token over once, and the browser keeps it where no script can read
it. Source: contract, decisions, section 5.
"""

from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from nuqta import refusals
from nuqta.engine.access import sessions
from nuqta.ledger.instants import SECOND_US
from nuqta.storage.sqlite import Transaction
from nuqta.web.origins import COOKIE
from nuqta.web.replies import encode
from nuqta.web.routes import Outcome, Page, Paper, Request, Route

_JSON: Final = b"application/json"
_NO_STORE: Final = (b"cache-control", b"no-store")
_PATH: Final = "/api/v1"


async def keep(request: Request) -> Outcome:
    """The browser keeps the session of the token that it sent."""
    token = request.headers.get(b"x-customer-token", b"").decode("latin-1").strip()
    shopper = request.shopper
    if not token or shopper is None:
        return refusals.SESSION_MISSING
    seconds = (shopper.ends_at_latest - request.engine.clock.now()) // SECOND_US
    return _answer(request, f"{COOKIE}={token}; Max-Age={seconds}")


async def forget(request: Request) -> Outcome:
    """The session ends, and the browser forgets it."""
    shopper = request.shopper
    if shopper is None:
        return refusals.SESSION_MISSING

    def work(tx: Transaction) -> bool:
        return sessions.close_session(tx, shopper.dkey, shopper.digest)

    await request.engine.door.write("end a session", work)
    return _answer(request, f"{COOKIE}=; Max-Age=0")


async def script(request: Request) -> Outcome:
    """The script; a browser that knows it already is told so."""
    body, etag = _script()
    headers = (
        (b"etag", etag), (b"cache-control", b"public, max-age=300"),
        (b"access-control-allow-origin", b"*"),
        (b"cross-origin-resource-policy", b"cross-origin"),
    )  # fmt: skip
    if etag in request.headers.get(b"if-none-match", b""):
        return Page(304, b"", b"", headers)
    return Page(200, b"text/javascript; charset=utf-8", body, headers)


@lru_cache(maxsize=1)
def _script() -> tuple[bytes, bytes]:
    body = files("nuqta.api.storefront").joinpath("zid.js").read_bytes()
    return body, b'"%b"' % blake2b(body, digest_size=12).hexdigest().encode()


def _answer(request: Request, cookie: str) -> Page:
    secure = "; Secure" if request.engine.settings.cookie_secure else ""
    rules = f"; Path={_PATH}; HttpOnly{secure}; SameSite=Lax"
    headers = ((b"set-cookie", (cookie + rules).encode("latin-1")), _NO_STORE)
    return Page(200, _JSON, encode({"ok": True}), headers)


_JSON_PAPER: Final = Paper({200: "application/json"})

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", f"{_PATH}/auth/session", "storefront", "", keep,
          "The browser keeps the session of the token that it sends.", takes_more=True,
          answer=_JSON_PAPER, refusals=(refusals.ORIGIN_REFUSED,)),
    Route("DELETE", f"{_PATH}/auth/session", "storefront", "", forget,
          "The session ends, and the browser forgets it.", takes_more=True,
          answer=_JSON_PAPER, refusals=(refusals.ORIGIN_REFUSED,)),
    Route("GET", "/storefront/zid.js", "page", "", script,
          "The script by which a theme's cart calls the store's own loyalty calls.",
          takes_more=True, answer=Paper({200: "text/javascript", 304: ""})),
)  # fmt: skip
