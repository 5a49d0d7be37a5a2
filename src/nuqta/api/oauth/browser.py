"""What the pages of OAuth share: the request they are about, who is signed in, forms of our own.

The request travels in the page's own address and forms, and is looked at anew each time: there is
no address to return to but ours, and so none that somebody could put in its place.
"""

from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, Final
from urllib.parse import urlencode

from msgspec.structs import replace

from nuqta.engine.access import staff
from nuqta.engine.access.clients import REDIRECT_LENGTH_MAX
from nuqta.engine.access.oauth import Asked, House, Sent
from nuqta.engine.access.staff import Staff
from nuqta.refusals import Refusal
from nuqta.storage.sqlite import Transaction
from nuqta.texts import ARABIC, ENGLISH, english
from nuqta.web.fields import Field, read
from nuqta.web.pages import cookies, html
from nuqta.web.routes import Outcome, Page, Request

PATH: Final = "/oauth"
SESSION: Final = "nuqta_staff"
VISIT: Final = "nuqta_visit"
"""The cookie of whoever has not signed in: it ties the sign-in form to their browser."""
_VISIT_PREFIX: Final = "nqv"
_FORM_PREFIX: Final = "nqf"
_CLIENT_ID: Final = Field("client_id", "text", "The application's id.", "7001", True, 1, 16)
_REDIRECT: Final = Field(
    "redirect_uri", "text", "Where the answer goes: one of the application's own addresses, to the"
    " letter.", "https://app.example/callback", True, 1, REDIRECT_LENGTH_MAX,
)  # fmt: skip
_TYPE: Final = Field("response_type", "text", "`code`.", "code", False, 1, 40)
_STATE: Final = Field(
    "state", "text", "Comes back with the answer as it was sent.", "xyz", False, 1, 1_000
)
_CHALLENGE: Final = Field(
    "code_challenge", "text", "PKCE: what the code's verifier must match.",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", False, 43, 128,
)  # fmt: skip
_METHOD: Final = Field(
    "code_challenge_method", "text", "How: `S256`, or `plain`, which is meant where it is left"
    " out.", "S256", False, 1, 20,
)  # fmt: skip
LANGUAGE: Final = Field(
    "lang", "text", "`en` or `ar`: the page's language, before Accept-Language.", "en", False, 0, 20
)
REQUEST: Final = (_CLIENT_ID, _REDIRECT, _TYPE, _STATE, _CHALLENGE, _METHOD)
"""What an application's request holds; a scope is not asked for, and what else is sent is left."""
FORM: Final = Field("form", "text", "What the page had put into its form.", None, True, 1, 200)
BAD_REQUEST: Final = (
    english("This request is not valid"),
    english("The application that sent you here did not ask in the right way. Tell its maker."),
)
_OTHER_FORM: Final = (
    english("This page has expired"),
    english("Go back to the application and begin again."),
)


def in_language(request: Request) -> Request:
    """The request in the language that the page's address or form asks for, if it does."""
    asked = request.body.get("lang") or request.query.get("lang")
    return replace(request, language=asked) if asked in (ENGLISH, ARABIC) else request


def wanted(request: Request, given: Mapping[str, Any]) -> Sent | None:
    """The application's request, of a query or a form; None where it cannot be one. A parameter
    without a value is as good as none. Source: RFC 6749, section 3.1."""
    found, faults = read(REQUEST, filled(given), request.language)
    return None if faults else found


def filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent with a value."""
    return {name: value for name, value in given.items() if value != ""}


def address_of(sent: Sent, language: str) -> str:
    """Our own page about a request."""
    return f"{PATH}/authorize?{urlencode({**sent, 'lang': language})}"


def house(request: Request, tx: Transaction) -> House:
    """What a decision needs, in one transaction."""
    engine = request.engine
    return House(tx, engine.keyring, engine.settings, engine.clock.now())


def session(request: Request) -> str:
    """The session that the browser says it has."""
    return cookies.sent(request.headers, SESSION)


def signed_in(request: Request, tx: Transaction) -> Staff | None:
    """Whose browser it is."""
    engine = request.engine
    return staff.signed_in(tx, engine.keyring, session(request), engine.clock.now())


# -- forms -----------------------------------------------------------------------------------------
def form_for(request: Request, purpose: str, bound_to: str, sent: Sent) -> str:
    """What makes a form ours: it is good for one purpose, one session and one request."""
    values = [sent.get(field.name, "") for field in REQUEST]
    digest = request.engine.keyring.digest_of("form", purpose, bound_to, *values)
    return f"{_FORM_PREFIX}_{digest.hex()}"


def is_ours(request: Request, purpose: str, bound_to: str, sent: Sent) -> bool:
    """Whether the form that was sent is one that this browser had from us."""
    site = request.headers.get(b"sec-fetch-site", b"same-origin")
    form = request.body.get("form")
    if site not in (b"same-origin", b"none") or not isinstance(form, str) or not bound_to:
        return False
    good = form_for(request, purpose, bound_to, sent)
    return compare_digest(form.encode("utf-8", "surrogatepass"), good.encode())


# -- pages -----------------------------------------------------------------------------------------
def sign_in_page(
    request: Request, sent: Sent, asked: Asked | None, *, status: int = 200, trouble: str = "",
    email: str = "", headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Page:  # fmt: skip
    """The page on which an owner signs in, about a request or about none."""
    engine = request.engine
    visit = cookies.sent(request.headers, VISIT)
    if not visit.startswith(_VISIT_PREFIX) or not visit.isascii() or len(visit) > 100:
        visit = engine.keyring.mint(_VISIT_PREFIX)
    other = ENGLISH if request.language == ARABIC else ARABIC
    more = {"other_language": address_of(sent, other)} if sent else {}
    return html.page(
        request, "sign_in.html", status,
        headers=(cookies.setting(engine.settings, VISIT, visit, PATH), *headers),
        application=html.shown(asked.client.name) if asked else "",
        hidden={
            **sent,
            "form": form_for(request, "sign in", visit, sent),
            "lang": request.language,
        },
        email=email, trouble=trouble, **more,
    )  # fmt: skip


def notice(
    request: Request, status: int, texts: tuple[str, str],
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Page:  # fmt: skip
    """A page that only says something: a title and a sentence, in English."""
    title, text = texts
    return html.page(
        request, "notice.html", status, headers=headers,
        title=request.say(title), text=request.say(text),
    )  # fmt: skip


def refused(request: Request, refusal: Refusal) -> Page:
    """A refusal, for a person."""
    wait = ((b"retry-after", str(refusal.retry_after_s).encode()),) if refusal.retry_after_s else ()
    return notice(request, refusal.status, (refusal.name, refusal.text), wait)


def bad_request(request: Request) -> Page:
    """Nothing goes to an application that did not ask as it must, or is not known."""
    return notice(request, 400, BAD_REQUEST)


def other_form(request: Request) -> Page:
    """A form that is not ours, or no longer."""
    return notice(request, 403, _OTHER_FORM)


async def unreadable(request: Request, _: Refusal) -> Outcome:
    """A form that cannot be read."""
    return bad_request(in_language(request))
