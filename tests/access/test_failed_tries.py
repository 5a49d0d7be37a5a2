"""Tries in vain are counted, by address and by the network around it; a right credential is served
whatever else its address has tried.

The limit is three a minute of an address, five of a network. Source: docs/decisions/0013.
"""

from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from nuqta.api.routes import TABLE
from nuqta.settings import Settings
from nuqta.web.guard import around, failed, take_back
from nuqta.web.limiter import Limiter, Memory, Shared, limiters, make_shared
from nuqta.web.routes import Route
from tests.access.conftest import FORWARDED
from tests.attack.test_paces import frozen
from tests.calls.callers import pair_of, right
from tests.calls.oauth import EMAIL, PASSWORD, an_app, tokens, with_password
from tests.contract.oauth.browser import Browser
from tests.http.server import Answer, House, open_house
from tests.http.test_access import BY_WHO, call, name_of
from tests.orders.shop import Shop, basic

MOST: Final = 3
MOST_AROUND: Final = 5
ROUTES = [route for route in TABLE if route.who not in ("page", "public")]
_networks = count(1)


def network() -> str:
    """A network of 256 addresses from which nobody has called: its first three numbers."""
    number = next(_networks)
    return f"8.{number // 256}.{number % 256}"


def sent(house: House, route: Route, headers: dict[str, str], address: str) -> Answer:
    """The route's call from an address; what came before is what anybody could have put there."""
    return house.send(*call(house, route, {**headers, FORWARDED: f"1.1.1.1, {address}"}))


def is_refused(answer: Answer) -> bool:
    """Whether the caller has to wait; a refusal of this kind says for how long."""
    if answer.status != 429:
        return False
    assert answer.code == "ERROR_TOO_MANY_REQUESTS"
    assert 1 <= int(answer["retry-after"]) <= 60 // MOST
    return True


TRIES: Final = ("ERROR_AUTHORIZATION_INVALID", "ERROR_SESSION_INVALID")


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_wrong_credential_counts(strict: House, route: Route) -> None:
    for name, (case, status, code) in BY_WHO[route.who].items():
        if "expired" in name or (name == "too little scope" and not route.scope):
            continue
        address = f"{network()}.1"
        answers = []
        for _ in range(MOST + 2):
            headers = case(strict, route)
            if name == "unknown host":
                headers["Host"] = "nobody.example"
            answers.append(sent(strict, route, headers, address))
        over = [429] * 2 if code in TRIES else [status] * 2
        assert [answer.status for answer in answers] == [status] * MOST + over, name
        assert code not in TRIES or all(map(is_refused, answers[MOST:]))


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_who_shares_the_address_of_a_guesser_is_served(strict: House, route: Route) -> None:
    if "code" in [one.name for one in route.fields]:
        return  # whose call here has a wrong code, which is a try like any other
    wrong = next(case for case, _, code in BY_WHO[route.who].values() if code in TRIES)
    address = f"{network()}.1"
    while not is_refused(sent(strict, route, wrong(strict, route), address)):
        pass
    answer = sent(strict, route, right(strict, route), address)
    assert answer.status in (200, 422), answer.body


BALANCE = TABLE[0]


@pytest.mark.parametrize(
    ("addresses", "other"),
    [
        (["{}.1", "{}.2", "{}.3", "{}.255"], "{}.4"),
        (["2001:db8:0:{:x}00::1", "2001:db8:0:{:x}01::1", "2001:db8:0:{:x}ff:9::"],
         "2001:db8:0:{:x}7f::"),
        (["2001:db8:1:{:x}00::1", "2001:db8:1:{:x}00:5::2", "2001:db8:1:{:x}01::"],
         "2001:db8:1:{:x}55::"),
    ],
    ids=["IPv4", "IPv6", "IPv6, one house"],
)  # fmt: skip
def test_a_network_counts_together(strict: House, addresses: list[str], other: str) -> None:
    part = "1.9.7" if "." in other else 9
    away = "1.9.6" if "." in other else 8
    wrong = {"Authorization": "x"}
    statuses = [
        sent(strict, BALANCE, wrong, one.format(part)).status for one in addresses * 2
    ]  # fmt: skip
    assert statuses.count(401) == MOST_AROUND
    assert sent(strict, BALANCE, wrong, other.format(part)).status == 429, "of the same network"
    assert sent(strict, BALANCE, wrong, other.format(away)).status == 401, "of another"


def test_an_address_over_its_limit_leaves_its_network_alone(strict: House) -> None:
    part = network()
    wrong = {"Authorization": "x"}
    for _ in range(20):
        sent(strict, BALANCE, wrong, f"{part}.1")
    assert sent(strict, BALANCE, wrong, f"{part}.2").status == 401


def test_codes_are_counted_before_they_are_looked_at(strict: House) -> None:
    """Of a million codes, whoever might go on trying would find the right one."""
    path = f"/v1/stores/{strict.world.riyadh.store_id}/auth/"
    headers = {**strict.partner(strict.world.riyadh), FORWARDED: f"{network()}.1"}

    def code() -> str:
        start = len(strict.log.lines)
        body = {"email": "aisha@shop.example"}
        assert strict.send("POST", f"{path}login", headers, body).status == 200
        return strict.log.wait_for(r"\b(\d{6})\b", start)[1]

    def verify(code: str, who: dict[str, str], email: str = "aisha@shop.example") -> Answer:
        return strict.send("POST", f"{path}verify", who, {"email": email, "code": code})

    for _ in range(3 * MOST):  # a right code is no try
        assert verify(code(), headers).status == 200
    good = code()
    for number in range(MOST):
        answer = verify("000000", headers, f"nobody{number}@shop.example")
        assert answer.code == "ERROR_CODE_INVALID"
    assert is_refused(verify("000000", headers, "other@shop.example"))
    assert is_refused(verify(good, headers)), "which was not looked at"
    assert verify(good, {**headers, FORWARDED: f"{network()}.1"}).status == 200


def test_an_applications_secrets_codes_and_refresh_tokens(strict: House) -> None:
    app = an_app(strict)
    kept = tokens(strict, app)["refresh_token"]
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for path, values in (
        ("token", app.exchanging("x", client_secret="x")),
        ("token", app.exchanging("x")),
        ("token", app.exchanging("", grant_type="refresh_token", refresh_token="x")),
        ("revoke", {"client_id": app.client_id, "client_secret": "x", "token": "x"}),
    ):
        body = "&".join(f"{name}={one}" for name, one in values.items()).encode()
        headers = {**kind, FORWARDED: f"{network()}.1"}
        answers = [
            strict.ask("POST", f"/oauth/{path}", headers, body) for _ in range(MOST + 1)
        ]  # fmt: skip
        assert {answer.status for answer in answers[:MOST]} <= {400, 401}
        assert answers[MOST].status == 429
        assert answers[MOST].json["error"] == "temporarily_unavailable"
        assert 1 <= int(answers[MOST]["retry-after"]) <= 60 // MOST
        right_one = app.exchanging("", grant_type="refresh_token", refresh_token=kept)
        body = "&".join(f"{name}={one}" for name, one in right_one.items()).encode()
        served = strict.ask("POST", "/oauth/token", headers, body)
        assert served.status == 200, served.body
        kept = served.json["refresh_token"]


def test_what_an_application_misspells_is_no_try(strict: House) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", FORWARDED: f"{network()}.1"}
    app = an_app(strict)
    body = f"grant_type=password&client_id={app.client_id}&client_secret={app.secret}".encode()
    for sent_body in (b"", body):
        for _ in range(MOST + 2):
            assert strict.ask("POST", "/oauth/token", headers, sent_body).status == 400


def test_the_token_of_the_figures(tmp_path: Path) -> None:
    with open_house(tmp_path, failed_tries=MOST, metrics_token="m" * 32) as house:
        wrong = {"Authorization": "Bearer x"}
        answers = [house.ask("GET", "/metrics", wrong) for _ in range(MOST + 1)]
        assert [answer.status for answer in answers] == [401] * MOST + [429]
        assert is_refused(answers[MOST])
        right_one = {"Authorization": "Bearer " + "m" * 32}
        assert house.ask("GET", "/metrics", right_one).status == 200


class From(Browser):
    """A browser at an address."""

    def __init__(self, house: House, address: str) -> None:
        super().__init__(house)
        self.address = address

    def _headers(self) -> dict[str, str]:
        return {**super()._headers(), FORWARDED: self.address}


def test_passwords_are_counted_before_they_are_looked_at(strict: House) -> None:
    app, address = an_app(strict), f"{network()}.1"
    with_password(strict)

    def tried(email: str, password: str, address: str = address) -> int:
        browser = From(strict, address)
        return browser.sign_in(browser.get(app.asking()), email, password).status

    for _ in range(MOST + 2):
        assert tried(EMAIL, PASSWORD) == 303, "a right one is no try"
    statuses = [tried(f"nobody{number}@shop.example", PASSWORD) for number in range(MOST + 1)]
    assert statuses == [422] * MOST + [429]
    assert tried(EMAIL, PASSWORD) == 429
    assert tried(EMAIL, PASSWORD, f"{network()}.1") == 303


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    with open_house(tmp_path, failed_tries=0, failed_tries_prefix=1) as house:
        for _ in range(5):
            assert house.send(*call(house, BALANCE, {"Authorization": "x"})).status == 401


def test_pace_turned_off_leaves_tries_counted(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=0, failed_tries=1, failed_tries_prefix=0) as house:
        for status in (401, 429):
            assert house.send(*call(house, BALANCE, {"Authorization": "x"})).status == status


# -- the count -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "network"),
    [("1.2.3.4", "1.2.3.0/24"), ("1.2.3.0", "1.2.3.0/24"), ("", ""), ("testclient", ""),
     ("2001:db8:1:2ff::/64", "2001:db8:1:200::/56"),
     ("2001:db8:1:300::/64", "2001:db8:1:300::/56")],
)  # fmt: skip
def test_the_network_around(address: str, network: str) -> None:
    assert around(address) == network


@pytest.mark.parametrize("is_shared", [False, True])
def test_what_is_taken_back_has_not_counted(tmp_path: Path, is_shared: bool) -> None:
    make_shared(tmp_path, 1_000)
    settings = Settings({"NUQTA_FAILED_TRIES": "2"})
    paces = limiters(settings, tmp_path if is_shared else None)
    for _ in range(50):
        assert failed(paces, "1.2.3.4") == 0
        take_back(paces, "1.2.3.4")
    assert [failed(paces, "1.2.3.4") > 0 for _ in range(3)] == [False, False, True]
    take_back(paces, "1.2.3.4")
    assert failed(paces, "1.2.3.4") == 0
    assert failed(paces, "") == 0
    take_back(paces, "")


def test_taking_back_gives_exactly_one(tmp_path: Path) -> None:
    Shared.make(tmp_path / "table", 1_000)
    with closing(Shared(tmp_path / "table")) as shared:
        for buckets in (Memory(10), shared):
            limiter = Limiter(7, buckets, frozen)
            for _ in range(7):
                limiter.count(b"one")
            for _ in range(3):
                limiter.take_back(b"one")
            passed = [limiter.count(b"one") for _ in range(4)]
            assert [pace is not None and pace.wait_s == 0 for pace in passed] == [True] * 3 + [
                False
            ]


# -- orders ----------------------------------------------------------------------------------------
def test_a_stores_source_of_orders_has_a_pace(tmp_path: Path) -> None:
    with open_house(tmp_path, rate_limit=60, rate_limit_orders=2) as house:
        path = f"/v1/webhooks/orders/{house.world.riyadh.store_id}"
        headers = {"Authorization": pair_of(house)}
        answers = [house.send("POST", path, headers, {}) for _ in range(3)]
        assert [answer.status for answer in answers][2] == 429
        assert 429 not in [answer.status for answer in answers[:2]]
        assert answers[2].code == "ERROR_TOO_MANY_REQUESTS"
        assert answers[2]["ratelimit-limit"] == "2"
        wrong = {"Authorization": headers["Authorization"][:-4] + "AAA="}
        assert house.send("POST", path, wrong, {}).status == 401, "which is not the store's"
        made = Shop(house, house.world.kuwait).pair()
        other = {"Authorization": basic(made.username, made.password)}
        path = f"/v1/webhooks/orders/{house.world.kuwait.store_id}"
        assert house.send("POST", path, other, {}).status == 422, "another store's pace"
