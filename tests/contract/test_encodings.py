"""Every write of Zid's, sent in every way in which Zid's clients send it: JSON with nested objects,
JSON and forms with names in brackets, numbers as texts; with and without a slash at the end.

Source: contract, decisions, section 4, items 3 and 10.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from nuqta.api.routes import TABLE
from nuqta.web.routes import Route
from tests.calls.callers import good
from tests.contract.report.test_compatibility import keys_of
from tests.http.server import House
from tests.http.test_access import name_of

WRITES = [
    route
    for route in TABLE
    if route.is_write
    and route.takes_more
    and route.fields
    and route.who in ("manager", "shopper")
    and not any(field.kind == "any" for field in route.fields)
]
_LINE = "--line"


def flat(body: dict[str, Any]) -> dict[str, str]:
    """The names and values of a body as a form has them."""
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found.update({f"{name}[{inner}]": text for inner, text in flat(value).items()})
        else:
            found[name] = str(value)
    return found


def nested_json(body: dict[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(body).encode()


def flat_json(body: dict[str, Any]) -> tuple[str, bytes]:
    return "application/json; charset=utf-8", json.dumps(flat(body)).encode()


def form(body: dict[str, Any]) -> tuple[str, bytes]:
    return "application/x-www-form-urlencoded", urlencode(flat(body)).encode()


def multipart(body: dict[str, Any]) -> tuple[str, bytes]:
    parts = [
        f'{_LINE}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in flat(body).items()
    ]
    return f"multipart/form-data; boundary={_LINE[2:]}", f"{''.join(parts)}{_LINE}--\r\n".encode()


@pytest.mark.parametrize("encoded", [nested_json, flat_json, form, multipart])
@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_a_write_is_taken_however_it_is_sent(
    house: House, route: Route, encoded: Callable[[dict[str, Any]], tuple[str, bytes]]
) -> None:
    for slash in ("", "/"):
        call, headers = good(house, route)
        assert isinstance(call.body, dict)
        kind, data = encoded({**call.body, "what_nobody_asks_for": "1"})
        answer = house.ask(route.method, call.path + slash, {**headers, "Content-Type": kind}, data)
        assert answer.status == 200, answer.body
        again, more = good(house, route)
        plain = house.send(route.method, again.path, more, again.body)
        assert _shape(answer.json) == _shape(plain.json)


def _shape(answer: Any) -> set[str]:
    return set(keys_of(answer))


@pytest.mark.parametrize("route", WRITES, ids=name_of)
def test_a_sentence_carries_the_name_that_the_field_has_in_a_form(
    house: House, route: Route
) -> None:
    call, headers = good(house, route)
    bad = {field.name: "\x01" for field in route.fields}
    before = house.send(route.method, call.path, headers, bad)
    assert (before.status, before.code) == (422, "ERROR_POPUP_OK")
    names = ["body.status" if one.name == "status" else one.name for one in route.fields]
    assert list(before.json)[3:] == names
    for sentences in list(before.json.values())[3:]:
        assert sentences[0].endswith(".")
    arabic = house.send(route.method, call.path, {**headers, "Accept-Language": "ar"}, bad)
    for sentences in list(arabic.json.values())[3:]:
        assert not sentences[0].isascii()


def test_control_there_are_such_writes() -> None:
    assert len(WRITES) >= 9
