"""Limits as Zid's: what every answer tells of them, whose they are, and where an address is one.

Source: contract, decisions, section 4, 19; draft-ietf-httpapi-ratelimit-headers-10.
"""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from nuqta.api.routes import TABLE
from nuqta.engine.access import partners
from nuqta.web.guard import address_of
from nuqta.web.routes import Route
from tests.calls.callers import good, send
from tests.http.server import Answer, House, open_house, path_of

NAMES = [
    "ratelimit", "ratelimit-limit", "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset",
]  # fmt: skip
UNCOUNTED = ("page",)
MINUTE = 60


def told(answer: Answer) -> tuple[int, int, int] | None:
    """Limit, remaining and reset of an answer, whose old and new fields agree; None without."""
    found = [name for name in answer.names if name.startswith("ratelimit")]
    if not found:
        return None
    assert found == NAMES, answer.head
    limit, left = int(answer["ratelimit-limit"]), int(answer["ratelimit-remaining"])
    reset_s = int(answer["ratelimit-reset"])
    assert answer["ratelimit-policy"] == f'"default";q={limit};w=60'
    assert answer["ratelimit"] == f'"default";r={left};t={reset_s}'
    assert 0 <= left < limit
    assert 1 <= reset_s <= MINUTE
    return limit, left, reset_s


def left(answer: Answer) -> int:
    """How many more may come; -1 where nothing was counted."""
    found = told(answer)
    return -1 if found is None else found[1]


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with limits that no test reaches."""
    with open_house(
        tmp_path_factory.mktemp("house"), rate_limit=1_000, rate_limit_shopper=900,
        rate_limit_address=800,
        rate_limit_orders=700,
    ) as house:  # fmt: skip
        yield house


def asked(house: House, route: Route) -> Answer:
    """The answer to a route's good call."""
    return send(house, route, *good(house, route))


def name_of(route: Route) -> str:
    return f"{route.method} {route.path}"


# -- on every answer ------------------------------------------------------------------------------


@pytest.mark.parametrize("route", TABLE, ids=name_of)
def test_every_counted_route_says_so(limited: House, route: Route) -> None:
    answer = asked(limited, route)
    limits = {"manager": 1_000, "public": 800, "source": 700}
    found = told(answer)
    if route.who in UNCOUNTED or (route.who == "partner" and not route.paced_by):
        assert found is None
    else:
        assert found is not None
        assert found[0] == limits.get(route.who, 900)


@pytest.mark.parametrize("route", TABLE, ids=name_of)
def test_no_route_speaks_of_a_limit_that_is_off(house: House, route: Route) -> None:
    assert told(asked(house, route)) is None


def test_the_first_answer_and_the_last_one(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, rate_limit_shopper=2) as house:
        aisha, token = house.world.aisha, house.world.login(house.world.aisha)
        assert told(house.balance(aisha, token)) == (2, 1, 30)
        known = house.balance(aisha, token)
        over = house.balance(aisha, token)
        assert [known.status, over.status] == [200, 429]
        assert [left(known), left(over)] == [0, 0]
        assert 1 <= int(over["retry-after"]) <= 30
        found = told(over)
        assert found is not None
        assert int(over["retry-after"]) <= found[2], "one more may come before all may"


def test_errors_after_the_count_say_it_and_those_before_do_not(tmp_path: Path) -> None:
    with open_house(tmp_path, is_whole=False, rate_limit=60, rate_limit_shopper=10) as house:
        world, aisha = house.world, house.world.aisha
        token = world.login(aisha)
        right_one = house.shopper(world.riyadh, token)
        path = path_of(world.riyadh.store_id)
        etag = house.balance(aisha, token)["etag"]
        assert left(house.balance(aisha, token, if_none_match=etag)) == 8
        assert left(house.ask("HEAD", path, right_one)) == 7
        assert left(house.balance(aisha, token, accept="text/html")) == 6
        unknown = house.ask("GET", path, {**right_one, "X-CUSTOMER-TOKEN": "x"})
        assert (unknown.status, left(unknown)) == (401, 9)
        for status, where, headers in (
            (401, path, {**right_one, "Authorization": "x"}), (401, path, {}),
            (404, path_of(1), right_one), (404, "/nothing", right_one),
        ):  # fmt: skip
            answer = house.ask("GET", where, headers)
            assert (answer.status, told(answer)) == (status, None)
        assert told(house.ask("POST", path, right_one)) is None
        other = apsw.Connection(str(world.engine.vault.path))
        other.execute("UPDATE accounts SET available = available + 1")
        other.close()
        broken = house.balance(aisha, token)
        assert (broken.status, left(broken)) == (503, 5)


def test_a_manager_is_told_whatever_becomes_of_the_call(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=4) as house:
        headers = house.manager(house.world.riyadh)
        login = "/v1/managers/store/customers/99/login"
        statuses = [
            house.ask("DELETE", login, headers), house.ask("POST", login, headers, b"{"),
            house.ask("POST", login, {**headers, "Accept": "text/html"}, b"{}"),
            house.ask("POST", login, headers, b"{}"), house.ask("POST", login, headers, b"{}"),
        ]  # fmt: skip
        assert [answer.status for answer in statuses] == [404, 400, 406, 404, 429]
        assert [left(answer) for answer in statuses] == [3, 2, 1, 0, 0]
        nobody = house.ask("POST", login, house.partner(house.world.riyadh), b"{}")
        assert (nobody.status, told(nobody)) == (401, None)


# -- whose -----------------------------------------------------------------------------------------


def limit(house: House, managers: int | None, shoppers: int | None, partner: int = 0) -> None:
    """Limits of its own for the world's partner on Riyadh, or for another."""
    world = house.world
    number = partner or world.tokens[world.riyadh.store_id].partner_id
    world.engine.door.write_now(
        "limit",
        lambda tx: partners.change_pace(tx, number, world.riyadh.store_id, managers, shoppers),
    )


def status_of(house: House) -> Answer:
    """A manager's call, on Riyadh."""
    path = "/v1/managers/loyalty-program/loyalty-status"
    return house.ask("GET", path, house.manager(house.world.riyadh))


def test_a_limit_of_a_partners_own_counts_at_once_and_only_there(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=50, rate_limit_shopper=40) as house:
        world = house.world
        token = world.login(world.aisha)
        wallet = path_of(world.riyadh.store_id).replace("/points", "/wallet")

        def limits() -> list[int | None]:
            shopper = house.shopper(world.riyadh, token)
            answers = [
                status_of(house), house.balance(world.aisha, token),
                house.ask("GET", wallet, shopper),
            ]  # fmt: skip
            return [found and found[0] for found in map(told, answers)]

        assert limits() == [50, 40, 40]
        limit(house, 30, None)
        assert limits() == [30, 40, 40]
        limit(house, None, 20)
        assert limits() == [30, 20, 20]
        limit(house, 0, 0)
        assert limits() == [None, None, None]
        limit(house, -1, 35)
        assert limits() == [50, 35, 35]
        other = world.install(world.riyadh)
        headers = {"Authorization": other.authorization, "X-CUSTOMER-TOKEN": token}
        answer = house.ask("GET", path_of(world.riyadh.store_id), headers)
        assert (told(answer) or [0])[0] == 40, "another partner has the setting's"
        away = house.balance(world.clara, world.login(world.clara))
        assert (told(away) or [0])[0] == 40, "and so has the same one on another store"


def test_a_partners_own_limit_is_kept(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=50, rate_limit_shopper=0) as house:
        limit(house, 2, 1)
        assert [status_of(house).status for _ in range(3)] == [200, 200, 429]
        token = house.world.login(house.world.aisha)
        statuses = [house.balance(house.world.aisha, token).status for _ in range(2)]
        assert statuses == [200, 429], "though the setting has none for shoppers"
        clara = house.world.login(house.world.clara)
        assert told(house.balance(house.world.clara, clara)) is None


def test_no_limit_at_all_is_none_of_a_partners_own_either(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=0) as house:
        limit(house, 1, 1)
        token = house.world.login(house.world.aisha)
        answers = [house.balance(house.world.aisha, token) for _ in range(3)]
        answers += [status_of(house) for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 6
        assert [told(answer) for answer in answers] == [None] * 6


def test_a_login_is_counted_by_its_address_at_the_partners_own_pace(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=50, rate_limit_shopper=40) as house:
        limit(house, None, 1)
        riyadh = house.world.riyadh
        path = f"/v1/stores/{riyadh.store_id}/auth/login"

        def ask(email: str) -> int:
            return house.send("POST", path, house.partner(riyadh), {"email": email}).status

        assert [ask("a@b.example"), ask("a@b.example"), ask("c@b.example")] == [200, 429, 200]


# -- addresses -------------------------------------------------------------------------------------


def test_an_address_is_counted_by_what_the_proxy_says_of_it(tmp_path: Path) -> None:
    with open_house(
        tmp_path, rate_limit=60, rate_limit_address=1, proxy_header="X-Forwarded-For"
    ) as house:
        store = house.world.riyadh.store_id
        path = f"/v2/catalog/customers/loyalty-program/{store}/loyalty-status"

        def ask(*said: str) -> int:
            return house.ask("GET", path, [("X-Forwarded-For", one) for one in said]).status

        assert [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")] == [200, 429, 200]
        assert ask("192.0.2.99, 192.0.2.1") == 429, "what a caller sends itself counts nothing"
        assert ask("192.0.2.99", "192.0.2.2") == 429, "nor on a line of its own"
        assert [ask(), ask(), ask("unknown")] == [200, 429, 429], "else it is the proxy's own"


def test_without_a_proxy_a_header_says_nothing(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, rate_limit_address=1) as house:
        store = house.world.riyadh.store_id
        path = f"/v2/catalog/customers/loyalty-program/{store}/loyalty-status"
        sent = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(3)]
        assert [house.ask("GET", path, one).status for one in sent] == [200, 429, 429]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (None, "198.51.100.7"), ("", "198.51.100.7"), ("x", "198.51.100.7"),
        ("192.0.2.1", "192.0.2.1"), (" 10.0.0.1 , 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1,", "198.51.100.7"), ("192.0.2.1:4711", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"), ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("[2001:DB8:1:2::9]:80", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"),
        ("192.0.2.1:x", "198.51.100.7"), ("1.2.3", "198.51.100.7"), ("\xff", "198.51.100.7"),
        ("9" * 30_000, "198.51.100.7"), ("[" * 60, "198.51.100.7"),
    ],
)  # fmt: skip
def test_one_caller_is_one_address(sent: str | None, expected: str) -> None:
    headers = {} if sent is None else {b"x-real-ip": sent.encode("latin-1")}
    assert address_of(headers, "198.51.100.7", "X-Real-IP") == expected
    assert address_of(headers, "198.51.100.7", "") == "198.51.100.7"


def test_a_client_without_an_address_is_one_caller() -> None:
    assert address_of({}, "", "") == ""
    assert address_of({}, "2001:db8::1", "") == "2001:db8::/64"
    assert address_of({}, "local", "X-Real-IP") == "local"
