"""The pages: whose form it is, whose store, and that what they show is text and never markup.

Source: RFC 9700, sections 4.16 and 2.1; RFC 6749, sections 10.12 and 10.13.
"""

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from nuqta.engine.access import partners, staff
from tests.calls.oauth import (
    EMAIL,
    PASSWORD,
    App,
    a_session,
    an_app,
    an_owner,
    with_password,
)
from tests.contract.oauth.browser import Browser, Forms, back, exchange, profile
from tests.http.server import Answer, House
from tests.http.test_access import watching

SESSION = "nuqta_staff"
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def visitor(house: House, *, kuwait: bool = False) -> Browser:
    """A browser in which an owner is signed in."""
    world, browser = house.world, Browser(house)
    owner = an_owner(house, world.kuwait, "kuwait@shop.example") if kuwait else an_owner(house)
    browser.cookies[SESSION] = a_session(house, owner)
    return browser


def fields(browser: Browser, app: App, **changes: str) -> dict[str, str]:
    """The consent page's form, as its owner would send it."""
    page = browser.get(app.asking(**changes))
    return {**Forms(page).forms["/oauth/authorize"], "decision": "allow"}


def gives_nothing(house: House, answer: Answer, status: int = 403) -> bool:
    """Whether the answer is a page that let nobody in."""
    assert answer.status == status, answer.body
    assert "location" not in answer.names
    assert b"nqg_" not in answer.body
    return True


# -- forms that are not theirs ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["", "x", "nqf_" + "0" * 64, "\u0661"])
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_a_form_that_is_not_ours(house: House, form: str, decision: str) -> None:
    browser, app = visitor(house), an_app(house)
    values = {**fields(browser, app), "form": form, "decision": decision}
    with watching(house) as commits:
        assert gives_nothing(house, browser.post("/oauth/authorize", values))
        values.pop("form")
        assert gives_nothing(house, browser.post("/oauth/authorize", values))
        assert commits() == 0


def test_another_session_s_form_is_not_theirs(house: House) -> None:
    """A thief fetches the page as themselves and has the owner's browser send it."""
    owner, app = visitor(house), an_app(house)
    for thief in (visitor(house, kuwait=True), visitor(house)):
        assert gives_nothing(house, owner.post("/oauth/authorize", fields(thief, app)))


def test_another_request_s_form_is_not_this_one_s(house: House) -> None:
    browser, app, other = visitor(house), an_app(house), an_app(house, name="Other")
    values = fields(browser, app)
    for changes in (
        {"client_id": other.client_id}, {"state": "other"}, {"code_challenge": "x" * 43},
    ):  # fmt: skip
        assert gives_nothing(house, browser.post("/oauth/authorize", {**values, **changes}))


def test_a_form_for_signing_out_does_not_let_in(house: House) -> None:
    browser, app = visitor(house), an_app(house)
    page = Forms(browser.get(app.asking()))
    values = {**page.forms["/oauth/sign-out"], "decision": "allow"}
    assert gives_nothing(house, browser.post("/oauth/authorize", values))
    values = page.forms["/oauth/authorize"]
    assert gives_nothing(house, browser.post("/oauth/sign-out", values))


def test_what_was_shown_is_what_is_allowed(alone: House) -> None:
    """The application asks for more after the owner looked."""
    world, browser, app = alone.world, visitor(alone), an_app(alone, "customers.read")
    values = fields(browser, app)
    world.engine.door.write_now(
        "more",
        lambda tx: tx.rows_of(
            "UPDATE oauth_clients SET scopes = ? WHERE partner_id = ?",
            (partners.checked_scopes(()), app.partner_id),
        ),
    )
    assert gives_nothing(alone, browser.post("/oauth/authorize", values))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/oauth/authorize", "/oauth/sign-in", "/oauth/sign-out"])
def test_another_site_s_page_sends_no_form(house: House, site: str, path: str) -> None:
    with_password(house)
    browser = Browser(house) if path == "/oauth/sign-in" else visitor(house)
    page = Forms(browser.get(an_app(house).asking()))
    values = {**page.forms[path], "decision": "allow", "email": EMAIL, "password": PASSWORD}
    answer = browser.post(path, values, {"Sec-Fetch-Site": site})
    assert gives_nothing(house, answer)
    assert browser.post(path, values, {"Sec-Fetch-Site": "same-origin"}).status == 303


def test_a_sign_in_form_is_of_one_browser(house: House) -> None:
    """Else a thief could sign the owner in as themselves, and have them let an application in."""
    with_password(house)
    page = Browser(house).get(an_app(house).asking())
    other = Browser(house)
    assert other.sign_in(page).status == 403
    assert SESSION not in other.cookies
    other.get(an_app(house).asking())
    assert other.sign_in(page).status == 403


def test_who_is_not_signed_in_decides_nothing(house: House) -> None:
    browser, app = visitor(house), an_app(house)
    values = fields(browser, app)
    del browser.cookies[SESSION]
    answer = browser.post("/oauth/authorize", values)
    assert "/oauth/sign-in" in Forms(answer).forms
    assert b"nqg_" not in answer.body
    for token in ("x", "nqs_00000000_" + "0" * 64, house.world.login(house.world.aisha)):
        browser.cookies[SESSION] = token
        assert "/oauth/sign-in" in Forms(browser.post("/oauth/authorize", values)).forms


def test_two_cookies_of_one_name_are_none(house: House) -> None:
    browser = visitor(house)
    browser.cookies["a"] = f"1; {SESSION}=planted"
    assert "/oauth/sign-in" in Forms(browser.get(an_app(house).asking())).forms


@pytest.mark.parametrize("decision", ["", "maybe"])
def test_a_decision_is_one_of_two(house: House, decision: str) -> None:
    browser = visitor(house)
    values = {**fields(browser, an_app(house)), "decision": decision}
    assert gives_nothing(house, browser.post("/oauth/authorize", values), 400)


# -- whose store -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["store", "store_id", "staff_id", "shop"])
def test_an_owner_lets_into_their_own_store_and_no_other(alone: House, name: str) -> None:
    world, app = alone.world, an_app(alone)
    browser = visitor(alone, kuwait=True)
    values = {**fields(browser, app), name: str(world.riyadh.store_id)}
    code = back(browser.post("/oauth/authorize", values), app)["code"]
    found = exchange(alone, app.exchanging(code)).json
    assert profile(alone, found) == 200
    reader = world.engine.vault.reader()
    places = [one.store_id for one in partners.installations(reader, None, 0)
              if one.partner_id == app.partner_id]  # fmt: skip
    assert places == [world.kuwait.store_id]


def test_the_page_says_whose_store_it_is(house: House) -> None:
    app = an_app(house)
    assert "Kuwait" in Forms(visitor(house, kuwait=True).get(app.asking())).text
    assert "Riyadh" in Forms(visitor(house).get(app.asking())).text


# -- what is shown ---------------------------------------------------------------------------------


def test_names_states_and_addresses_are_text(alone: House) -> None:
    app = an_app(alone, name=EVIL)
    for browser in (visitor(alone), Browser(alone)):
        page = browser.get(app.asking(state=EVIL))
        found = Forms(page)
        assert not {"script", "img"} & {tag for tag, _ in found.tags}
        assert EVIL in found.text
        assert all("onerror" not in values for _, values in found.tags)
        assert [one["state"] for one in found.forms.values()] == [EVIL] * len(found.forms)
    browser = Browser(alone)
    answer = browser.sign_in(browser.get(app.asking()), EVIL, "x")
    assert not {"script", "img"} & {tag for tag, _ in Forms(answer).tags}
    assert Forms(answer).forms["/oauth/sign-in"]["email"] == EVIL


def test_a_name_turns_no_sentence_over(alone: House) -> None:
    """Letters that would make the rest of the sentence read backwards are left out."""
    app = an_app(alone, name="Safe\u2069\u202eelpmaxe.live\u2066")
    page = visitor(alone).get(app.asking())
    text = Forms(page).text
    assert "\u2068Safeelpmaxe.live\u2069" in text
    assert "\u202e" not in text


def test_each_scope_is_said_once_in_words(house: House) -> None:
    app = an_app(house, "customers.read", "customers.read_write", "orders.read")
    text = Forms(visitor(house).get(app.asking())).text
    assert "See and change customers and their details" in text
    assert "See orders" in text
    assert "See customers:" not in text
    assert "read_write" not in text
    assert "loyalty" not in text


@pytest.mark.parametrize(
    ("header", "lang", "shown"),
    [("ar", "", "ar"), ("en", "ar", "ar"), ("ar", "en", "en"), ("en", "x", "en")],
)
def test_the_language_is_the_browser_s_or_the_one_asked_for(
    house: House, header: str, lang: str, shown: str
) -> None:
    app = an_app(house)
    for browser in (visitor(house), Browser(house)):
        browser.language = header
        page = browser.get(app.asking(lang=lang))
        assert page["content-language"] == shown
        (html,) = [found for tag, found in Forms(page).tags if tag == "html"]
        assert html == {"lang": shown, "dir": "rtl" if shown == "ar" else "ltr"}
        (other,) = [found["href"] for tag, found in Forms(page).tags if tag == "a"]
        assert browser.get(other)["content-language"] == ("en" if shown == "ar" else "ar")


def test_an_arabic_page_has_no_english_left(house: House) -> None:
    browser = visitor(house)
    browser.language = "ar"
    app = an_app(house, name="\u0646\u0642\u0627\u0637")
    for page in (browser.get(app.asking()), Browser(house, "ar").get(app.asking())):
        text = re.sub(r"\u2068.*?\u2069|English|\S+@\S+", "", Forms(page).text)
        start = text.index("}\n", text.rindex("footer")) + 1
        assert not re.search("[A-Za-z]{2,}", text[start:]), text[start:]


def test_what_browsers_are_told(house: House) -> None:
    app = an_app(house)
    pages = {
        "consent": visitor(house).get(app.asking()),
        "sign in": Browser(house).get(app.asking()),
        "notice": Browser(house).get("/oauth/authorize"),
    }
    for name, page in pages.items():
        style = re.search(b"<style>(.*?)</style>", page.body, re.DOTALL)
        assert style is not None
        digest = b64encode(sha256(style[1]).digest()).decode()
        targets = "'self' https:" if name == "consent" else "'self'"
        assert page["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none';"
            f" form-action {targets}; frame-ancestors 'none'"
        )
        assert page["cache-control"] == "no-store"
        assert page["referrer-policy"] == "no-referrer"
        assert page["x-content-type-options"] == "nosniff"
        assert page["x-frame-options"] == "DENY"
        for tag, found in Forms(page).tags:
            assert tag not in ("script", "img", "link", "iframe", "object", "svg")
            assert not [one for one in found if one.startswith("on") or one == "style"]
            for where in ("href", "src", "action"):
                assert found.get(where, "/oauth/").startswith("/oauth/")
    local = an_app(house, redirects=("http://127.0.0.1:8123/cb",))
    page = visitor(house).get(local.asking())
    assert "form-action 'self' https: http:;" in page["content-security-policy"]


def test_nothing_secret_is_logged(alone: House) -> None:
    with_password(alone)
    app, browser = an_app(alone), Browser(alone)
    code = back(browser.consent(app), app)["code"]
    found = exchange(alone, app.exchanging(code)).json
    secrets = [
        code, app.secret, PASSWORD, browser.cookies[SESSION], found["access_token"],
        found["authorization"], found["refresh_token"],
    ]  # fmt: skip
    assert [one for one in secrets if one in alone.log.text] == []
    assert "/oauth/token" in alone.log.text


def test_nothing_secret_is_kept(alone: House) -> None:
    with_password(alone)
    app, browser = an_app(alone), Browser(alone)
    code = back(browser.consent(app), app)["code"]
    found = exchange(alone, app.exchanging(code)).json
    alone.settle()
    data = b"".join(
        path.read_bytes() for path in alone.world.engine.vault.path.parent.glob("nuqta.db*")
        if path.suffix != ".key"
    )  # fmt: skip
    kept = [code, app.secret, PASSWORD, browser.cookies[SESSION], *found.values()]
    shown = [str(one) for one in kept if len(str(one)) > 12 and str(one) != found["scope"]]
    assert len(shown) >= 7
    assert [one for one in shown if one.encode() in data] == []
    assert EMAIL.encode() in data, "the control: what is kept is found"


def test_an_owner_is_of_one_store(house: House) -> None:
    """An address is one account anywhere."""
    an_owner(house)
    again = house.world.engine.door.write_now(
        "again",
        lambda tx: staff.create(
            tx, house.world.kuwait.store_id, EMAIL, "hash", house.world.time.wall
        ),
    )
    assert getattr(again, "code", "") == "ERROR_STAFF_EXISTS"
