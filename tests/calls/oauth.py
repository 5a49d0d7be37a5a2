"""Good calls: a store's owner lets an application in, and the application fetches its tokens.

Each call has an owner and an application of its own making; the owner is signed in without a
password where the call is not about it.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from nuqta.api.oauth.browser import REQUEST, SESSION, VISIT
from nuqta.engine.access import clients, oauth, partners, staff
from nuqta.engine.access.clients import Registered
from nuqta.engine.access.oauth import Answered, Back
from nuqta.engine.access.staff import Staff
from nuqta.engine.stores import Store
from nuqta.storage.sqlite import Transaction
from tests.calls.every import Call, Maker
from tests.http.server import House

REDIRECT: Final = "https://app.example/callback"
EMAIL: Final = "owner@shop.example"
PASSWORD: Final = "a long password"
VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE: Final = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
NO_PASSWORD: Final = "no hash"


class App(msgspec.Struct, frozen=True):
    """An application that asks to be let in."""

    client_id: str
    secret: str
    redirects: tuple[str, ...]

    @property
    def partner_id(self) -> int:
        """The partner that it is."""
        return int(self.client_id)

    def sent(self, **changes: str) -> dict[str, str]:
        """What it asks the owner's browser to bring; "" leaves a parameter out."""
        whole = {
            "client_id": self.client_id,
            "redirect_uri": self.redirects[0],
            "response_type": "code",
            "state": "xyz",
            **changes,
        }
        return {name: value for name, value in whole.items() if value}

    def asking(self, **changes: str) -> str:
        """The address to which it sends the owner's browser."""
        return f"/oauth/authorize?{urlencode(self.sent(**changes))}"

    def exchanging(self, code: str, **changes: str) -> dict[str, str]:
        """What it sends for a code."""
        whole = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "client_secret": self.secret,
            "code": code,
            "redirect_uri": self.redirects[0],
            **changes,
        }
        return {name: value for name, value in whole.items() if value}


def an_app(
    house: House,
    *scopes: str,
    name: str = "Points for all",
    redirects: tuple[str, ...] = (REDIRECT,),
) -> App:
    """A new application, installed nowhere."""
    engine, now = house.world.engine, house.world.time.wall

    def work(tx: Transaction) -> Registered:
        partner = partners.register(tx, name, now)
        made = clients.register(
            tx, engine.keyring, partner.partner_id, redirects, partners.checked_scopes(scopes),
            now, new_secret=False,
        )  # fmt: skip
        assert isinstance(made, Registered)
        return made

    made = engine.door.write_now("application", work)
    assert made.secret is not None
    return App(made.client.client_id, made.secret, redirects)


def an_owner(house: House, store: Store | None = None, email: str = EMAIL) -> Staff:
    """The owner of a store (Riyadh) with that address, made where there is none yet."""
    engine, chosen = house.world.engine, store or house.world.riyadh
    known = staff.by_email(engine.vault.reader(), email)
    if known is not None:
        return known
    made = engine.door.write_now(
        "owner",
        lambda tx: staff.create(tx, chosen.store_id, email, NO_PASSWORD, house.world.time.wall),
    )
    assert isinstance(made, Staff)
    return made


def with_password(house: House, store: Store | None = None, email: str = EMAIL) -> Staff:
    """An owner who can sign in with PASSWORD."""
    known, engine = an_owner(house, store, email), house.world.engine
    if known.password == NO_PASSWORD:
        hashed = engine.passwords.hash(PASSWORD)
        engine.door.write_now(
            "password",
            lambda tx: tx.rows_of(
                "UPDATE staff SET password = ? WHERE staff_id = ?", (hashed, known.staff_id)
            ),
        )
    return known


def a_session(house: House, owner: Staff) -> str:
    """A session of the owner's."""
    engine = house.world.engine
    token = engine.door.write_now(
        "session",
        lambda tx: staff.sign_in(tx, engine.keyring, engine.settings, owner, house.world.time.wall),
    )
    assert token is not None
    return token


def a_code(house: House, app: App, owner: Staff | None = None, **changes: str) -> str:
    """A code that the owner gave the application."""
    engine, whose = house.world.engine, owner or an_owner(house)
    outcome = engine.door.write_now(
        "code", lambda tx: oauth.allow(_house(house, tx), app.sent(**changes), whose)
    )
    assert isinstance(outcome, Back)
    (code,) = parse_qs(urlsplit(outcome.location).query)["code"]
    return code


def tokens(house: House, app: App, owner: Staff | None = None) -> dict[str, str]:
    """Tokens that the application has by OAuth."""
    sent = app.exchanging(a_code(house, app, owner))
    answered = house.world.engine.door.write_now(
        "tokens", lambda tx: oauth.token(_house(house, tx), sent)
    )
    assert isinstance(answered, Answered)
    assert answered.status == 200, answered.body
    return dict(answered.body)


def _house(house: House, tx: Transaction) -> oauth.House:
    engine = house.world.engine
    return oauth.House(tx, engine.keyring, engine.settings, house.world.time.wall)


def form(house: House, purpose: str, bound_to: str, sent: dict[str, str]) -> str:
    """What the page of that purpose has in its form."""
    values = [sent.get(field.name, "") for field in REQUEST]
    digest = house.world.engine.keyring.digest_of("form", purpose, bound_to, *values)
    return f"nqf_{digest.hex()}"


def _ask(house: House) -> Call:
    app = an_app(house)
    token = a_session(house, an_owner(house))
    return Call(app.asking(), None, {"Cookie": f"{SESSION}={token}"})


def _decide(house: House) -> Call:
    app = an_app(house)
    token = a_session(house, an_owner(house))
    sent = app.sent()
    purpose = f"consent {partners.checked_scopes(())}"
    body = {**sent, "decision": "allow", "form": form(house, purpose, token, sent)}
    return Call("/oauth/authorize", body, {"Cookie": f"{SESSION}={token}"})


def _sign_in(house: House) -> Call:
    with_password(house)
    sent, visit = an_app(house).sent(), house.world.engine.keyring.mint("nqv")
    body = {"email": EMAIL, "password": PASSWORD, **sent}
    body["form"] = form(house, "sign in", visit, sent)
    return Call("/oauth/sign-in", body, {"Cookie": f"{VISIT}={visit}"})


def _sign_out(house: House) -> Call:
    token = a_session(house, an_owner(house))
    body = {"form": form(house, "sign out", token, {})}
    return Call("/oauth/sign-out", body, {"Cookie": f"{SESSION}={token}"})


def _token(house: House) -> Call:
    app = an_app(house)
    return Call("/oauth/token", app.exchanging(a_code(house, app)))


def _revoke(house: House) -> Call:
    app = an_app(house)
    body = {
        "token": tokens(house, app)["access_token"],
        "client_id": app.client_id,
        "client_secret": app.secret,
    }
    return Call("/oauth/revoke", body)


CALLS: Final[dict[str, Maker]] = {
    "GET /oauth/authorize": _ask,
    "POST /oauth/authorize": _decide,
    "POST /oauth/sign-in": _sign_in,
    "POST /oauth/sign-out": _sign_out,
    "POST /oauth/token": _token,
    "POST /oauth/revoke": _revoke,
}
