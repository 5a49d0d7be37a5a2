"""The session in a browser among whatever else a browser keeps; the hosts that are not a store's.

Source: contract, decisions, sections 3 and 5; RFC 6265, section 5.4; RFC 9112, section 3.2.
"""

from pathlib import Path

import apsw
import pytest

from nuqta.engine import stores
from nuqta.engine.stores import Store, StoreWish
from nuqta.storage.sqlite import Transaction
from nuqta.web.origins import COOKIE
from tests.contract.storefront.test_browser import CART, HOST, OWN, SESSION
from tests.http.server import Answer, House, open_house
from tests.orders.shop import Shop

LOCAL = ("http://localhost:5173", "http://127.0.0.1", "https://localhost", "http://[::1]:3000")


def seen(house: House, headers: dict[str, str]) -> Answer:
    return house.send("GET", f"{CART}/balance", headers)


@pytest.mark.parametrize(
    "others",
    [
        '_ga={"a":1}; {}',
        "note=two words; {}",
        "flag; {}",
        "[x]=1; {}",
        "expires=1; path=/; {}",
        "name=\u0646\u0642\u0637\u0629; {}",
        "a==; {}; b=\\",
        ";;{};",
        '{}; q="half',
        f"x{COOKIE}=1; {{}}; {COOKIE}x=2",
        f"{COOKIE}=; {{}}",
        "{}; {}",
    ],
)
def test_other_cookies_hide_no_session(house: House, others: str) -> None:
    token = house.world.login(house.world.aisha)
    cookie = others.replace("{}", f"{COOKIE}={token}").encode().decode("latin-1")
    assert seen(house, {**HOST, "Cookie": cookie}).status == 200


def test_the_cookie_may_travel_over_plain_http_where_the_setting_says(tmp_path: Path) -> None:
    with open_house(tmp_path, cookie_secure=0) as one:
        token = one.world.login(one.world.aisha)
        for method in ("POST", "DELETE"):
            kept = one.send(method, SESSION, {**HOST, "X-CUSTOMER-TOKEN": token})["set-cookie"]
            assert "Secure" not in kept
            assert "HttpOnly; SameSite=Lax" in kept


def test_of_two_sessions_none_is_believed(house: House) -> None:
    """A page of a neighbouring domain can plant a cookie; it cannot read one."""
    world = house.world
    mine, planted = world.login(world.aisha), world.login(world.badr)
    for first, second in ((mine, planted), (planted, mine)):
        cookie = f"{COOKIE}={first}; {COOKIE}={second}"
        assert seen(house, {**HOST, "Cookie": cookie}).code == "ERROR_SESSION_INVALID"
    both = {**HOST, "Cookie": f"{COOKIE}={planted}", "X-CUSTOMER-TOKEN": mine}
    world.adjust(world.aisha, 7)
    assert seen(house, both).json == {"balance": world.balance(world.aisha).available}


def test_another_stores_session_is_none_here(house: House) -> None:
    token = house.world.login(house.world.clara)
    for sent in ({"Cookie": f"{COOKIE}={token}"}, {"X-CUSTOMER-TOKEN": token}):
        assert seen(house, {**HOST, **sent}).code == "ERROR_SESSION_INVALID"
    kept = house.send("POST", SESSION, {**HOST, "X-CUSTOMER-TOKEN": token})
    assert kept.code == "ERROR_SESSION_INVALID"
    assert "set-cookie" not in kept.names


def test_the_cookie_lives_as_long_as_the_session_can(alone: House) -> None:
    world = alone.world
    headers = {**HOST, "X-CUSTOMER-TOKEN": world.login(world.aisha)}
    world.time.forward(days=10)
    answer = alone.send("POST", SESSION, headers)
    left = world.engine.settings.session_hours * 3_600 - 10 * 86_400
    assert f"; Max-Age={left};" in answer["set-cookie"]


@pytest.mark.parametrize("call", ["storefront", "shopper"])
def test_a_session_in_use_is_not_idle(alone: House, call: str) -> None:
    world, settings = alone.world, alone.world.engine.settings
    token = world.login(world.aisha)
    path, headers = f"{CART}/balance", {**HOST, "X-CUSTOMER-TOKEN": token}
    if call == "shopper":
        store = world.riyadh.store_id
        path = f"/v1/customers/loyalty-program/{store}/point-redemption-methods"
        headers = alone.shopper(world.riyadh, token)
    idle = settings.session_idle_hours - 1
    for _ in range(settings.session_hours // idle):
        world.time.forward(hours=idle)
        assert alone.send("GET", path, headers).status == 200
        alone.settle()
    world.time.forward(hours=idle)
    assert alone.send("GET", path, headers).code == "ERROR_SESSION_EXPIRED"  # its latest end


def test_control_a_session_that_is_not_used_ends(alone: House) -> None:
    world = alone.world
    headers = {**HOST, "X-CUSTOMER-TOKEN": world.login(world.aisha)}
    world.time.forward(hours=world.engine.settings.session_idle_hours)
    assert seen(alone, headers).code == "ERROR_SESSION_EXPIRED"


# -- pages on the browser's own machine ------------------------------------------------------------
@pytest.mark.parametrize("origin", LOCAL)
def test_a_page_on_the_shoppers_machine_is_not_the_shops(house: House, origin: str) -> None:
    token = house.world.login(house.world.aisha)
    headers = {**HOST, "Cookie": f"{COOKIE}={token}", "Origin": origin}
    answer = seen(house, headers)
    assert (answer.status, "access-control-allow-origin" in answer.names) == (200, False)
    assert house.send("DELETE", f"{CART}/redemptions", headers).code == "ERROR_ORIGIN_REFUSED"
    assert house.ask("OPTIONS", f"{CART}/redemptions", headers).status == 405


@pytest.mark.parametrize("origin", LOCAL)
def test_a_theme_in_the_making_is_served_on_its_own_machine(alone: House, origin: str) -> None:
    def work(tx: Transaction) -> Store:
        wish = StoreWish("Local", "SAR", "UTC", ("localhost",))
        made = stores.create(tx, wish, alone.world.time.wall, "cli")
        assert isinstance(made, Store)
        return made

    store = alone.world.engine.door.write_now("open", work)
    token = alone.world.login(Shop(alone, store).somebody())
    headers = {"Host": "localhost:8000", "Cookie": f"{COOKIE}={token}", "Origin": origin}
    answer = alone.send("DELETE", f"{CART}/redemptions", headers)
    assert answer.status == 200, answer.body
    assert answer["access-control-allow-origin"] == origin


# -- hosts -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("target", "hosts"),
    [
        ("", ["kuwait.example", "riyadh.example"]),
        ("", ["riyadh.example", "riyadh.example"]),
        ("", []),
        ("", ["riyadh.example, kuwait.example"]),
        ("http://riyadh.example", ["kuwait.example"]),
    ],
)
def test_a_host_that_is_not_one_is_no_store(house: House, target: str, hosts: list[str]) -> None:
    token = house.world.login(house.world.aisha)
    lines = [f"GET {target}{CART}/balance HTTP/1.1", *(f"Host: {host}" for host in hosts)]
    lines += [f"X-CUSTOMER-TOKEN: {token}", "X-Forwarded-Host: riyadh.example", "", ""]
    with house.wire() as wire:
        wire.send("\r\n".join(lines).encode())
        answer = wire.answer()
    assert answer is not None
    assert answer.code in ("ERROR_STORE_NOT_FOUND", "ERROR_BAD_REQUEST")


def test_an_only_store_is_at_any_host(tmp_path: Path) -> None:
    with open_house(tmp_path, is_whole=False) as house:
        world = house.world
        headers = {"Host": "any.example:8080", "X-CUSTOMER-TOKEN": world.login(world.aisha)}
        assert seen(house, headers).code == "ERROR_STORE_NOT_FOUND"
        other = apsw.Connection(str(world.engine.vault.path))
        other.execute("DELETE FROM stores WHERE store_id = ?", (world.kuwait.store_id,))
        other.close()
        assert seen(house, headers).json == {"balance": 0}
        for origin in (OWN, "https://any.example"):  # where it is served is not whose it is
            answer = seen(house, {**headers, "Origin": origin})
            assert ("access-control-allow-origin" in answer.names) == (origin == OWN)
