"""One Idempotency-Key sent many times at once, to two servers on one database; the same key of two
customers, stores and faces.

Source: contract, decisions, section 2; design, ledger, section 6.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from nuqta.engine.engine import open_engine
from nuqta.web.routes import Route
from tests.calls.callers import good, send
from tests.calls.every import Call
from tests.contract.keys.test_repeats import WRITES
from tests.http.server import Answer, Header, House, Wire, request, serving
from tests.http.test_access import name_of
from tests.orders.shop import Shop

AT_ONCE = 16
ADJUST = "/v1/managers/loyalty-program/customers/adjust-customer-points"
STOREFRONT = "/api/v1/cart/loyalty/redemptions"
KEY = {"Idempotency-Key": "the-same"}


@pytest.fixture
def ports(alone: House) -> Iterator[tuple[int, int]]:
    """The house's own server, and another one on the same file, with a door of its own."""
    world = alone.world
    with serving(open_engine(world.engine.settings, world.time.clock())) as second:
        yield alone.port, second


def volley(
    ports: tuple[int, int], method: str, path: str, headers: dict[str, str], bodies: list[object]
) -> list[Answer]:
    """The same call, with one body or another, sent at once to both servers."""
    ready = threading.Barrier(AT_ONCE)
    pairs: list[Header] = [*headers.items(), ("Content-Type", "application/json")]

    def one(number: int) -> Answer:
        body = bodies[number % len(bodies)]
        data = b"" if body is None else json.dumps(body).encode()
        with Wire(ports[number % 2]) as wire:
            ready.wait()
            wire.send(request(method, path, pairs, data))
            answer = wire.answer(method)
        assert answer is not None
        return answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, range(AT_ONCE)))


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_of_many_at_once_one_is_done(alone: House, ports: tuple[int, int], route: Route) -> None:
    call, headers = good(alone, route)
    answers = volley(ports, route.method, call.path, {**headers, **KEY}, [call.body])
    assert len({(answer.status, answer.body) for answer in answers}) == 1
    if answers[0].status == 200:
        replayed = sum("idempotent-replayed" in answer.names for answer in answers)
        assert replayed == AT_ONCE - 1


def test_of_other_calls_under_one_key_one_is_done(alone: House, ports: tuple[int, int]) -> None:
    world = alone.world
    calls: list[object] = [
        {"customerId": 1, "direction": "+", "points": points} for points in (1, 10)
    ]
    headers = {**alone.manager(world.riyadh), **KEY}
    answers = volley(ports, "POST", ADJUST, headers, calls)
    assert statuses(answers) == {200: AT_ONCE // 2, 409: AT_ONCE // 2}
    assert world.balance(world.aisha).available in (1, 10)


def test_no_more_is_deducted_than_there_is(alone: House, ports: tuple[int, int]) -> None:
    world = alone.world
    world.adjust(world.aisha, 100)
    call = {"customerId": 1, "direction": "-", "points": 30}
    answers = volley(ports, "POST", ADJUST, alone.manager(world.riyadh), [call])
    assert statuses(answers) == {200: 3, 422: AT_ONCE - 3}
    assert world.balance(world.aisha).available == 10


def test_the_same_key_of_others_is_another(alone: House) -> None:
    """Two customers, two faces and two stores have keys of their own; two routes do not."""
    world, riyadh = alone.world, alone.world.riyadh
    for shopper in world.shoppers:
        world.adjust(shopper, 100)
    method_id = Shop(alone, riyadh).method(points=40).method_id
    wish: dict[str, object] = {"method_ids": [method_id], "point_redemption_method": method_id}
    cart = f"/v1/stores/{riyadh.store_id}/carts/loyalty-redemption-method/add"
    for shopper in (world.aisha, world.badr):
        headers = {**alone.shopper(riyadh, world.login(shopper)), **KEY, "Host": "riyadh.example"}
        for number, path in enumerate((cart, STOREFRONT), 1):
            answer = alone.send("POST", path, {**headers, "CART-SESSION-ID": f"c{number}"}, wish)
            assert answer.status == 200
            assert "idempotent-replayed" not in answer.names
            assert world.balance(shopper).available == 100 - 40 * number
    call = {"customerId": 1, "direction": "+", "points": 5}
    for store, status in ((world.kuwait, 200), (riyadh, 409)):
        answer = alone.send("POST", ADJUST, {**alone.manager(store), **KEY}, call)
        assert answer.status == status
        assert "idempotent-replayed" not in answer.names
    other = "/v1/managers/loyalty-program/activation"
    answer = alone.send("POST", other, {**alone.manager(world.kuwait), **KEY}, {"activate": 1})
    assert answer.code == "ERROR_IDEMPOTENCY_CONFLICT"


def test_a_store_has_two_names_in_one_call(alone: House) -> None:
    """Its id and its UUID are the same store, so the call is the same one."""
    (route,) = [one for one in WRITES if one.path.endswith("redemption-method/remove")]
    call, headers = good(alone, route)
    store = alone.world.riyadh
    assert send(alone, route, call, {**headers, **KEY}).status == 200
    for name in (store.uuid, store.uuid.upper()):
        again = Call(call.path.replace(str(store.store_id), name), call.body)
        answer = send(alone, route, again, {**headers, **KEY})
        assert answer.status == 200
        assert answer["idempotent-replayed"] == "true"
