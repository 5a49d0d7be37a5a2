"""Nothing goes to an address that the application did not register, to the letter; and what is
wrong otherwise goes back to it, so that it can tell its user.

Source: RFC 6749, sections 3.1.2 and 4.1.2.1; RFC 9700, section 2.1.
"""

import pytest

from nuqta.engine.access.clients import checked_redirects, is_redirect
from tests.calls.oauth import REDIRECT, App, a_session, an_app, an_owner, form
from tests.contract.oauth.browser import Browser, Forms, back
from tests.http.server import Answer, House

OTHERS = [
    REDIRECT[:-1], f"{REDIRECT}/", f"{REDIRECT}/more", f"{REDIRECT}?a=1", f"{REDIRECT}#a",
    f"{REDIRECT}%2F..", REDIRECT.upper(), REDIRECT.replace("https", "HTTPS"),
    REDIRECT.replace("https", "http"), REDIRECT.replace("app.", "APP."),
    REDIRECT.replace("app.example", "app.example:443"),
    REDIRECT.replace("app.example", "user@app.example"),
    REDIRECT.replace("app.example", "app.example.evil.example"),
    REDIRECT.replace("app.example", "evil.example\\@app.example"),
    REDIRECT.replace("app.example", "evil.example#@app.example"),
    "//app.example/callback", "/callback", "", "https://evil.example/", "javascript:alert(1)",
    "data:text/html,x", f"{REDIRECT} https://evil.example/", f"{REDIRECT}\r\nX: 1", f" {REDIRECT}",
    f"{REDIRECT}/..", "https://app.example/x/../callback", f"{REDIRECT};a", f"{REDIRECT}%00",
]  # fmt: skip


@pytest.fixture(scope="module")
def app(house: House) -> App:
    """An application with one address."""
    return an_app(house)


@pytest.fixture(scope="module")
def browser(house: House) -> Browser:
    """An owner's browser."""
    one = Browser(house)
    one.cookies["nuqta_staff"] = a_session(house, an_owner(house))
    return one


def stays(answer: Answer, status: int = 400) -> bool:
    """Whether the answer is a page of ours that leads nowhere."""
    assert answer.status == status, answer.body
    assert "location" not in answer.names
    assert "set-cookie" not in answer.names
    assert answer["content-type"] == "text/html; charset=utf-8"
    page = Forms(answer)
    assert not page.forms
    assert not [
        found
        for tag, found in page.tags
        if "href" in found or (tag == "meta" and "http-equiv" in found)
    ]
    assert "evil" not in page.text
    return True


@pytest.mark.parametrize("uri", OTHERS)
def test_another_address_is_never_gone_to(
    house: House, app: App, browser: Browser, uri: str
) -> None:
    asked = {**app.sent(), "redirect_uri": uri}
    for visitor in (browser, Browser(house)):
        assert stays(visitor.get(app.asking(redirect_uri=uri)))
    token = browser.cookies["nuqta_staff"]
    for decision in ("allow", "deny"):
        values = {**asked, "decision": decision, "form": form(house, "consent", token, asked)}
        assert stays(browser.post("/oauth/authorize", values))


@pytest.mark.parametrize("client_id", ["", "0", "-1", "7001", "x", "\u0661", "9" * 17, " 1", "1 "])
def test_an_unknown_application_leads_nowhere(browser: Browser, app: App, client_id: str) -> None:
    assert stays(browser.get(app.asking(client_id=client_id)))


def test_an_application_without_a_secret_cannot_ask(house: House, browser: Browser) -> None:
    """The world's partner is one that was never made a client."""
    sent = App(str(house.world.partner), "", (REDIRECT,))
    assert stays(browser.get(sent.asking()))


def test_another_application_s_address_is_not_its_own(house: House, browser: Browser) -> None:
    an_app(house, redirects=("https://other.example/cb",))
    mine = an_app(house)
    assert stays(browser.get(mine.asking(redirect_uri="https://other.example/cb")))


def test_each_of_several_addresses_may_be_asked_for(house: House, browser: Browser) -> None:
    several = (REDIRECT, "https://app.example/cb?shop=1", "http://127.0.0.1:8123/cb")
    app = an_app(house, redirects=several)
    for uri in several:
        page = browser.get(app.asking(redirect_uri=uri))
        answer = browser.submit(page, "/oauth/authorize", decision="allow")
        joint = "&" if "?" in uri else "?"
        assert answer["location"].startswith(f"{uri}{joint}code=nqg_")


@pytest.mark.parametrize(
    "query", ["client_id=1&client_id=2", "%ff", "a=%zz", "&&&", "redirect_uri"]
)
def test_a_query_that_cannot_be_read(browser: Browser, query: str) -> None:
    assert stays(browser.get(f"/oauth/authorize?{query}"))


def test_a_parameter_that_stands_twice(browser: Browser, app: App) -> None:
    for more in (f"&redirect_uri={REDIRECT}", "&state=2", "&client_id=1", "&response_type=token"):
        assert stays(browser.get(app.asking() + more))


def test_what_is_not_known_is_left_alone(browser: Browser, app: App) -> None:
    """Scopes come from the application's registration, and so are not taken from here either."""
    page = browser.get(app.asking(scope="everything", prompt="none"))
    assert page.status == 200
    assert "scope" not in Forms(page).forms["/oauth/authorize"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "none"}, "unauthorized_client"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "S512"}, "invalid_request"),
    ],
)
def test_what_is_wrong_goes_back_to_the_application(
    house: House, app: App, browser: Browser, changes: dict[str, str], error: str
) -> None:
    for visitor in (browser, Browser(house)):
        answered = back(visitor.get(app.asking(**changes)), app)
        assert answered["error"] == error
        assert answered["state"] == "xyz"
        assert "code" not in answered


@pytest.mark.parametrize(
    "state", ["a b&c=d#e", "\u0646\u0642\u0637\u0629", "x" * 1_000, '"><script>', "%0d%0aX:1"]
)
def test_a_state_comes_back_as_it_was(browser: Browser, app: App, state: str) -> None:
    page = browser.get(app.asking(state=state))
    answer = browser.submit(page, "/oauth/authorize", decision="allow")
    assert back(answer, app)["state"] == state


def test_a_state_that_is_too_long_or_no_text(browser: Browser, app: App) -> None:
    for state in ("x" * 1_001, "a\x00b"):
        assert stays(browser.get(app.asking(state=state)))


# -- what may be registered ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb", "https://", "https:///cb", "https:app.example", "ftp://app.example/",
        "https://u@app.example/", "https://u:p@app.example/", "https://app.example/#a", "app://cb",
        "https://app.example/ cb", "https://app.example/\ncb", "https://app.example\\@evil.example/",
        "https://\u0645\u062b\u0627\u0644.example/", "javascript:alert(1)", "https://app.example:x/",
        "http://127.0.0.1.evil.example/", "http://localhost.evil.example/", "HTTPS://app.example/",
        "http://10.0.0.1/cb", f"https://app.example/{'x' * 2_000}", "", "//app.example/cb",
        'https://app.example/"><script>', "https://app.example/`", "https://[::1/",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_registered(uri: str) -> None:
    assert not is_redirect(uri)
    with pytest.raises(ValueError, match="is no address for codes"):
        checked_redirects([uri], 10)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb", "https://app.example", "https://app.example:8443/cb?a=1&b=2",
        "http://127.0.0.1:1/cb", "http://localhost/cb", "http://[::1]:1/cb", "https://[2001:db8::1]/",
    ],
)  # fmt: skip
def test_an_address_that_can(uri: str) -> None:
    assert checked_redirects([uri, uri], 1) == (uri,)


def test_addresses_are_some_but_not_too_many() -> None:
    with pytest.raises(ValueError, match="1 to 2"):
        checked_redirects([], 2)
    with pytest.raises(ValueError, match="1 to 2"):
        checked_redirects([f"https://app.example/{n}" for n in range(3)], 2)
