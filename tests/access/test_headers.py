"""Security headers: what every answer says to a browser, whatever it answers.

Strict-Transport-Security is the proxy's, which alone knows of TLS (docs/operate.md).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuqta.api.routes import TABLE
from nuqta.web.routes import Paper, Route
from tests.calls.callers import right
from tests.calls.every import call_of
from tests.http.server import Answer, House, open_house
from tests.http.test_access import name_of

KEPT = {"/openapi.json", "/docs", "/storefront/zid.js"}
"""Of nobody in particular: a cache may have them."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house"), cookie_secure=1) as one:
        yield one


def is_told(answer: Answer, path: str) -> None:
    """Whether the answer says to a browser what it must."""
    assert answer["x-content-type-options"] == "nosniff", answer.head
    if answer.status < 400 and path in KEPT:
        assert answer["cache-control"].startswith("public"), answer.head
    elif answer.status != 204:
        assert answer["cache-control"] in ("no-store", "private, no-cache"), answer.head
    if "text/html" in dict(answer.headers).get("content-type", ""):
        assert answer["referrer-policy"] == "no-referrer", answer.head
        rules = dict(rule.split(" ", 1) for rule in answer["content-security-policy"].split("; "))
        assert rules["default-src"] == "'none'"
        assert rules["frame-ancestors"] == "'none'"
        assert rules["base-uri"] == "'none'"
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rules["style-src"])
        assert rules.get("script-src") is None
        assert "unsafe" not in answer["content-security-policy"]
    for name, value in answer.headers:
        if name == "set-cookie":
            assert {"HttpOnly", "Secure", "SameSite=Lax"} <= set(value.split("; "))
    assert "server" not in answer.names


@pytest.mark.parametrize("route", TABLE, ids=name_of)
def test_every_answer_of_every_route(house: House, route: Route) -> None:
    call = call_of(route, house)
    good = {**call.headers, **right(house, route)}
    methods = [route.method, *(["HEAD"] if route.method == "GET" else []), "PATCH", "OPTIONS"]
    for headers in (good, call.headers, {**good, "Accept": "text/html"}, {"X-Odd": "1"}):
        for method in methods:
            for body in (call.body, [], {"odd": "\ud800"}):
                is_told(house.send(method, call.path, headers, body), route.path)
    known = house.send(route.method, call.path, good, call.body)
    tag = dict(known.headers).get("etag")
    if tag:
        again = house.ask("GET", call.path, {**good, "If-None-Match": tag})
        assert again.status == 304
        is_told(again, route.path)
    is_page = isinstance(route.answer, Paper) and "text/html" in route.answer.kinds.values()
    if is_page and route.method == "GET":
        assert "x-frame-options" in known.names or route.path == "/docs"


def test_what_is_no_request_and_what_is_not_there(house: House) -> None:
    for sent in (b"BROKEN\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n"):
        with house.wire() as wire:
            wire.send(sent)
            answer = wire.answer()
        assert answer is not None
        is_told(answer, "")
    for path in ("/", "/nothing", "/v1/MANAGERS"):
        is_told(house.ask("GET", path), path)


def test_a_preflight(house: House) -> None:
    headers = {"Host": "riyadh.example", "Origin": "https://riyadh.example"}
    answer = house.ask("OPTIONS", "/api/v1/cart/loyalty/balance", headers)
    assert answer.status == 204
    is_told(answer, "")


def test_a_fault_too(tmp_path: Path) -> None:
    with open_house(tmp_path, is_whole=False) as broken:
        world = broken.world
        headers = broken.manager(world.riyadh)
        world.engine.vault._writer.execute("ALTER TABLE partner_tokens RENAME TO gone")
        answer = broken.ask("GET", "/v1/managers/account/profile", headers)
        assert answer.status == 500
        is_told(answer, "")
