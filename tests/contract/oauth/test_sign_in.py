"""Signing in: one answer for all that is wrong, a limit that holds across processes, a new session
each time, and passwords that cannot eat the machine.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuqta.engine.access import passwords, staff
from nuqta.engine.access.passwords import Passwords, TooBusy, checked_password
from nuqta.engine.engine import open_engine
from nuqta.settings import Settings
from tests.calls.oauth import EMAIL, PASSWORD, a_session, an_app, an_owner, with_password
from tests.contract.oauth.browser import Browser, Forms
from tests.http.server import Answer, House, open_house, serving
from tests.http.test_access import watching

WRONG = "The e-mail address or the password is wrong."
SESSION = "nuqta_staff"


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[House]:
    """A house where three tries are the limit of an account, and five of an address."""
    with open_house(tmp_path, sign_in_tries=3, sign_in_tries_address=5) as one:
        yield one


def tried(house: House, email: str = EMAIL, password: str = "wrong") -> Answer:
    """A try from a browser that nobody has seen before."""
    browser = Browser(house)
    return browser.sign_in(browser.get(an_app(house).asking()), email, password)


def test_all_that_is_wrong_looks_alike(alone: House) -> None:
    with_password(alone)
    gone = with_password(alone, alone.world.riyadh, "gone@shop.example")
    alone.world.engine.door.write_now(
        "disable", lambda tx: staff.disable(tx, gone.staff_id, alone.world.time.wall)
    )
    tries = [
        (EMAIL, "wrong"), ("nobody@shop.example", PASSWORD), ("gone@shop.example", PASSWORD),
        ("no address", PASSWORD), (EMAIL, PASSWORD + " "), (EMAIL, PASSWORD.upper()),
        (EMAIL, ""), (EMAIL, "x" * 129), (EMAIL + "\x00", PASSWORD),
    ]  # fmt: skip
    for email, password in tries:
        answer = tried(alone, email, password)
        assert answer.status == 422, (email, password)
        assert WRONG in Forms(answer).text
        assert SESSION not in str(answer.headers)
        assert Forms(answer).forms["/oauth/sign-in"]["password"] == ""
    assert PASSWORD not in alone.log.text


def test_an_address_is_found_however_it_is_written(alone: House) -> None:
    with_password(alone)
    assert tried(alone, f" {EMAIL.upper()} ", PASSWORD).status == 303


def test_each_time_there_is_a_new_session(alone: House) -> None:
    """Whoever planted a session in the owner's browser does not have theirs."""
    with_password(alone)
    planted = a_session(alone, an_owner(alone, alone.world.kuwait, "thief@shop.example"))
    browser = Browser(alone)
    page = browser.get(an_app(alone).asking())
    browser.cookies[SESSION] = planted
    first = browser.sign_in(page)
    assert first.status == 303
    assert browser.cookies[SESSION] != planted
    thief = Browser(alone)
    thief.cookies[SESSION] = planted
    assert "/oauth/sign-in" in Forms(thief.get(an_app(alone).asking())).forms, "it has ended"
    again = Browser(alone)
    again.sign_in(again.get(an_app(alone).asking()))
    assert again.cookies[SESSION] != browser.cookies[SESSION]


def test_a_session_ends(alone: House) -> None:
    browser, app = Browser(alone), an_app(alone)
    browser.cookies[SESSION] = a_session(alone, an_owner(alone))
    alone.world.time.forward(hours=12, us=-1)
    assert "/oauth/authorize" in Forms(browser.get(app.asking())).forms
    alone.world.time.forward(us=1)
    assert "/oauth/sign-in" in Forms(browser.get(app.asking())).forms


def test_signing_out_ends_the_session_and_lets_somebody_else_in(alone: House) -> None:
    with_password(alone, alone.world.kuwait, "kuwait@shop.example")
    browser, app = Browser(alone), an_app(alone)
    browser.cookies[SESSION] = token = a_session(alone, an_owner(alone))
    page = browser.get(app.asking())
    on = browser.submit(page, "/oauth/sign-out")
    assert on.status == 303
    assert SESSION not in browser.cookies
    browser.cookies[SESSION] = token
    page = browser.get(on["location"])
    assert "/oauth/sign-in" in Forms(page).forms
    page = browser.get(browser.sign_in(page, "kuwait@shop.example")["location"])
    assert "Kuwait" in Forms(page).text


def test_who_is_disabled_is_signed_out(alone: House) -> None:
    browser, owner = Browser(alone), an_owner(alone)
    browser.cookies[SESSION] = a_session(alone, owner)
    app = an_app(alone)
    page = browser.get(app.asking())
    alone.world.engine.door.write_now(
        "disable", lambda tx: staff.disable(tx, owner.staff_id, alone.world.time.wall)
    )
    answer = browser.submit(page, "/oauth/authorize", decision="allow")
    assert "location" not in answer.names
    assert "/oauth/sign-in" in Forms(answer).forms


# -- the limit -------------------------------------------------------------------------------------


def test_an_account_is_tried_so_often_and_no_more(strict: House) -> None:
    with_password(strict)
    assert [tried(strict).status for _ in range(4)] == [422, 422, 422, 429]
    locked = tried(strict, EMAIL, PASSWORD)
    assert locked.status == 429, "else the limit would not limit guesses"
    assert locked["retry-after"] == "900"
    with watching(strict) as commits:
        tried_again = tried_without_making(strict)
        assert tried_again.status == 429
        assert commits() == 0
    strict.world.time.forward(seconds=899)
    assert tried(strict, EMAIL, PASSWORD)["retry-after"] == "1"
    strict.world.time.forward(seconds=1)
    assert tried(strict, EMAIL, PASSWORD).status == 303


def tried_without_making(house: House) -> Answer:
    """A try about no request."""
    browser = Browser(house)
    visit = house.world.engine.keyring.mint("nqv")
    browser.cookies["nuqta_visit"] = visit
    from tests.calls.oauth import form

    values = {"email": EMAIL, "password": "wrong", "form": form(house, "sign in", visit, {})}
    return browser.post("/oauth/sign-in", values)


def test_a_right_password_begins_the_count_anew(strict: House) -> None:
    with_password(strict)
    assert [tried(strict).status for _ in range(2)] == [422, 422]
    assert tried(strict, EMAIL, PASSWORD).status == 303
    assert [tried(strict).status for _ in range(2)] == [422, 422]


def test_an_address_tries_so_often_whoever_it_tries(strict: House) -> None:
    with_password(strict)
    statuses = [tried(strict, f"{n}@shop.example").status for n in range(6)]
    assert statuses == [422] * 5 + [429]
    assert tried(strict, EMAIL, PASSWORD).status == 429


def test_behind_a_proxy_an_address_is_the_one_that_the_proxy_says(tmp_path: Path) -> None:
    with open_house(tmp_path, sign_in_tries_address=2, proxy_header="X-Forwarded-For") as house:

        def tried_from(address: str, email: str) -> int:
            browser = Browser(house)
            page = Forms(browser.get(an_app(house).asking())).forms["/oauth/sign-in"]
            values = {**page, "email": email, "password": "wrong"}
            sent = {"X-Forwarded-For": f"10.9.9.9, {address}"}
            return browser.post("/oauth/sign-in", values, sent).status

        one = [tried_from("192.0.2.1", f"{n}@shop.example") for n in range(3)]
        assert one == [422, 422, 429]
        assert tried_from("192.0.2.2", "a@shop.example") == 422
        network = [tried_from(f"2001:db8::{n}", f"{n}@shop.example") for n in range(1, 4)]
        assert network == [422, 422, 429], "a network of IPv6 is one caller"


def test_nobody_s_account_is_limited_like_somebody_s(strict: House) -> None:
    with_password(strict)
    assert [tried(strict, "nobody@shop.example").status for _ in range(4)] == [422] * 3 + [429]


def test_the_limit_holds_across_servers_on_one_database(strict: House) -> None:
    with_password(strict)
    world = strict.world
    with serving(open_engine(world.engine.settings, world.time.clock())) as port:
        other = House(world, port, strict.log)
        assert [tried(one).status for one in (strict, other, strict, other, strict)] == [
            422, 422, 422, 429, 429,
        ]  # fmt: skip


def test_control_without_a_limit_nobody_is_stopped(alone: House) -> None:
    with_password(alone)
    assert [tried(alone).status for _ in range(5)] == [422] * 5


# -- passwords -------------------------------------------------------------------------------------


def test_a_password_is_kept_as_argon2id_and_never_as_it_is() -> None:
    hasher = Passwords(1, 1)
    one, two = hasher.hash(PASSWORD), hasher.hash(PASSWORD)
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert one != two
    assert PASSWORD not in one
    assert asyncio.run(hasher.is_right(one, PASSWORD))
    assert not asyncio.run(hasher.is_right(one, "another"))
    assert not asyncio.run(hasher.is_right(None, "nobody's password"))
    assert not asyncio.run(hasher.is_right("no hash", PASSWORD))
    hasher.close()


def test_letters_that_look_the_same_are_the_same() -> None:
    hasher = Passwords(1, 1)
    assert asyncio.run(
        hasher.is_right(hasher.hash("caf\u00e9 caf\u00e9 123"), "cafe\u0301 cafe\u0301 123")
    )
    hasher.close()


def test_more_than_may_wait_are_turned_away() -> None:
    hasher = Passwords(1, 2)
    kept = hasher.hash(PASSWORD)

    async def many() -> list[object]:
        tries = [hasher.is_right(kept, PASSWORD) for _ in range(5)]
        return list(await asyncio.gather(*tries, return_exceptions=True))

    outcomes = asyncio.run(many())
    assert [outcome for outcome in outcomes if outcome is True] == [True] * 3
    assert [type(outcome) for outcome in outcomes if outcome is not True] == [TooBusy] * 2
    assert asyncio.run(hasher.is_right(kept, PASSWORD)), "and later it is their turn"
    hasher.close()


def test_too_many_at_once_are_answered_503(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with open_house(tmp_path, password_checks=1, password_checks_waiting=1) as house:
        with_password(house)
        pages = []
        for _ in range(6):
            browser = Browser(house)
            pages.append((browser, browser.get(an_app(house).asking())))
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda one: one[0].sign_in(one[1]), pages))
        statuses = {answer.status for answer in answers}
        assert statuses <= {303, 503}
        assert 303 in statuses
        for answer in answers:
            if answer.status == 503:
                assert int(answer["retry-after"]) > 0


@pytest.mark.parametrize(
    "text", ["", "short", "x" * 11, "x" * 129, "a long\npassword", "x" * 11 + "\x00"]
)
def test_a_password_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match="a password has"):
        checked_password(text)


def test_the_defaults_are_what_the_documents_say() -> None:
    settings = Settings()
    assert (settings.sign_in_tries, settings.sign_in_minutes) == (10, 15)
    assert settings.cookie_secure == 1
    assert passwords.LENGTH_MIN == 12
