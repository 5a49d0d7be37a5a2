"""More connections, and more requests at once, than a server takes: a 503 at once, and no queue."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.http.server import Answer, House, Wire, open_house, path_of, request
from tests.http.test_serve import under_way

CONNECTIONS = 10
IN_FLIGHT = 3


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A small house."""
    with open_house(
        tmp_path, connections=CONNECTIONS, in_flight=IN_FLIGHT, code_pause_seconds=0
    ) as one:
        yield one


def says_full(answer: Answer | None, language: str = "en") -> bool:
    """A 503 that says when to come again."""
    assert answer is not None
    return (
        answer.code == "ERROR_SERVICE_UNAVAILABLE"
        and int(answer["retry-after"]) > 0
        and answer["content-language"] == language
    )


def test_a_connection_too_many_is_told_and_closed(house: House) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(house.wire()) for _ in range(CONNECTIONS)]
        for wire in wires:
            wire.send(request("GET", "/nothing"))
            answer = wire.answer()
            assert answer is not None
            assert answer.status == 404
        for _ in range(30):
            with house.wire() as late:
                assert says_full(late.answer())
                assert late.is_over()
        for wire in wires:
            wire.send(request("GET", "/nothing"))
            assert wire.answer() is not None, "who is in stays in"
    statuses = [0]
    while statuses[-1] != 404:  # until the server has seen that they went
        assert len(statuses) < 1_000
        with house.wire() as wire:
            wire.send(request("GET", "/nothing"))
            answer = wire.answer()
            statuses.append(answer.status if answer else 0)


def test_a_request_too_many_is_told_at_once(house: House) -> None:
    world = house.world
    headers = house.shopper(world.riyadh, world.login(world.aisha))
    long_way = request("GET", path_of(world.riyadh.store_id) + "?x", headers)
    with ExitStack() as stack:
        waiting = [stack.enter_context(under_way(house)) for _ in range(IN_FLIGHT)]
        late = stack.enter_context(house.wire())
        for _ in range(3):
            late.send(request("GET", "/nothing", {"Accept-Language": "ar"}))
            assert says_full(late.answer(), "ar")
            late.send(request("POST", "/nothing", {}, b"x" * 70_000))
            assert says_full(late.answer())
            late.send(request("HEAD", "/nothing"))
            answer = late.answer("HEAD")
            assert answer is not None
            assert answer.status == 503
            late.send(long_way)
            assert says_full(late.answer())
        late.send(request("GET", path_of(world.riyadh.store_id), headers))
        balance = late.answer()
        assert balance is not None
        assert balance.status == 200, "what is answered at once is never in flight"
        for wire in waiting:
            assert ends(wire) == 200
        late.send(long_way)
        answer = late.answer()
        assert answer is not None
        assert answer.status == 200, "there is room again"


def test_who_asks_if_the_server_lives_is_told_also_where_it_is_full(house: House) -> None:
    """Else whoever sends a few bodies slowly has it started anew, again and again."""
    with ExitStack() as stack:
        for _ in range(IN_FLIGHT):
            stack.enter_context(under_way(house))
        late = stack.enter_context(house.wire())
        for method in ("GET", "HEAD") * 3:
            late.send(request(method, "/healthz"))
            answer = late.answer(method)
            assert answer is not None
            assert answer.status == 200
        late.send(request("GET", "/readyz"))
        assert says_full(late.answer()), "ready it is not"
        late.send(request("GET", "/healthz", {}, b"a body"))
        assert says_full(late.answer()), "nor is there room for a body"


def ends(wire: Wire) -> int:
    """Send what a request still lacks; the status of its answer."""
    wire.send(b'{"email":"nobody@example.com"}')
    answer = wire.answer()
    return answer.status if answer else 0


def test_one_connection_is_one_request_at_a_time(tmp_path: Path) -> None:
    """However many stand in a line, only the first of them is in flight."""
    with open_house(tmp_path, in_flight=1) as house, house.wire() as wire:
        wire.send(request("GET", "/nothing") * 200)
        answers = [wire.answer() for _ in range(200)]
    assert {answer.status for answer in answers if answer} == {404}
    assert None not in answers


def test_control_with_room_nothing_is_refused(tmp_path: Path) -> None:
    with open_house(tmp_path, connections=CONNECTIONS + 2) as house, ExitStack() as stack:
        for _ in range(IN_FLIGHT + 1):
            stack.enter_context(under_way(house))
        for _ in range(CONNECTIONS - IN_FLIGHT):
            wire = stack.enter_context(house.wire())
            wire.send(request("GET", "/nothing"))
            answer = wire.answer()
            assert answer is not None
            assert answer.status == 404
