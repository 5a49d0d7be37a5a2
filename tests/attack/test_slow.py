"""Requests that take too long to come are cut, and what came before them is answered."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.server import House, open_house, path_of, request

PATIENCE_S = 10


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("slow"), receive_seconds=1) as house:
        yield house


def said(house: House, data: bytes) -> bytes:
    """What comes back, to the end, after `data` and then silence."""
    with socket.create_connection(("127.0.0.1", house.port), timeout=PATIENCE_S) as line:
        line.sendall(data)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer


def test_a_silent_connection_is_closed(house: House) -> None:
    assert said(house, b"") == b""


LOGIN = request("POST", "/v1/stores/1/auth/login", [], b"x" * 100)
HALVES = {
    "half a line": b"GET /v1/cust",
    "half a head": request("GET", path_of(1))[:-4],
    "half a body": LOGIN[:-50],
    "half a chunk": (
        b"POST /v1/stores/1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nab"
    ),
}


@pytest.mark.parametrize("half", HALVES)
def test_half_a_request_is_answered_and_cut(house: House, half: str) -> None:
    head, _, body = said(house, HALVES[half]).partition(b"\r\n\r\n")
    # A route that refuses before it reads a body answers at once; what is cut later says nothing.
    if head.startswith(b"HTTP/1.1 408 "):
        assert json.loads(body)["error_code"] == "ERROR_REQUEST_TIMEOUT"
    else:
        assert half.endswith(("body", "chunk"))
        assert head.startswith(b"HTTP/1.1 401 ")


def test_a_body_that_a_route_waits_for_is_cut(house: House) -> None:
    store = house.world.riyadh
    headers = {**house.partner(store), "Content-Type": "application/json"}
    login = request("POST", f"/v1/stores/{store.store_id}/auth/login", headers, b"x" * 100)
    assert said(house, login[:-50]).startswith(b"HTTP/1.1 408 ")


def test_what_came_before_is_answered_first(house: House) -> None:
    whole = request("GET", "/nothing")
    answer = said(house, whole + whole[:20])
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.count(b"HTTP/1.1 408 ") == 1


def test_a_connection_within_its_time_stays(tmp_path: Path) -> None:
    """The control: with more time, the same silence is not cut."""
    with (
        open_house(tmp_path, receive_seconds=60) as patient,
        socket.create_connection(("127.0.0.1", patient.port), timeout=2) as line,
    ):
        line.sendall(HALVES["half a head"])
        with pytest.raises(TimeoutError):
            line.recv(1)
