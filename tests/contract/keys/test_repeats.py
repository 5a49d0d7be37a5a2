"""Every write, sent twice with one Idempotency-Key: one effect, one answer; another call under the
same key is a conflict, and changes nothing.

Source: contract, decisions, section 2; design, ledger, section 6.
"""

import pytest

from nuqta.api.routes import TABLE
from nuqta.web.routes import Route
from tests.calls.callers import good, send
from tests.calls.every import Call
from tests.http.server import House
from tests.http.test_access import name_of, watching

NOT_KEPT = frozenset(
    {
        "POST /v1/stores/{store}/auth/logout", "DELETE /api/v1/auth/session",
        "POST /api/v1/auth/session",
    }
)  # fmt: skip
"""Who ends a session is nobody afterwards: the repetition is a stranger's, and has nothing left to
do. And a cookie that is set twice is one."""
OTHERS: dict[str, dict[str, object]] = {
    "PUT /v1/managers/store/orders/{order_id}/loyalty": {"status": "preparing"},
    "POST /v1/managers/loyalty-program/webhooks": {"url": "https://other.example/"},
    "POST /v1/stores/{store}/auth/login": {"email": "other@shop.example"},
}
"""A change that a route takes, where it refuses what it does not know."""
WRITES = [
    route
    for route in TABLE
    if route.is_write and route.who != "page" and name_of(route) not in NOT_KEPT
]


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_a_write_is_done_once(alone: House, route: Route) -> None:
    call, headers = good(alone, route)
    headers["Idempotency-Key"] = "once"
    first = send(alone, route, call, headers)
    if first.code == "ERROR_CODE_INVALID":  # a code that nobody was sent: refused each time alike
        assert send(alone, route, call, headers).body == first.body
        return
    assert first.status == 200, first.body
    assert "idempotent-replayed" not in first.names
    with watching(alone) as commits:
        again = send(alone, route, call, headers)
        assert (again.status, again.body) == (200, first.body)
        assert again["idempotent-replayed"] == "true"
        slash = send(alone, route, Call(f"{call.path}/", call.body), headers)
        assert slash.body == first.body
        if other := another(route, call.body):
            conflict = send(alone, route, Call(call.path, other), headers)
            assert (conflict.status, conflict.code) == (409, "ERROR_IDEMPOTENCY_CONFLICT")
        assert commits() == 0


def another(route: Route, body: object) -> dict[str, object] | None:
    """Another body that the route takes; None where there is only one."""
    sent = body if isinstance(body, dict) else {}
    if name_of(route) in OTHERS:
        return {**sent, **OTHERS[name_of(route)]}
    return {**sent, "something": "else"} if route.takes_more else None


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_a_key_must_be_plain(alone: House, route: Route) -> None:
    call, headers = good(alone, route)
    for key in ("", "a b", "k" * 256, "\u00e9"):
        answer = send(alone, route, call, {**headers, "Idempotency-Key": key})
        assert (answer.status, answer.code) == (422, "ERROR_POPUP_OK"), (key, answer.body)
        assert list(answer.json)[3:] == ["Idempotency-Key"]


def test_a_key_belongs_to_whoever_sent_it(alone: House) -> None:
    """The same key of another application is another one."""
    world = alone.world
    (route,) = [one for one in TABLE if one.path.endswith("{order_id}/loyalty")]
    call, headers = good(alone, route)
    headers["Idempotency-Key"] = "mine"
    other = world.install(world.riyadh, name="Other")
    theirs = {
        "Authorization": other.authorization,
        "X-Manager-Token": other.access_token,
        "Idempotency-Key": "mine",
    }
    assert send(alone, route, call, headers).status == 200
    answer = send(alone, route, call, theirs)
    assert answer.status == 200
    assert "idempotent-replayed" not in answer.names
