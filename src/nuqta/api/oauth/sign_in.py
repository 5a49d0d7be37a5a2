"""Signing in and out, by forms of our own pages.

An unknown address, a disabled account and a wrong password have one answer and cost the same work.
"""

from typing import Final

from msgspec.structs import replace

from nuqta import refusals
from nuqta.api.oauth import browser
from nuqta.api.oauth.browser import FORM, LANGUAGE, REQUEST, SESSION, VISIT
from nuqta.engine.access import oauth, staff
from nuqta.engine.access.oauth import Asked, Sent
from nuqta.engine.access.passwords import LENGTH_MAX, TooBusy
from nuqta.engine.access.staff import Staff
from nuqta.loyalty.customers import EMAIL_LENGTH_MAX, canonical_email
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import english
from nuqta.web.fields import Field, read
from nuqta.web.guard import failed, take_back
from nuqta.web.pages import cookies, html
from nuqta.web.routes import Outcome, Page, Paper, Request, Route

_WRONG: Final = english("The e-mail address or the password is wrong.")
_OLD_PAGE: Final = english("The page had expired. Try again.")
_SIGNED_IN: Final = (english("Signed in"), english("You can close this page."))
_SIGNED_OUT: Final = (english("Signed out"), english("You can close this page."))
_EMAIL: Final = Field(
    "email", "text", "The owner's e-mail address.", "owner@shop.example", True, 1, EMAIL_LENGTH_MAX
)
_PASSWORD: Final = Field(
    "password", "text", "The owner's password.", "a long password", True, 1, LENGTH_MAX
)


async def sign_in(request: Request) -> Outcome:
    """An owner signs in, and goes on to the page from which they came. Each time there is a new
    session; a former one of this browser ends."""
    request = browser.in_language(request)
    sent = browser.wanted(request, request.body) or {}
    visit = cookies.sent(request.headers, VISIT)
    if not browser.is_ours(request, "sign in", visit, sent):
        return _again(request, sent, _OLD_PAGE, 403)
    known = await _whose(request)
    if isinstance(known, Refusal):
        return browser.refused(request, known)
    token = None
    if known is not None:
        token = await request.engine.door.write(
            "sign in", lambda tx: _signed_in(request, tx, known)
        )
    if token is None:
        return _again(request, sent, _WRONG, 422)
    cookie = (cookies.setting(request.engine.settings, SESSION, token, browser.PATH),)
    if not sent:
        return browser.notice(request, 200, _SIGNED_IN, cookie)
    return html.redirect(request, 303, browser.address_of(sent, request.language), cookie)


async def sign_out(request: Request) -> Outcome:
    """The session of this browser ends; about a request, somebody else can sign in."""
    request = browser.in_language(request)
    sent, token = browser.wanted(request, request.body) or {}, browser.session(request)
    if not browser.is_ours(request, "sign out", token, sent):
        return browser.other_form(request)
    engine = request.engine
    await engine.door.write("sign out", lambda tx: staff.sign_out(tx, engine.keyring, token))
    cookie = (cookies.setting(engine.settings, SESSION, "", browser.PATH),)
    if not sent:
        return browser.notice(request, 200, _SIGNED_OUT, cookie)
    return html.redirect(request, 303, browser.address_of(sent, request.language), cookie)


async def _whose(request: Request) -> Staff | Refusal | None:
    """Whose account it is, if the password is right; refused where it was tried too often, or too
    many passwords wait."""
    found, faults = read((_EMAIL, _PASSWORD), request.body, request.language)
    try:
        email = "" if faults else canonical_email(found["email"])
    except ValueError:
        email = ""
    if not email:  # nobody's, in any store
        return None
    # Counted before it is looked at: people's passwords can be guessed.
    wait_s = failed(request.paces, request.address)
    if wait_s:
        return replace(refusals.TOO_MANY_REQUESTS, retry_after_s=wait_s)
    known = await _checked(request, email, found["password"])
    if known is not None:
        take_back(request.paces, request.address)
    return known


async def _checked(request: Request, email: str, password: str) -> Staff | Refusal | None:
    engine = request.engine
    refusal = await engine.door.write(
        "sign-in try",
        lambda tx: staff.count_try(
            tx, engine.keyring, engine.settings, email, request.address, engine.clock.now()
        ),
    )
    if refusal is not None:
        return refusal
    known = staff.by_email(engine.vault.reader(), email)
    kept = known.password if known is not None and known.disabled_at is None else None
    try:
        is_right = await engine.passwords.is_right(kept, password)
    except TooBusy:
        return refusals.SERVICE_UNAVAILABLE
    return known if is_right else None


def _signed_in(request: Request, tx: Transaction, known: Staff) -> str | None:
    engine = request.engine
    staff.sign_out(tx, engine.keyring, browser.session(request))
    return staff.sign_in(tx, engine.keyring, engine.settings, known, engine.clock.now())


def _again(request: Request, sent: Sent, trouble: str, status: int) -> Page:
    asked = oauth.check(browser.house(request, request.engine.vault.reader()), sent)
    found, _ = read((_EMAIL,), request.body, request.language)
    return browser.sign_in_page(
        request, sent, asked if isinstance(asked, Asked) else None, status=status,
        trouble=request.say(trouble), email=found.get("email", ""),
    )  # fmt: skip


_HTML: Final = "text/html"
_ABOUT: Final = tuple(
    Field(one.name, one.kind, one.sentence, one.example, False, one.least, one.most)
    for one in REQUEST
)

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/oauth/sign-in", "page", "", sign_in,
          "A store's owner signs in, to answer an application.",
          (_EMAIL, _PASSWORD, *_ABOUT, FORM, LANGUAGE), takes_more=True,
          answer=Paper({200: _HTML, 303: "", 400: _HTML, 403: _HTML, 422: _HTML, 429: _HTML,
                        503: _HTML}),
          unreadable=browser.unreadable),
    Route("POST", "/oauth/sign-out", "page", "", sign_out,
          "The owner's session ends.", (*_ABOUT, FORM, LANGUAGE), takes_more=True,
          answer=Paper({200: _HTML, 303: "", 400: _HTML, 403: _HTML}),
          unreadable=browser.unreadable),
)  # fmt: skip
