"""OAuth 2.0, authorization code: oauthlib decides by the protocol, this file keeps and finds.

Every decision is made within one transaction, so that it and its record are one: a code is
exchanged once, whoever else exchanges it at the same instant in whatever process. Only digests of
codes and tokens are kept. A second use of a code or of a refresh token means that somebody else
has it: every token of that installation ends.
Source: contract, zid-loyalty, section 2; RFC 6749, 7009, 7636, 9700.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

import msgspec
from oauthlib.common import Request
from oauthlib.oauth2 import RequestValidator, WebApplicationServer
from oauthlib.oauth2.rfc6749.errors import AccessDeniedError, FatalClientError, OAuth2Error

from nuqta.engine.access import clients, partners
from nuqta.engine.access.clients import Client
from nuqta.engine.access.staff import Staff
from nuqta.engine.access.tokens import CODE, REFRESH, Keyring
from nuqta.engine.ids import new_id
from nuqta.ledger.instants import SECOND_US, Instant
from nuqta.settings import Settings
from nuqta.storage.sqlite import Transaction
from nuqta.storage.statements import statement

_PUT_CODE = statement("oauth.put_code")
_CODE = statement("oauth.code")
_USE_CODE = statement("oauth.use_code")
_PUT_REFRESH = statement("oauth.put_refresh")
_REFRESH = statement("oauth.refresh")
_USE_REFRESH = statement("oauth.use_refresh")
_SHORTEN = statement("oauth.shorten")
_GRANT_OF = statement("oauth.grant_of")
_END_TOKEN = statement("oauth.end_token")
_END_GRANT = statement("oauth.end_grant")
_END_GRANT_REFRESH = statement("oauth.end_grant_refresh")

LIFE_S: Final = partners.TOKEN_LIFE_US // SECOND_US
"""Seconds that tokens and refresh tokens live."""
_HERE: Final = "https://nuqta/oauth"
"""oauthlib wants an address of ours; nothing is read from it, and TLS is the proxy's affair."""

Sent: TypeAlias = Mapping[str, str]
"""Parameters of a request by name; those that nobody knows are left out before."""


class Asked(msgspec.Struct, frozen=True):
    """A good request to be let in: which application, and where the answer goes."""

    client: Client
    redirect_uri: str


class NoClient(msgspec.Struct, frozen=True):
    """The application or the address is not known: nothing may be sent to that address."""


class Back(msgspec.Struct, frozen=True):
    """The answer goes to the application, by the browser, at an address that it registered."""

    location: str


class Answered(msgspec.Struct, frozen=True):
    """What an application is answered: RFC 6749, sections 5.1 and 5.2."""

    status: int
    body: dict[str, Any]


class House(msgspec.Struct, frozen=True):
    """What every decision needs, as it stands in one transaction."""

    tx: Transaction
    keyring: Keyring
    settings: Settings
    now: Instant


# -- the browser's side ----------------------------------------------------------------------------
def check(house: House, sent: Sent) -> Asked | NoClient | Back:
    """Whether an application may ask what it asks. Changes nothing."""
    validator = Validator(house)
    try:
        _, found = _server(validator).validate_authorization_request(_asking(sent))
    except FatalClientError:
        return NoClient()
    except OAuth2Error as error:
        return Back(error.in_uri(sent["redirect_uri"]))
    return Asked(found["request"].client, found["redirect_uri"])


def allow(house: House, sent: Sent, staff: Staff) -> NoClient | Back:
    """The owner lets the application into their store: back with a code, which is kept."""
    server = _server(Validator(house))
    try:
        headers, _, _ = server.create_authorization_response(
            _asking(sent), credentials={"user": staff}
        )
    except FatalClientError:
        return NoClient()
    return Back(headers["Location"])


def deny(house: House, sent: Sent) -> NoClient | Back:
    """The owner does not let the application in: back with that."""
    asked = check(house, sent)
    if not isinstance(asked, Asked):
        return asked
    return Back(AccessDeniedError(state=sent.get("state")).in_uri(asked.redirect_uri))


# -- the application's side ------------------------------------------------------------------------
def token(house: House, sent: Sent, validator: type["Validator"] | None = None) -> Answered:
    """Exchange a code, or a refresh token, for tokens. `sent` has the client's id and secret.

    `validator` is for tests, which must see that theirs is noticed.
    """
    chosen = (validator or Validator)(house)
    _, body, status = _server(chosen).create_token_response(
        f"{_HERE}/token", "POST", urlencode(sent), {}
    )
    return Answered(status, json.loads(body))


def revoke(house: House, sent: Sent) -> Answered:
    """End a token of the client's, of whatever kind, and the others of its grant with it.

    A token that is nobody's or another client's is answered alike, and nothing happens.
    """
    _, body, status = _server(Validator(house)).create_revocation_response(
        f"{_HERE}/revoke", "POST", urlencode(sent), {}
    )
    return Answered(status, json.loads(body) if body else {})


def _asking(sent: Sent) -> str:
    return f"{_HERE}/authorize?{urlencode(sent)}"


def _server(validator: "Validator") -> WebApplicationServer:
    server = WebApplicationServer(
        validator,
        token_generator=validator.new_tokens,
        token_expires_in=LIFE_S,
        refresh_token_generator=validator.new_refresh_token,
    )
    server.response_types["code"].register_code_modifier(validator.new_code)
    return server


class _Grant(msgspec.Struct, frozen=True):
    """What a code or a refresh token that was found good gives."""

    store_id: int
    scopes: str
    grant_id: int
    challenge: str | None = None
    challenge_method: str | None = None


class Validator(RequestValidator):  # type: ignore[misc]  # oauthlib has no types
    """oauthlib's questions, answered by the database; one for each request.

    Each method's contract is RequestValidator's of the same name.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._grant: _Grant | None = None

    # -- who asks ---------------------------------------------------------------------------------
    def validate_client_id(self, client_id: str, request: Request, *_: Any, **__: Any) -> bool:
        request.client = clients.find(self._house.tx, client_id)
        return request.client is not None

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *_: Any, **__: Any
    ) -> bool:
        return redirect_uri in request.client.redirects

    def get_default_redirect_uri(
        self, client_id: str, request: Request, *_: Any, **__: Any
    ) -> None:
        """None: an application says where its answer goes, also where it has but one address."""

    def client_authentication_required(self, request: Request, *_: Any, **__: Any) -> bool:
        return True

    def authenticate_client(self, request: Request, *_: Any, **__: Any) -> bool:
        house = self._house
        request.client = clients.proved(
            house.tx, house.keyring, request.client_id or "", request.client_secret or ""
        )
        return request.client is not None

    def validate_response_type(
        self, client_id: str, response_type: str, client: Client, request: Request,
        *_: Any, **__: Any,
    ) -> bool:  # fmt: skip
        return response_type == "code"

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Client, request: Request,
        *_: Any, **__: Any,
    ) -> bool:  # fmt: skip
        return grant_type in ("authorization_code", "refresh_token")

    # -- scopes: an application's, never a request's ----------------------------------------------
    def get_default_scopes(self, client_id: str, request: Request, *_: Any, **__: Any) -> list[str]:
        return list(request.client.scopes.split())

    def validate_scopes(
        self, client_id: str, scopes: list[str], client: Client, request: Request,
        *_: Any, **__: Any,
    ) -> bool:  # fmt: skip
        return True  # a scope that was sent is left out before: it would change nothing

    def get_original_scopes(
        self, refresh_token: str, request: Request, *_: Any, **__: Any
    ) -> list[str]:
        return self._granted().scopes.split()

    # -- codes ------------------------------------------------------------------------------------
    def new_code(self, grant: dict[str, str], _: Any, request: Request) -> dict[str, str]:
        """The code that leaves: of our own kind, as long as every token."""
        return {**grant, "code": self._house.keyring.mint(CODE)}

    def save_authorization_code(
        self, client_id: str, code: dict[str, str], request: Request, *_: Any, **__: Any
    ) -> None:
        house, client, staff = self._house, request.client, request.user
        challenge = request.code_challenge or None
        house.tx.run(
            _PUT_CODE, digest=house.keyring.digest(code["code"]), partner_id=client.partner_id,
            store_id=staff.store_id, staff_id=staff.staff_id, redirect_uri=request.redirect_uri,
            scopes=client.scopes, challenge=challenge,
            challenge_method=challenge and request.code_challenge_method,
            created_at=house.now,
            ends_at=house.now + house.settings.oauth_code_seconds * SECOND_US,
        )  # fmt: skip

    def validate_code(
        self, client_id: str, code: str, client: Client, request: Request, *_: Any, **__: Any
    ) -> bool:
        house = self._house
        row = house.tx.row(_CODE, digest=house.keyring.digest(code), partner_id=client.partner_id)
        if row is None:
            return False
        store_id, redirect_uri, scopes, challenge, method, ends_at, used_at, disabled_at = row
        if used_at is not None:
            partners.end_tokens(house.tx, client.partner_id, store_id)
            return False
        is_foreign = request.redirect_uri != redirect_uri
        # A verifier without a challenge: somebody took the challenge out of the request.
        is_stripped = challenge is None and request.code_verifier is not None
        if ends_at <= house.now or disabled_at is not None or is_foreign or is_stripped:
            return False
        self._grant = _Grant(store_id, scopes, new_id(), challenge, method)
        request.scopes = scopes.split()
        return True

    def confirm_redirect_uri(
        self, client_id: str, code: str, redirect_uri: str, client: Client, request: Request,
        *_: Any, **__: Any,
    ) -> bool:  # fmt: skip
        return True  # `validate_code` has compared it: RFC 6749 calls another one invalid_grant

    def is_pkce_required(self, client_id: str, request: Request) -> bool:
        return False

    def get_code_challenge(self, code: str, request: Request) -> str | None:
        return self._granted().challenge

    def get_code_challenge_method(self, code: str, request: Request) -> str | None:
        return self._granted().challenge_method

    def invalidate_authorization_code(
        self, client_id: str, code: str, request: Request, *_: Any, **__: Any
    ) -> None:
        house = self._house
        house.tx.run(_USE_CODE, digest=house.keyring.digest(code), now=house.now)

    # -- refresh tokens ---------------------------------------------------------------------------
    def validate_refresh_token(
        self, refresh_token: str, client: Client, request: Request, *_: Any, **__: Any
    ) -> bool:
        house = self._house
        row = house.tx.row(
            _REFRESH, digest=house.keyring.digest(refresh_token), partner_id=client.partner_id
        )
        if row is None:
            return False
        store_id, grant_id, ends_at, used_at, scopes = row
        if used_at is not None:
            partners.end_tokens(house.tx, client.partner_id, store_id)
            return False
        if ends_at <= house.now:
            return False
        self._grant = _Grant(store_id, scopes, grant_id)
        return True

    def rotate_refresh_token(self, request: Request) -> bool:
        return True

    # -- tokens -----------------------------------------------------------------------------------
    def new_tokens(self, request: Request) -> str:
        """The pair of tokens; where they are refreshed, the former pair serves a little longer."""
        house, grant, partner_id = self._house, self._granted(), request.client.partner_id
        house.tx.run(
            _SHORTEN, store_id=grant.store_id, partner_id=partner_id, grant_id=grant.grant_id,
            ends_at=house.now + house.settings.oauth_overlap_seconds * SECOND_US,
        )  # fmt: skip
        made = partners.issue(
            house.tx, house.keyring, partner_id, grant.store_id, grant.scopes, house.now,
            grant.grant_id,
        )  # fmt: skip
        request.extra_credentials = {
            "authorization": made.authorization, "Authorization": made.authorization,
        }  # fmt: skip
        return made.access_token

    def new_refresh_token(self, request: Request) -> str:
        """What gives the next pair, in place of the one that gave this."""
        house, grant, made = self._house, self._granted(), self._house.keyring.mint(REFRESH)
        if request.refresh_token:
            house.tx.run(
                _USE_REFRESH, digest=house.keyring.digest(request.refresh_token), now=house.now
            )
        house.tx.run(
            _PUT_REFRESH, digest=house.keyring.digest(made),
            partner_id=request.client.partner_id, store_id=grant.store_id,
            grant_id=grant.grant_id, created_at=house.now,
            ends_at=house.now + partners.TOKEN_LIFE_US,
        )  # fmt: skip
        return made

    def save_bearer_token(
        self, token: dict[str, Any], request: Request, *_: Any, **__: Any
    ) -> None:
        """All of it was kept as it was made."""

    def revoke_token(
        self, token: str, token_type_hint: str | None, request: Request, *_: Any, **__: Any
    ) -> None:
        house, partner_id = self._house, request.client.partner_id
        digest = house.keyring.digest(token)
        row = house.tx.row(_GRANT_OF, digest=digest, partner_id=partner_id)
        if row is None:
            return
        store_id, grant_id = row
        named = {"store_id": store_id, "partner_id": partner_id}
        if grant_id is None:
            house.tx.run(_END_TOKEN, digest=digest, **named)
            return
        house.tx.run(_END_GRANT, grant_id=grant_id, **named)
        house.tx.run(_END_GRANT_REFRESH, grant_id=grant_id, **named)

    def _granted(self) -> _Grant:
        if self._grant is None:
            raise LookupError("asked for a grant before one was found good")
        return self._grant
