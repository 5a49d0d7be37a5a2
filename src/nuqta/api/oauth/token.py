"""An application's own calls: its code for tokens, its refresh token for the next, and their end.

They answer in OAuth's own words (RFC 6749, section 5; RFC 7009) and not in the contract's
envelopes: a client's library reads these. What errors say is English: the standard allows ASCII
alone. Source: contract, zid-loyalty, section 2.
"""

from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import unquote_plus

import msgspec

from nuqta.api.oauth import browser
from nuqta.engine.access import clients, oauth
from nuqta.engine.access.clients import REDIRECT_LENGTH_MAX
from nuqta.engine.access.credentials import pair_in
from nuqta.engine.access.oauth import Answered, House, Sent
from nuqta.refusals import Refusal
from nuqta.web.fields import Field, read
from nuqta.web.guard import failed
from nuqta.web.replies import JSON, NO_STORE, encode
from nuqta.web.routes import Outcome, Page, Paper, Request, Route


class Tokens(msgspec.Struct, frozen=True, rename={"authorization_too": "Authorization"}):
    """What an application calls with: `access_token` is its manager token, `authorization` (twice,
    as Zid's documents spell it in two ways) its own."""

    access_token: str
    authorization: str
    authorization_too: str
    refresh_token: str
    expires_in: int
    token_type: Literal["Bearer"]
    scope: str


class Problem(msgspec.Struct, frozen=True):
    """Why there are no tokens."""

    error: str
    error_description: str


_SAID: Final = {
    "invalid_request": "A parameter is missing, stands twice, or cannot be understood.",
    "invalid_client": "The client id or the client secret is wrong.",
    "invalid_grant": "The code or refresh token is wrong, has ended, was used before, or was given"
    " for something else.",
    "temporarily_unavailable": "Too many wrong secrets and tokens came from this address; wait.",
    "unsupported_grant_type": "grant_type is authorization_code or refresh_token.",
}
_PRAGMA: Final = (b"pragma", b"no-cache")
_CHALLENGE: Final = (b"www-authenticate", b'Basic realm="oauth", charset="UTF-8"')


async def token(request: Request) -> Outcome:
    """A code, or a refresh token, for a pair of tokens and the next refresh token. Either serves
    once: a second use ends every token of that installation."""
    return await _asked(request, TOKEN, oauth.token)


async def revoke(request: Request) -> Outcome:
    """A token of the application's ends, with those that came with it. A token that is not its own
    is answered alike."""
    return await _asked(request, REVOKE, oauth.revoke)


async def unreadable(request: Request, _: Refusal) -> Outcome:
    """A body that cannot be read."""
    return _problem("invalid_request")


async def _asked(
    request: Request, fields: tuple[Field, ...], work: Callable[[House, Sent], Answered]
) -> Page:
    found, faults = read(fields, browser.filled(request.body), request.language)
    if faults:
        return _problem("invalid_request")
    sent = _with_credentials(request, found)
    if sent is None:
        return _problem("invalid_request")
    engine = request.engine
    client = clients.proved(
        engine.vault.reader(), engine.keyring, sent["client_id"], sent["client_secret"]
    )
    if client is None:  # whoever cannot prove who they are does not come to the door
        return _failed(request, "invalid_client")
    answered = await engine.door.write("oauth", lambda tx: work(browser.house(request, tx), sent))
    if answered.status != 200:
        return _failed(request, answered.body["error"])
    if not answered.body:
        return _page(200, b"{}")
    return _page(200, encode(msgspec.convert(answered.body, Tokens)))


def _with_credentials(request: Request, found: dict[str, str]) -> Sent | None:
    """What was sent with the client's id and secret, of the body or of a Basic header; None for
    both at once. What is missing is as good as wrong. Source: RFC 6749, section 2.3.1."""
    header = request.headers.get(b"authorization")
    if header is None:
        return {"client_id": "", "client_secret": "", **found}
    pair = _pair(header)
    if "client_secret" in found or found.get("client_id", pair[0]) != pair[0]:
        return None
    return {**found, "client_id": pair[0], "client_secret": pair[1]}


def _pair(header: bytes) -> tuple[str, str]:
    """The id and secret in a Basic header, each encoded as in a form; ("", "") where it is none.
    Source: RFC 6749, section 2.3.1."""
    client_id, secret = pair_in(header)
    return unquote_plus(client_id), unquote_plus(secret)


def _failed(request: Request, error: str) -> Page:
    """A problem; a secret, a code or a refresh token that is wrong costs the caller's address a
    try, and past the limit of tries it is told no more than to wait."""
    is_wrong = error in ("invalid_client", "invalid_grant")
    wait_s = failed(request.paces, request.address) if is_wrong else 0
    if not wait_s:
        return _problem(error)
    body = encode(Problem("temporarily_unavailable", _SAID["temporarily_unavailable"]))
    return _page(429, body, (b"retry-after", b"%d" % wait_s))


def _problem(error: str) -> Page:
    body = encode(Problem(error, _SAID.get(error, "The request was refused.")))
    return _page(401, body, _CHALLENGE) if error == "invalid_client" else _page(400, body)


def _page(status: int, body: bytes, *more: tuple[bytes, bytes]) -> Page:
    return Page(status, JSON[1], body, (NO_STORE, _PRAGMA, *more))


_ID: Final = Field("client_id", "text", "The application's id.", "7001", False, 1, 16)
_SECRET: Final = Field(
    "client_secret", "text", "Its secret; or both in a Basic Authorization header.", None, False,
    1, 200,
)  # fmt: skip
TOKEN: Final = (
    Field("grant_type", "text", "`authorization_code` or `refresh_token`.", "authorization_code",
          True, 1, 100),
    _ID,
    _SECRET,
    Field("code", "text", "The code that came with the owner.", None, False, 1, 200),
    Field("redirect_uri", "text", "The same address as with the request.",
          "https://app.example/callback", False, 1, REDIRECT_LENGTH_MAX),
    Field("code_verifier", "text", "PKCE: what the challenge was made from.", None, False, 1, 200),
    Field("refresh_token", "text", "The refresh token, to have new ones.", None, False, 1, 200),
)  # fmt: skip
REVOKE: Final = (
    Field("token", "text", "The token that ends, of any kind.", None, True, 1, 200),
    Field("token_type_hint", "text", "Its kind; nothing depends on it.", "access_token", False,
          1, 100),
    _ID,
    _SECRET,
)  # fmt: skip
_KINDS: Final = {
    200: "application/json",
    400: "application/json",
    401: "application/json",
    429: "application/json",
}

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/oauth/token", "page", "", token,
          "An application's code or refresh token for tokens.", TOKEN, takes_more=True,
          answer=Paper(_KINDS), unreadable=unreadable),
    Route("POST", "/oauth/revoke", "page", "", revoke,
          "A token of an application's ends.", REVOKE, takes_more=True,
          answer=Paper(_KINDS), unreadable=unreadable),
)  # fmt: skip
