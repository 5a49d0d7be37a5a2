"""The consent page: an application asks, the store's owner answers.

What goes back to the application goes only to an address that it registered, to the letter; all
else is answered with a page. Source: contract, zid-loyalty, section 2; RFC 6749, section 4.1.
"""

from typing import Final
from urllib.parse import urlsplit

from nuqta.api.oauth import browser
from nuqta.api.oauth.browser import FORM, LANGUAGE, REQUEST
from nuqta.engine import stores
from nuqta.engine.access import oauth
from nuqta.engine.access.oauth import Asked, Back, NoClient, Sent
from nuqta.engine.access.staff import Staff
from nuqta.storage.sqlite import Transaction
from nuqta.texts import ARABIC, ENGLISH, english
from nuqta.web.fields import Field
from nuqta.web.pages import html
from nuqta.web.routes import Outcome, Page, Paper, Request, Route

SCOPES: Final = {
    "loyalty_program.read": english("See the loyalty program, its rules and customers' points"),
    "loyalty_program.read_write": english(
        "See and change the loyalty program, its rules and customers' points"
    ),
    "customers.read": english("See customers: names, e-mail addresses and mobile numbers"),
    "customers.read_write": english("See and change customers and their details"),
    "customers.login": english("Sign customers in to your store"),
    "orders.read": english("See orders"),
    "orders.read_write": english("See orders, and tell of new ones, which earn and take points"),
    "webhooks.read_write": english("See and set where your store's events are sent"),
}
"""Each scope in words."""


async def ask(request: Request) -> Outcome:
    """An application sends a store's owner here. Whoever is not signed in signs in first."""
    request = browser.in_language(request)
    sent = browser.wanted(request, request.query)
    if sent is None:
        return browser.bad_request(request)
    return _page(request, sent)


async def decide(request: Request) -> Outcome:
    """The owner's answer, from the consent page's own form: back to the application with a code,
    or with `access_denied`."""
    request = browser.in_language(request)
    sent = browser.wanted(request, request.body)
    if sent is None or request.body.get("decision") not in ("allow", "deny"):
        return browser.bad_request(request)
    outcome = await request.engine.door.write(
        "oauth consent", lambda tx: _decided(request, tx, sent)
    )
    if isinstance(outcome, Back):
        return html.redirect(request, 303, outcome.location)
    if isinstance(outcome, NoClient):
        return browser.bad_request(request)
    return browser.other_form(request) if outcome else _page(request, sent)


def _decided(request: Request, tx: Transaction, sent: Sent) -> Back | NoClient | bool:
    """What the owner decided, where the form is theirs: else whether anybody is signed in at all.

    The store is the owner's: it comes from the session and from nowhere else.
    """
    house, owner = browser.house(request, tx), browser.signed_in(request, tx)
    if owner is None:
        return False
    asked = oauth.check(house, sent)
    if not isinstance(asked, Asked):
        return asked
    if not browser.is_ours(request, _purpose(asked), browser.session(request), sent):
        return True
    if request.body["decision"] == "deny":
        return oauth.deny(house, sent)
    return oauth.allow(house, sent, owner)


def _page(request: Request, sent: Sent) -> Page:
    """What whoever comes with a request is shown."""
    with request.engine.vault.snapshot() as tx:
        asked = oauth.check(browser.house(request, tx), sent)
        owner = browser.signed_in(request, tx)
        store = stores.known(tx, owner.store_id).name if owner else ""
    if isinstance(asked, NoClient):
        return browser.bad_request(request)
    if isinstance(asked, Back):
        return html.redirect(request, 302, asked.location)
    if owner is None:
        return browser.sign_in_page(request, sent, asked)
    return _consent(request, sent, asked, owner, store)


def _consent(request: Request, sent: Sent, asked: Asked, owner: Staff, store: str) -> Page:
    session, target = browser.session(request), urlsplit(asked.redirect_uri)
    other = ENGLISH if request.language == ARABIC else ARABIC

    def form(purpose: str) -> dict[str, str]:
        made = browser.form_for(request, purpose, session, sent)
        return {**sent, "form": made, "lang": request.language}

    return html.page(
        request, "consent.html",
        # Browsers ask form-action of the redirects after a form too, and where an application's
        # own page leads on to is not known here: so any https address, and no other scheme.
        forms_to="'self' https: http:" if target.scheme == "http" else "'self' https:",
        application=html.shown(asked.client.name),
        store=html.shown(store),
        email=html.shown(owner.email),
        address=html.shown(target.netloc),
        scopes=[request.say(SCOPES[name]) for name in _told(asked.client.scopes.split())],
        hidden=form(_purpose(asked)),
        sign_out=form("sign out"),
        other_language=browser.address_of(sent, other),
    )  # fmt: skip


def _told(scopes: list[str]) -> list[str]:
    """The scopes that say something: whoever may change may see, and is told once."""
    return [name for name in scopes if f"{name}_write" not in scopes]


def _purpose(asked: Asked) -> str:
    """A form is good for what was shown: with other scopes, it is another form."""
    return f"consent {asked.client.scopes}"


_HTML: Final = "text/html"
_DECISION: Final = Field(
    "decision", "text", "What the owner decided.", "allow", True, choices=("allow", "deny")
)

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/oauth/authorize", "page", "", ask,
          "The page on which a store's owner lets an application in.",
          queries=(*REQUEST, LANGUAGE), takes_more=True,
          answer=Paper({200: _HTML, 302: "", 400: _HTML}), unreadable=browser.unreadable),
    Route("POST", "/oauth/authorize", "page", "", decide,
          "The owner's answer, which takes them back to the application.",
          (*REQUEST, _DECISION, FORM, LANGUAGE), takes_more=True,
          answer=Paper({200: _HTML, 302: "", 303: "", 400: _HTML, 403: _HTML}),
          unreadable=browser.unreadable),
)  # fmt: skip
