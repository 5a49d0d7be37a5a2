"""What a browser at the shop may do: the session that it keeps, whose pages may write, and CORS.

Source: contract, decisions, section 5.
"""

import re

import pytest

from nuqta.api.routes import TABLE
from nuqta.web.origins import COOKIE, is_own_origin
from tests.http.server import Answer, House
from tests.orders.shop import Shop
from tests.tidy import ROOT

HOST = {"Host": "riyadh.example"}
OWN = "https://riyadh.example"
CART = "/api/v1/cart/loyalty"
SESSION = "/api/v1/auth/session"


def kept(alone: House) -> dict[str, str]:
    """Aisha's browser after the shop has handed her session over."""
    token = alone.world.login(alone.world.aisha)
    answer = alone.send("POST", SESSION, {**HOST, "X-CUSTOMER-TOKEN": token})
    assert answer.status == 200
    assert answer.json == {"ok": True}
    cookie = answer["set-cookie"]
    for rule in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/api/v1"):
        assert f"; {rule}" in cookie
    assert "Domain" not in cookie
    value = cookie.partition(";")[0]
    assert value == f"{COOKIE}={token}"
    return {**HOST, "Cookie": f"other=1; {value}"}


def method_of(alone: House, points: int = 40) -> str:
    return Shop(alone, alone.world.riyadh).method(points=points).method_id


def apply(alone: House, headers: dict[str, str]) -> Answer:
    return alone.send("POST", f"{CART}/redemptions", headers, {"method_ids": [method_of(alone)]})


def test_a_browser_looks_and_redeems(alone: House) -> None:
    world = alone.world
    world.adjust(world.aisha, 120)
    browser = kept(alone)
    assert alone.send("GET", f"{CART}/balance", browser).json == {"balance": 120}
    earned = alone.send("GET", f"{CART}/calculate?cart_total=250.75", browser)
    assert earned.json == {"points": 250}
    own = {**browser, "Origin": OWN}
    answer = apply(alone, own)
    assert answer.json["ok"] is True
    assert alone.send("GET", f"{CART}/balance", browser).json == {"balance": 80}
    assert alone.send("DELETE", f"{CART}/redemptions", own).json["ok"] is True
    assert alone.send("GET", f"{CART}/balance", browser).json == {"balance": 120}
    page = alone.send("GET", f"{CART}/wallet?page=1&page_size=1", browser).json
    assert (page["count"], page["page"], page["page_size"]) == (1, 1, 1)
    assert page["results"][0]["type"] == "ManualAccumulation"
    (option,) = alone.send("GET", f"{CART}/redemption-options", browser).json["options"]
    assert option["points_to_redeem"] == 40


@pytest.mark.parametrize(
    ("sign", "value", "status"),
    [
        ("Origin", OWN, 200),
        ("Sec-Fetch-Site", "same-origin", 200),
        ("Origin", "https://evil.example", 403),
        ("Origin", "https://riyadh.example.evil.example", 403),
        ("Origin", "https://evil.riyadh.example", 403),
        ("Origin", "http://riyadh.example", 403),
        ("Origin", "https://riyadh.example:8443", 403),
        ("Origin", "null", 403),
        ("Origin", "", 403),
        ("Origin", f"{OWN}/", 403),
        ("Origin", "http://localhost:3000", 403),
        ("Origin", "https://127.0.0.1", 403),
        ("Sec-Fetch-Site", "same-site", 403),
        ("Sec-Fetch-Site", "cross-site", 403),
        ("Sec-Fetch-Site", "none", 403),
        ("Referer", f"{OWN}/cart", 403),
    ],
)
def test_a_cookie_writes_for_the_shops_own_pages_alone(
    alone: House, sign: str, value: str, status: int
) -> None:
    world = alone.world
    world.adjust(world.aisha, 100)
    browser = kept(alone)
    answer = apply(alone, {**browser, sign: value})
    assert answer.status == status, answer.body
    assert answer.code == ("" if status == 200 else "ERROR_ORIGIN_REFUSED")
    assert world.balance(world.aisha).held == (40 if status == 200 else 0)
    assert alone.send("GET", f"{CART}/balance", {**browser, sign: value}).status == 200


def test_this_machine_is_a_shop_only_where_it_is_asked_itself(alone: House) -> None:
    """In a database with a single store any host is that store, and a developer's own is one."""
    tokens = {"Host": "riyadh.example", "X-CUSTOMER-TOKEN": alone.world.login(alone.world.aisha)}
    origin = {"Origin": "http://localhost:3000"}
    answer = alone.send("GET", f"{CART}/balance", {**tokens, **origin})
    assert answer.status == 200
    assert "access-control-allow-origin" not in answer.names
    store, reader = alone.world.riyadh, alone.world.engine.vault.reader()
    for host, is_own in (("localhost:8080", True), ("127.0.0.1", True), ("riyadh.example", False)):
        headers = {b"host": host.encode(), b"origin": b"http://localhost:3000"}
        assert is_own_origin(reader, store, headers) == is_own


@pytest.mark.parametrize(
    "others",
    [
        'prefs={"a":1}', 'prefs={"a": 1, "b":"c"}', "name=\xd8\xa7", "a b=c d", "=x", "x", "",
        'a="b', "a[0]=1", "path=/", "a=b,c", "nuqta_session=", "NUQTA_SESSION=x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_first", [True, False])
def test_no_other_cookie_hides_the_session(alone: House, others: str, is_first: bool) -> None:
    """Analytics and chats of a shop set cookies that no grammar allows."""
    ours = kept(alone)["Cookie"]
    line = f"{others}; {ours}" if is_first else f"{ours}; {others}"
    assert alone.ask("GET", f"{CART}/balance", {**HOST, "Cookie": line}).status == 200
    twice = [*HOST.items(), ("Cookie", others), ("Cookie", ours)]
    assert alone.ask("GET", f"{CART}/balance", twice).status == 200


def test_of_two_sessions_neither_counts(alone: House) -> None:
    """A neighbouring domain can add a cookie of that name, and so lead a customer's browser into
    another's account."""
    ours = kept(alone)["Cookie"]
    theirs = f"{COOKIE}={alone.world.login(alone.world.badr)}"
    for line in (f"{ours}; {theirs}", f"{theirs}; {ours}"):
        answer = alone.ask("GET", f"{CART}/balance", {**HOST, "Cookie": line})
        assert answer.code == "ERROR_SESSION_INVALID"


def test_an_origin_counts_for_more_than_what_the_browser_says_of_it(alone: House) -> None:
    browser = {**kept(alone), "Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}
    assert apply(alone, browser).code == "ERROR_ORIGIN_REFUSED"


def test_who_sends_the_token_itself_writes_from_anywhere(alone: House) -> None:
    world = alone.world
    world.adjust(world.aisha, 100)
    headers = {**HOST, "X-CUSTOMER-TOKEN": world.login(world.aisha), "Origin": "https://x.example"}
    assert apply(alone, headers).status == 200


def test_the_session_ends_and_the_cookie_goes(alone: House) -> None:
    browser = kept(alone)
    assert alone.send("DELETE", SESSION, browser).code == "ERROR_ORIGIN_REFUSED"
    answer = alone.send("DELETE", SESSION, {**browser, "Origin": OWN})
    assert answer["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0;")
    assert alone.send("GET", f"{CART}/balance", browser).code == "ERROR_SESSION_INVALID"


def test_a_cookie_alone_makes_no_session_to_keep(alone: House) -> None:
    browser = {**kept(alone), "Origin": OWN}
    assert alone.send("POST", SESSION, browser).code == "ERROR_SESSION_MISSING"


def test_cors_is_for_the_shops_own_domains(alone: House) -> None:
    browser = kept(alone)
    mine = alone.send("GET", f"{CART}/balance", {**browser, "Origin": OWN})
    assert mine["access-control-allow-origin"] == OWN
    assert mine["access-control-allow-credentials"] == "true"
    others = alone.send("GET", f"{CART}/balance", {**browser, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in others.names
    assert ("vary", "Origin") in others.headers
    ask = {**HOST, "Access-Control-Request-Method": "POST"}
    early = alone.ask("OPTIONS", f"{CART}/redemptions", {**ask, "Origin": OWN})
    assert early.status == 204
    assert early["access-control-allow-origin"] == OWN
    assert {"POST", "DELETE"} <= set(early["access-control-allow-methods"].split(", "))
    assert "X-CUSTOMER-TOKEN" in early["access-control-allow-headers"]
    no = alone.ask("OPTIONS", f"{CART}/redemptions", {**ask, "Origin": "https://evil.example"})
    assert no.status == 405
    assert "access-control-allow-origin" not in no.names
    path = f"/v1/customers/loyalty-program/{alone.world.riyadh.store_id}/points"
    assert "access-control-allow-origin" not in alone.ask("GET", path, {"Origin": OWN}).names


@pytest.mark.parametrize(
    "host", ["riyadh.example", "RIYADH.Example", "riyadh.example:443", "riyadh.example."]
)
def test_the_store_is_found_by_its_domain(alone: House, host: str) -> None:
    token = alone.world.login(alone.world.aisha)
    answer = alone.send("GET", f"{CART}/balance", {"Host": host, "X-CUSTOMER-TOKEN": token})
    assert answer.status == 200


@pytest.mark.parametrize("host", ["nobody.example", "", "x.riyadh.example", "riyadh.example@x"])
def test_another_host_is_no_store(alone: House, host: str) -> None:
    token = alone.world.login(alone.world.aisha)
    headers = {"Host": host, "X-CUSTOMER-TOKEN": token, "X-Forwarded-Host": "riyadh.example"}
    assert alone.send("GET", f"{CART}/balance", headers).code == "ERROR_STORE_NOT_FOUND"


@pytest.mark.parametrize(
    "sent", [None, [], ["a", "b"], "", 5, [5], [""], {"id": "x"}, [["x"]], [None]]
)
def test_one_method_is_applied(alone: House, sent: object) -> None:
    headers = {**HOST, "X-CUSTOMER-TOKEN": alone.world.login(alone.world.aisha)}
    answer = alone.send("POST", f"{CART}/redemptions", headers, {"method_ids": sent})
    assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK")
    assert list(answer.json)[3:] == ["method_ids"]


def test_the_script_calls_what_there_is(alone: House) -> None:
    answer = alone.ask("GET", "/storefront/zid.js", HOST)
    assert answer["content-type"].startswith("text/javascript")
    again = alone.ask("GET", "/storefront/zid.js", {**HOST, "If-None-Match": answer["etag"]})
    assert (again.status, again.body) == (304, b"")
    script = answer.body.decode()
    calls = set(re.findall(r'call\("([A-Z]+)", "(/[a-z-]+)', script))
    known = {
        (route.method, route.path.removeprefix(CART))
        for route in TABLE
        if route.path.startswith(CART)
    }
    assert calls == known - {("GET", "/wallet")}
    names = set(re.findall(r"^    (\w+): function", script, re.MULTILINE))
    assert names == {
        "getCalculatedPoints", "getCustomerLoyaltyPoints", "getRedemptionMethods",
        "addRedemptionMethod", "removeRedemptionMethod",
    }  # fmt: skip
    page = (ROOT / "docs" / "compatibility.md").read_text()
    assert "Storefront: balance" in page
