"""Who may call: every route of the table, asked by everybody who may not, and by one who may.

The rows are made from `nuqta.api.routes.TABLE`: a route of a kind that has no row here fails.
Source: contract, decisions, sections 1 and 3.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import apsw
import pytest

from nuqta.api.routes import TABLE
from nuqta.engine.access import credentials, partners
from nuqta.engine.access.partners import Installed
from nuqta.storage.sqlite import Transaction
from nuqta.web.routes import Route
from tests.calls.callers import pair_of, right
from tests.calls.every import call_of
from tests.http.server import Answer, House, open_house
from tests.orders.shop import Shop, basic

Headers: TypeAlias = dict[str, str]
Case: TypeAlias = Callable[[House, Route], Headers]
UNKNOWN_PARTNER = "nqp_00000000_" + "0" * 64
UNKNOWN_MANAGER = "nqm_00000000_" + "0" * 64
UNKNOWN_SESSION = "nqc_00000000_1_" + "0" * 64


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[House]:
    """A house of the test's own: some callers are made by years."""
    with open_house(tmp_path) as house:
        yield house


def ask(house: House, route: Route, headers: Headers) -> Answer:
    """The route's call about Aisha, in Riyadh."""
    return house.send(*call(house, route, headers))


def call(house: House, route: Route, headers: Headers) -> tuple[str, str, Headers, object]:
    """What is sent; what the call is about is made here."""
    one = call_of(route, house)
    return route.method, one.path, {**one.headers, **headers}, one.body


def replaced(name: str, value: str | None) -> Case:
    """Everything right but one header."""

    def case(house: House, route: Route) -> Headers:
        headers = right(house, route)
        headers.pop(name)
        return headers if value is None else {**headers, name: value}

    return case


def manager_for_partner(house: House, route: Route) -> Headers:
    access = house.world.tokens[house.world.riyadh.store_id].access_token
    return {**right(house, route), "Authorization": f"Bearer {access}"}


def session_for_partner(house: House, route: Route) -> Headers:
    token = house.world.login(house.world.aisha)
    return {**right(house, route), "Authorization": f"Bearer {token}"}


def revoked_partner(house: House, route: Route) -> Headers:
    headers = right(house, route)
    gone = house.world.install(house.world.riyadh, name="Gone")
    forget(house, gone.authorization)
    return {**headers, "Authorization": gone.authorization}


def expired_partner(house: House, route: Route) -> Headers:
    headers = right(house, route)
    house.world.time.forward(days=365)
    return headers


def not_installed(house: House, route: Route) -> Headers:
    """A partner of the other store; for a manager's route, one that was taken off the store."""
    headers = right(house, route)
    world = house.world
    if route.who != "manager":
        return {**headers, "Authorization": world.install(world.kuwait).authorization}
    gone = world.install(world.riyadh, name="Gone")
    other = apsw.Connection(str(world.engine.vault.path))
    other.execute("DELETE FROM installations WHERE partner_id = ?", (gone.partner_id,))
    other.close()
    return {"Authorization": gone.authorization, "X-Manager-Token": gone.access_token}


def too_little(house: House, route: Route) -> Headers:
    headers = right(house, route)
    world = house.world
    scope = "orders.read" if route.scope != "orders.read" else "customers.read"
    little = world.install(world.riyadh, scope, name="Little")
    headers["Authorization"] = little.authorization
    if route.who == "manager":
        headers["X-Manager-Token"] = little.access_token
    return headers


def strangers_manager(house: House, route: Route) -> Headers:
    stranger = house.world.install(house.world.riyadh, name="Stranger")
    return {**right(house, route), "X-Manager-Token": stranger.access_token}


def partner_for_manager(house: House, route: Route) -> Headers:
    token = house.world.tokens[house.world.riyadh.store_id].authorization
    return {**right(house, route), "X-Manager-Token": token}


def session_for_manager(house: House, route: Route) -> Headers:
    return {**right(house, route), "X-Manager-Token": house.world.login(house.world.aisha)}


def revoked_manager(house: House, route: Route) -> Headers:
    gone = house.world.install(house.world.riyadh, name="Gone")
    forget(house, gone.access_token)
    return {"Authorization": gone.authorization, "X-Manager-Token": gone.access_token}


def expired_manager(house: House, route: Route) -> Headers:
    """The manager's token is a year old, the partner's is of today."""
    headers = right(house, route)
    world = house.world
    world.time.forward(days=364)
    again = world.engine.door.write_now("install", lambda tx: install(house, tx))
    world.time.forward(days=1)
    return {**headers, "Authorization": again}


def install(house: House, tx: Transaction) -> str:
    """Further tokens for the world's partner."""
    world = house.world
    installed = partners.install(
        tx, world.engine.keyring, world.partner, world.riyadh.store_id, "", world.time.wall
    )
    assert isinstance(installed, Installed)
    return installed.authorization


def foreign_session(house: House, route: Route) -> Headers:
    return {**right(house, route), "X-CUSTOMER-TOKEN": house.world.login(house.world.clara)}


def revoked_session(house: House, route: Route) -> Headers:
    headers = right(house, route)
    path = "/v1/managers/store/customers/1/login"
    assert house.ask("DELETE", path, house.manager(house.world.riyadh)).status == 200
    return headers


def expired_session(house: House, route: Route) -> Headers:
    headers = right(house, route)
    house.world.time.forward(days=90)
    return headers


def partner_for_session(house: House, route: Route) -> Headers:
    token = house.world.tokens[house.world.riyadh.store_id].authorization
    return {**right(house, route), "X-CUSTOMER-TOKEN": token}


def forget(house: House, token: str) -> None:
    """Revoke one token."""
    engine = house.world.engine
    digest = engine.keyring.digest(token)
    engine.door.write_now(
        "revoke", lambda tx: tx.rows_of("DELETE FROM partner_tokens WHERE digest = ?", (digest,))
    )


def partner_for_pair(house: House, route: Route) -> Headers:
    pair_of(house)
    return house.partner(house.world.riyadh)


def wrong_password(house: House, route: Route) -> Headers:
    made = Shop(house, house.world.riyadh).pair()
    return {"Authorization": basic(made.username, made.password[:-1] + "x")}


def wrong_username(house: House, route: Route) -> Headers:
    made = Shop(house, house.world.riyadh).pair()
    return {"Authorization": basic(made.username + "0", made.password)}


def foreign_pair(house: House, route: Route) -> Headers:
    pair_of(house)
    made = Shop(house, house.world.kuwait).pair()
    return {"Authorization": basic(made.username, made.password)}


def replaced_pair(house: House, route: Route) -> Headers:
    former = right(house, route)
    pair_of(house)
    return former


def revoked_pair(house: House, route: Route) -> Headers:
    headers = right(house, route)
    world = house.world
    assert world.engine.door.write_now(
        "revoke", lambda tx: credentials.revoke(tx, world.riyadh.store_id)
    )
    return headers


PARTNER: dict[str, tuple[Case, int, str]] = {
    "no credential": (lambda house, route: {}, 401, "ERROR_AUTHORIZATION_MISSING"),
    "no partner": (replaced("Authorization", None), 401, "ERROR_AUTHORIZATION_MISSING"),
    "malformed": (replaced("Authorization", "Bearer x"), 401, "ERROR_AUTHORIZATION_INVALID"),
    "unknown": (replaced("Authorization", UNKNOWN_PARTNER), 401, "ERROR_AUTHORIZATION_INVALID"),
    "manager's token for partner's": (manager_for_partner, 401, "ERROR_AUTHORIZATION_INVALID"),
    "session for partner's": (session_for_partner, 401, "ERROR_AUTHORIZATION_INVALID"),
    "revoked": (revoked_partner, 401, "ERROR_AUTHORIZATION_INVALID"),
    "expired": (expired_partner, 401, "ERROR_AUTHORIZATION_INVALID"),
    "not installed": (not_installed, 404, "ERROR_STORE_NOT_FOUND"),
    "too little scope": (too_little, 403, "ERROR_FORBIDDEN"),
}
MANAGER: dict[str, tuple[Case, int, str]] = {
    "no manager": (replaced("X-Manager-Token", None), 401, "ERROR_SESSION_MISSING"),
    "malformed manager": (replaced("X-Manager-Token", "x"), 401, "ERROR_SESSION_INVALID"),
    "unknown manager": (replaced("X-Manager-Token", UNKNOWN_MANAGER), 401, "ERROR_SESSION_INVALID"),
    "another partner's manager": (strangers_manager, 401, "ERROR_SESSION_INVALID"),
    "partner's token for manager's": (partner_for_manager, 401, "ERROR_SESSION_INVALID"),
    "session for manager's": (session_for_manager, 401, "ERROR_SESSION_INVALID"),
    "revoked manager": (revoked_manager, 401, "ERROR_SESSION_INVALID"),
    "expired manager": (expired_manager, 401, "ERROR_SESSION_EXPIRED"),
}
SHOPPER: dict[str, tuple[Case, int, str]] = {
    "no session": (replaced("X-CUSTOMER-TOKEN", None), 401, "ERROR_SESSION_MISSING"),
    "malformed session": (replaced("X-CUSTOMER-TOKEN", "x"), 401, "ERROR_SESSION_INVALID"),
    "unknown session": (
        replaced("X-CUSTOMER-TOKEN", UNKNOWN_SESSION), 401, "ERROR_SESSION_INVALID",
    ),
    "another store's session": (foreign_session, 401, "ERROR_SESSION_INVALID"),
    "revoked session": (revoked_session, 401, "ERROR_SESSION_INVALID"),
    "expired session": (expired_session, 401, "ERROR_SESSION_EXPIRED"),
    "partner's token for session": (partner_for_session, 401, "ERROR_SESSION_INVALID"),
}  # fmt: skip
SOURCE: dict[str, tuple[Case, int, str]] = {
    "no credential": (lambda house, route: {}, 401, "ERROR_AUTHORIZATION_MISSING"),
    "malformed": (replaced("Authorization", "Basic x"), 401, "ERROR_AUTHORIZATION_INVALID"),
    "empty pair": (replaced("Authorization", basic("", "")), 401, "ERROR_AUTHORIZATION_INVALID"),
    "partner's token for pair": (partner_for_pair, 401, "ERROR_AUTHORIZATION_INVALID"),
    "wrong password": (wrong_password, 401, "ERROR_AUTHORIZATION_INVALID"),
    "wrong user name": (wrong_username, 401, "ERROR_AUTHORIZATION_INVALID"),
    "another store's pair": (foreign_pair, 401, "ERROR_AUTHORIZATION_INVALID"),
    "replaced pair": (replaced_pair, 401, "ERROR_AUTHORIZATION_INVALID"),
    "revoked pair": (revoked_pair, 401, "ERROR_AUTHORIZATION_INVALID"),
}
BY_WHO: dict[str, dict[str, tuple[Case, int, str]]] = {
    "manager": PARTNER | MANAGER,
    "partner": PARTNER,
    "shopper": PARTNER | SHOPPER,
    "source": SOURCE,
    "storefront": {
        **SHOPPER,
        "unknown host": (
            replaced("X-CUSTOMER-TOKEN", UNKNOWN_SESSION),
            404,
            "ERROR_STORE_NOT_FOUND",
        ),
    },
    "public": {
        "unknown store": (lambda house, route: {}, 404, "ERROR_STORE_NOT_FOUND"),
    },
    "page": {},
}
PAGES = frozenset(
    {
        "GET /openapi.json", "GET /docs", "GET /storefront/zid.js", "GET /healthz", "GET /readyz",
        "GET /metrics",  # who may not is asked in tests/seen/test_metrics.py
        # Who may not is asked in tests/contract/oauth.
        "GET /oauth/authorize", "POST /oauth/authorize", "POST /oauth/sign-in",
        "POST /oauth/sign-out", "POST /oauth/token", "POST /oauth/revoke",
    }
)  # fmt: skip
"""Whoever asks for these may have them, or they have a table of their own elsewhere."""
ROWS = [
    (route, name)
    for route in TABLE
    for name in BY_WHO[route.who]
    if route.scope or name != "too little scope"
]


def name_of(value: object) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Route) else str(value)


@pytest.mark.parametrize(("route", "name"), ROWS, ids=name_of)
def test_who_may_not(request: pytest.FixtureRequest, route: Route, name: str) -> None:
    case, status, code = BY_WHO[route.who][name]
    house: House = request.getfixturevalue("alone" if "expired" in name else "house")
    sent = call(house, route, case(house, route))
    if name == "unknown host":
        sent = (*sent[:2], {**sent[2], "Host": "nobody.example"}, sent[3])
    if name == "unknown store":
        sent = (*sent[:1], sent[1].replace(str(house.world.riyadh.store_id), "404"), *sent[2:])
    methods = [route.method, *(["HEAD"] if route.method == "GET" else [])]
    with watching(house) as commits:
        for method in methods:
            answer = house.send(method, *sent[1:])
            assert answer.status == status, answer.body
            assert method == "HEAD" or answer.code == code, answer.body
        assert commits() == 0


@contextmanager
def watching(house: House) -> Iterator[Callable[[], int]]:
    """Whether anybody has committed anything since: 0 for nothing."""
    house.settle()
    other = apsw.Connection(str(house.world.engine.vault.path), apsw.SQLITE_OPEN_READONLY)

    def version() -> int:
        (found,) = other.execute("PRAGMA data_version").fetchall()[0]
        assert isinstance(found, int)
        return found

    before = version()
    try:
        yield lambda: version() - before
    finally:
        other.close()


def test_control_a_change_is_seen(alone: House) -> None:
    changing = [route for route in TABLE if route.is_write]
    seen = 0
    for route in TABLE:
        sent = call(alone, route, right(alone, route))
        with watching(alone) as commits:
            alone.send(*sent)
            seen += commits() > 0
            assert route.is_write or commits() == 0, name_of(route)
    assert seen > len(changing) // 2


PATHS = sorted({route.path for route in TABLE})


@pytest.mark.parametrize("path", PATHS)
def test_every_other_method_is_refused(house: House, path: str) -> None:
    routes = [route for route in TABLE if route.path == path]
    known = {route.method for route in routes}
    known |= {"HEAD"} if "GET" in known else set()
    sent = call(house, routes[0], right(house, routes[0]))
    with watching(house) as commits:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
            if method not in known:
                answer = house.send(method, *sent[1:])
                assert answer.status == 405, (method, answer.body)
                assert {*answer["allow"].split(", ")} >= known
        assert commits() == 0


@pytest.mark.parametrize("route", TABLE, ids=name_of)
def test_control_who_may(alone: House, route: Route) -> None:
    answer = ask(alone, route, right(alone, route))
    may_go_wrong = ("ERROR_CODE_INVALID",) if "code" in [one.name for one in route.fields] else ()
    assert answer.status in (200, 303) or answer.code in may_go_wrong, answer.body


def test_control_every_route_has_rows() -> None:
    assert {name_of(route) for route, _ in ROWS} | PAGES == {name_of(route) for route in TABLE}
    assert {name_of(route) for route in TABLE if route.who == "page"} == PAGES
    for route in TABLE:
        has_none = route.who in ("source", "page", "public", "storefront")
        has_none |= route.path == "/v1/managers/account/profile"  # any token may ask whose it is
        assert bool(route.scope) is not has_none, name_of(route)
        assert route.sentence.endswith("."), name_of(route)
