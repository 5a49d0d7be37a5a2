"""The whole way, over HTTP: an application asks, the owner signs in and answers, tokens come, are
refreshed, and end. Zid's own client makes its part of it.

Source: contract, zid-loyalty, section 2; decisions, section 3.
"""

from base64 import b64encode
from urllib.parse import quote

import pytest
from zid.auth import Auth, TokenResponse

from nuqta.engine.access import partners
from tests.calls.oauth import CHALLENGE, VERIFIER, a_code, an_app, an_owner, tokens, with_password
from tests.contract.oauth.browser import Browser, Forms, back, exchange, profile, refresh, revoke
from tests.http.server import House

KEYS = [
    "access_token", "authorization", "Authorization", "refresh_token", "expires_in", "token_type",
    "scope",
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_whole_way(alone: House, language: str) -> None:
    with_password(alone)
    app, browser = an_app(alone, "loyalty_program.read"), Browser(alone, language)
    page = browser.get(app.asking())
    assert (page.status, page["content-language"]) == (200, language)
    on = browser.sign_in(page)
    assert on.status == 303
    consent = browser.get(on["location"])
    direction = "rtl" if language == "ar" else "ltr"
    assert ("html", {"lang": language, "dir": direction}) in Forms(consent).tags
    assert "Points for all" in Forms(consent).text
    assert "Riyadh" in Forms(consent).text
    answered = back(browser.submit(consent, "/oauth/authorize", decision="allow"), app)
    assert list(answered) == ["code", "state"]
    assert answered["state"] == "xyz"
    answer = exchange(alone, app.exchanging(answered["code"]))
    assert answer.status == 200, answer.body
    assert answer["cache-control"] == "no-store"
    found = answer.json
    assert list(found) == KEYS
    assert found["authorization"] == found["Authorization"]
    assert (found["expires_in"], found["token_type"]) == (31_536_000, "Bearer")
    assert found["scope"] == "loyalty_program.read"
    assert profile(alone, found) == 200
    (installed,) = [
        one
        for one in partners.installations(alone.world.engine.vault.reader(), None, 0)
        if one.partner_id == app.partner_id
    ]
    assert (installed.store_id, installed.scopes) == (
        alone.world.riyadh.store_id, "loyalty_program.read",
    )  # fmt: skip


def test_who_denies_gives_nothing(alone: House) -> None:
    with_password(alone)
    app, browser = an_app(alone), Browser(alone)
    answered = back(browser.consent(app, "deny"), app)
    assert answered["error"] == "access_denied"
    assert answered["state"] == "xyz"
    assert "code" not in answered


def test_who_is_signed_in_is_not_asked_again(alone: House) -> None:
    with_password(alone)
    browser = Browser(alone)
    browser.consent(an_app(alone))
    page = browser.get(an_app(alone, name="Another").asking())
    assert "/oauth/authorize" in Forms(page).forms


@pytest.mark.parametrize("way", ["form", "json", "basic", "slash"])
def test_a_code_is_exchanged_however_it_is_sent(alone: House, way: str) -> None:
    app = an_app(alone)
    sent = app.exchanging(a_code(alone, app))
    match way:
        case "json":
            answer = alone.send("POST", "/oauth/token", (), {**sent, "client_id": app.partner_id})
        case "basic":
            pair = f"{app.client_id}:{quote(app.secret)}"
            sent = {name: sent[name] for name in ("grant_type", "code", "redirect_uri")}
            header = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
            answer = alone.send("POST", "/oauth/token", header, sent)
        case _:
            answer = exchange(alone, sent, "/oauth/token/" if way == "slash" else "/oauth/token")
    assert answer.status == 200, answer.body
    assert profile(alone, answer.json) == 200


@pytest.mark.parametrize(("method", "challenge"), [("S256", CHALLENGE), ("plain", VERIFIER)])
def test_a_code_with_a_challenge(alone: House, method: str, challenge: str) -> None:
    with_password(alone)
    app, browser = an_app(alone), Browser(alone)
    asked = {"code_challenge": challenge, "code_challenge_method": method}
    code = back(browser.consent(app, **asked), app)["code"]
    answer = exchange(alone, app.exchanging(code, code_verifier=VERIFIER))
    assert answer.status == 200, answer.body


# -- refreshing ------------------------------------------------------------------------------------


def test_refreshing_replaces_all_three(alone: House) -> None:
    app = an_app(alone)
    first = tokens(alone, app)
    answer = refresh(alone, app, first["refresh_token"])
    assert answer.status == 200, answer.body
    second = answer.json
    assert list(second) == KEYS
    for name in ("access_token", "authorization", "refresh_token"):
        assert second[name] != first[name]
    assert profile(alone, second) == 200
    assert profile(alone, first) == 200, "calls that are under way are not cut off"
    alone.world.time.forward(seconds=600)
    assert profile(alone, first) == 401
    assert profile(alone, second) == 200
    assert refresh(alone, app, second["refresh_token"]).status == 200


def test_a_refresh_token_that_is_used_again_ends_all(alone: House) -> None:
    app, other = an_app(alone), an_app(alone, name="Other")
    first, theirs = tokens(alone, app), tokens(alone, other)
    elsewhere = tokens(alone, app, an_owner(alone, alone.world.kuwait, "kuwait@shop.example"))
    second = refresh(alone, app, first["refresh_token"]).json
    again = refresh(alone, app, first["refresh_token"])
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert profile(alone, second) == 401
    assert refresh(alone, app, second["refresh_token"]).json["error"] == "invalid_grant"
    assert profile(alone, theirs) == 200
    assert profile(alone, elsewhere) == 200, "another store's installation is another"


def test_a_refresh_token_ends(alone: House) -> None:
    app = an_app(alone)
    token = tokens(alone, app)["refresh_token"]
    alone.world.time.forward(days=365)
    assert refresh(alone, app, token).json["error"] == "invalid_grant"


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["access_token", "authorization", "refresh_token"])
def test_revoking_one_token_ends_its_grant_alone(alone: House, which: str) -> None:
    app = an_app(alone)
    first, second = tokens(alone, app), tokens(alone, app)
    elsewhere = tokens(alone, app, an_owner(alone, alone.world.kuwait, "kuwait@shop.example"))
    answer = revoke(alone, app, first[which])
    assert (answer.status, answer.json) == (200, {})
    assert profile(alone, first) == 401
    assert refresh(alone, app, first["refresh_token"]).json["error"] == "invalid_grant"
    assert profile(alone, second) == 200, "installing again leaves the former alive, and so on"
    assert profile(alone, elsewhere) == 200
    assert revoke(alone, app, first[which]).status == 200


def test_nobody_revokes_what_is_not_theirs(alone: House) -> None:
    app, other = an_app(alone), an_app(alone, name="Other")
    mine = tokens(alone, app)
    for token in (mine["access_token"], mine["refresh_token"], "nqm_unknown"):
        assert revoke(alone, other, token).json == {}
    assert profile(alone, mine) == 200
    assert refresh(alone, app, mine["refresh_token"]).status == 200


def test_a_token_of_the_terminal_ends_alone(alone: House) -> None:
    """Tokens that came by no grant."""
    world = alone.world
    app = an_app(alone)
    by_oauth = tokens(alone, app)
    made = world.engine.door.write_now(
        "install",
        lambda tx: partners.install(
            tx, world.engine.keyring, app.partner_id, world.riyadh.store_id, "", world.time.wall
        ),
    )
    assert isinstance(made, partners.Installed)
    assert revoke(alone, app, made.access_token).status == 200
    pair = {"authorization": made.authorization, "access_token": made.access_token}
    assert profile(alone, pair) == 401
    assert profile(alone, {**by_oauth, "authorization": made.authorization}) == 200


def test_uninstalling_ends_everything_there(alone: House) -> None:
    world, app = alone.world, an_app(alone)
    mine, waiting = tokens(alone, app), a_code(alone, app)
    kuwait = an_owner(alone, world.kuwait, "kuwait@shop.example")
    elsewhere = tokens(alone, app, kuwait)
    ended = world.engine.door.write_now(
        "uninstall", lambda tx: partners.uninstall(tx, app.partner_id, world.riyadh.store_id)
    )
    assert ended == 2
    assert profile(alone, mine) == 401
    assert refresh(alone, app, mine["refresh_token"]).json["error"] == "invalid_grant"
    assert exchange(alone, app.exchanging(waiting)).json["error"] == "invalid_grant"
    assert profile(alone, elsewhere) == 200
    assert profile(alone, tokens(alone, app)) == 200, "it may be let in again"


# -- Zid's own client ------------------------------------------------------------------------------


def test_zid_s_client_reads_and_refreshes_its_tokens(
    alone: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zid.auth.OAUTH_BASE_URL", f"http://127.0.0.1:{alone.port}")
    app = an_app(alone)
    kept: list[Auth] = []
    answer = exchange(alone, app.exchanging(a_code(alone, app)))
    first = TokenResponse.from_dict(answer.json)
    auth = Auth(
        first.authorization,
        store_token=first.access_token,
        refresh_token=first.refresh_token,
        client_id=app.client_id,
        client_secret=app.secret,
        redirect_uri=app.redirects[0],
        on_tokens_refreshed=kept.append,
    )
    for _ in range(2):
        assert auth.refresh() is True
        assert auth.store_token is not None
        pair = {"authorization": auth.authorization, "access_token": auth.store_token}
        assert profile(alone, pair) == 200
    assert kept == [auth, auth]
    assert auth.authorization != first.authorization
