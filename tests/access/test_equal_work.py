"""Unknown, malformed, revoked and foreign: one answer, to the byte, and the same work for it.

Work is counted and not timed: the statements that run, in order, and how often something is
digested. Expired has an answer of its own where the contract gives it one.
Source: contract, decisions, sections 1 and 3.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from argon2 import PasswordHasher

from nuqta.api.routes import TABLE
from nuqta.engine.access import staff
from nuqta.web.routes import Route
from tests.access.conftest import Meter, measured
from tests.calls.callers import right
from tests.calls.oauth import EMAIL, PASSWORD, a_session, an_app, an_owner, tokens, with_password
from tests.contract.oauth.browser import Browser, exchange, refresh, revoke
from tests.http.server import Answer, House
from tests.http.test_access import BY_WHO, call, name_of
from tests.orders.shop import basic

ONE_ANSWER = ("ERROR_AUTHORIZATION_INVALID", "ERROR_SESSION_INVALID")
ROUTES = [route for route in TABLE if route.who != "page" and route.who != "public"]


@pytest.fixture(scope="module")
def gauged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Meter]]:
    with measured(tmp_path_factory.mktemp("gauged")) as found:
        yield found


def shown(answer: Answer) -> tuple[int, list[tuple[str, str]], bytes]:
    """All of an answer but its request id."""
    headers = [pair for pair in answer.headers if pair[0] != "x-request-id"]
    return answer.status, headers, answer.body


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_one_answer_and_the_same_work(gauged: tuple[House, Meter], route: Route) -> None:
    house, meter = gauged
    house.world.time.forward(seconds=1)
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for name, (case, status, code) in BY_WHO[route.who].items():
        if code not in ONE_ANSWER or "expired" in name:
            continue
        sent = call(house, route, case(house, route))
        house.settle()
        house.send(*sent)  # the door's mark of the second, a first use: not of this call
        house.settle()
        meter.done()
        answer = house.send(*sent)
        statements, digested = meter.done()
        assert (answer.status, answer.code) == (status, code), name
        found[code][name] = shown(answer), statements, digested
    assert found
    for alike in found.values():
        assert len(alike) > 1
        for name, one in alike.items():
            assert one == next(iter(alike.values())), name


def test_control_other_work_is_seen(gauged: tuple[House, Meter]) -> None:
    house, meter = gauged
    meter.done()
    counts = []
    for route in ROUTES[:6]:
        house.send(*call(house, route, right(house, route)))
        counts.append(meter.done())
    assert len({(len(statements), digested) for statements, digested in counts}) > 2


# -- pairs, secrets, codes, passwords --------------------------------------------------------------
def test_an_applications_secret_and_tokens(gauged: tuple[House, Meter]) -> None:
    house, meter = gauged
    app, other = an_app(house), an_app(house, name="Other")
    pairs = [
        (app.client_id, "x"), (app.client_id, other.secret), (app.client_id, app.secret[:-1]),
        ("999", app.secret), ("no number", app.secret), ("0", "x"), ("9" * 16, "x"),
    ]  # fmt: skip
    found = []
    for client_id, secret in pairs:
        meter.done()
        answer = exchange(house, app.exchanging("x", client_id=client_id, client_secret=secret))
        found.append((shown(answer), meter.done()))
        assert answer.json["error"] == "invalid_client"
    assert all(one == found[0] for one in found)
    theirs = tokens(house, other)["refresh_token"]
    unknown = "nqr_00000000_" + "0" * 64
    for ask in (refresh, revoke):
        found = []
        for token in ("x", unknown, theirs):
            meter.done()
            found.append((shown(ask(house, app, token)), meter.done()))
        assert all(one == found[0] for one in found), ask


def test_one_time_codes(gauged: tuple[House, Meter]) -> None:
    """No code sent, an unknown address, a wrong code, one without tries, one that has ended."""
    house, meter = gauged
    path = f"/v1/stores/{house.world.riyadh.store_id}/auth/"
    headers = house.partner(house.world.riyadh)
    for email in ("nobody@shop.example", "aisha@shop.example"):
        assert house.send("POST", f"{path}login", headers, {"email": email}).status == 200
    found = []
    emails = ["never@shop.example", "nobody@shop.example", *["aisha@shop.example"] * 7]
    for turn, email in enumerate(emails):
        if turn == len(emails) - 1:
            house.world.time.forward(seconds=301)
        house.settle()
        meter.done()
        body = {"email": email, "code": f"{turn:06}"}
        answer = house.send("POST", f"{path}verify", headers, body)
        statements, digested = meter.done()
        mine = [one for one in statements if "meta" not in one]  # the mark of the second
        found.append((shown(answer), mine, digested))
        assert answer.code == "ERROR_CODE_INVALID"
    assert all(one == found[0] for one in found)


@contextmanager
def hashing() -> Iterator[list[int]]:
    """Notes each check of a password by the threads that begin meanwhile."""
    seen: list[int] = []
    code = PasswordHasher.verify.__code__

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is code:
            seen.append(1)

    threading.setprofile(watch)
    try:
        yield seen
    finally:
        threading.setprofile(None)


def test_signing_in(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody's address costs a check of a password as somebody's does."""
    with hashing() as checks, measured(tmp_path_factory.mktemp("people")) as (house, meter):
        app = an_app(house)
        with_password(house)
        gone = with_password(house, house.world.riyadh, "gone@shop.example")
        house.world.engine.door.write_now(
            "disable", lambda tx: staff.disable(tx, gone.staff_id, house.world.time.wall)
        )
        found = []
        for email in (EMAIL, "nobody@shop.example", "gone@shop.example", EMAIL):
            browser = Browser(house)
            page = browser.get(app.asking())
            house.settle()
            meter.done()
            checks.clear()
            answer = browser.sign_in(page, email, PASSWORD + "x")
            statements, digested = meter.done()
            mine = [one for one in statements if "meta" not in one]
            found.append((answer.status, len(checks), mine, digested))
        assert all(one == found[0] for one in found[1:]), found
        assert found[0][:2] == (422, 1)
        browser = Browser(house)
        assert browser.sign_in(browser.get(app.asking()), EMAIL, PASSWORD).status == 303


def test_a_session_of_somebody_disabled_is_as_none(gauged: tuple[House, Meter]) -> None:
    house, meter = gauged
    app, owner = an_app(house), an_owner(house, email="leaves@shop.example")
    session = a_session(house, owner)
    house.world.engine.door.write_now(
        "disable", lambda tx: staff.disable(tx, owner.staff_id, house.world.time.wall)
    )
    found = []
    for cookie in (session, "x", "nqs_00000000_" + "0" * 64):
        meter.done()
        answer = house.ask("GET", app.asking(), {"Cookie": f"nuqta_staff={cookie}"})
        found.append((answer.status, b"/oauth/sign-in" in answer.body, meter.done()[0]))
    assert all(one == found[0] for one in found)
    assert found[0][:2] == (200, True)


def test_a_pair_that_is_none_is_as_a_wrong_one(gauged: tuple[House, Meter]) -> None:
    house, meter = gauged
    found = []
    for store in (house.world.riyadh.store_id, house.world.kuwait.uuid, 404, "x"):
        meter.done()
        headers = {"Authorization": basic(f"orders-{store}", "x")}
        found.append(
            (shown(house.send("POST", f"/v1/webhooks/orders/{store}", headers, {})), meter.done())
        )
    assert all(one == found[0] for one in found)
